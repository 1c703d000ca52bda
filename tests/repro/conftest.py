"""A small study in a temporary folder: params, printed numbers, fabricated runs."""

import os
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from repro import params as parameters
from repro import paths
from repro.params import Params
from tests.repro.made_runs import only, write_study

ROOT = Path(__file__).parents[2]
COHORTS = ("icu_complete", "icu_all")
WRITTEN = ("runs", "timing", "data/prepared", "data/ingested", "data/simulated")


def few_resamples(params: Params, resamples: int = 400) -> Params:
    """Params whose bootstrap takes no time."""
    few = dict.fromkeys(("resamples", "auroc_resamples"), resamples)
    statistics = params.statistics.model_copy(update=few)
    return params.model_copy(update={"statistics": statistics})


@pytest.fixture(scope="session")
def whole_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with printed numbers and every run of params.yaml, written once."""
    folder = tmp_path_factory.mktemp("study")
    shutil.copytree(ROOT / "data/published", folder / "data/published")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_study(parameters.load(ROOT / paths.PARAMS))
    return folder


@pytest.fixture
def study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole_study: Path
) -> SimpleNamespace:
    """Params with few resamples, in a folder with printed numbers and no runs yet."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(whole_study / "data/published", tmp_path / "data/published")
    params = few_resamples(parameters.load(ROOT / paths.PARAMS))

    def write(chosen: Params, **changes: Any) -> None:
        for name in WRITTEN:
            shutil.rmtree(tmp_path / name, ignore_errors=True)
        if changes or chosen is not params:
            write_study(chosen, **changes)
            return
        # Links are safe: a file is replaced, never written into.
        for name in WRITTEN:
            shutil.copytree(whole_study / name, tmp_path / name, copy_function=os.link)

    return SimpleNamespace(params=params, write_runs=write)


@pytest.fixture
def clinical(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole_study: Path
) -> Params:
    """Params of the cohorts alone with few resamples, in a folder with runs."""
    # Links are safe: a file is replaced, never written into.
    shutil.copytree(whole_study, tmp_path, copy_function=os.link, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return only(few_resamples(parameters.load(ROOT / paths.PARAMS), 300), COHORTS)
