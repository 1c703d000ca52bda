"""Small runs, trained once for all tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.repro.predict.made_runs import ROWS, chosen, train_all, write_rows


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with runs; copy what you change."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        train_all()
        for dataset in ("mosi", "tea", "mmimdb"):
            write_rows(dataset, "test", folder / "rows" / dataset)
    torch.set_deterministic_debug_mode("default")
    return folder


@pytest.fixture
def runs(trained: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The working directory with the runs."""
    monkeypatch.chdir(trained)
    yield trained
    torch.set_deterministic_debug_mode("default")


@pytest.fixture
def tea(runs: Path, tmp_path: Path) -> Path:
    """A few rows of tea."""
    return chosen(runs / "rows/tea/samples.csv", ROWS, tmp_path)
