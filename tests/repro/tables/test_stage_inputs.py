"""The runs that every dvc stage of a table or figure depends on."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from repro import paths
from repro.figures.btw import FIGURES
from repro.tables.btw import TABLES
from tests.repro.conftest import ROOT


def test_dvc_stages_list_every_run_that_they_read(
    study: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reads are recorded while each table and figure is made."""
    files = ("dvc.yaml", "pipelines/ablations/dvc.yaml")
    read = [yaml.safe_load((ROOT / file).read_text())["stages"] for file in files]
    stages = read[0] | read[1]
    study.write_runs(study.params)
    real, seen = paths.run, set()

    def recording(address: str) -> Path:
        seen.add(f"runs/{address}")
        return real(address)

    monkeypatch.setattr(paths, "run", recording)
    makes: dict[str, Any] = {name: table.make for name, table in TABLES.items()}
    for name, make in {**makes, **FIGURES}.items():
        seen.clear()
        make(study.params)
        listed = [
            dep for dep in stages[f"btw_{name}"]["deps"] if dep.startswith("runs/")
        ]
        for run in seen:
            assert any(f"{run}/".startswith(f"{dep}/") for dep in listed), (name, run)
        for dep in listed:
            assert any(f"{run}/".startswith(f"{dep}/") for run in seen), (name, dep)
