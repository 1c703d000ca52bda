"""Hospital visits from the simulated tree to features and baselines, tiny preset."""

from pathlib import Path

import pytest

from repro import files, paths
from repro.features.reading import read_features
from repro.report import read_report
from repro.stages import read_folder, simulate_folder
from tests.repro.data.mimiciv.visit_tree import write_visits
from tests.repro.stages.made_settings import configure
from tests.settings import copied_settings

VISITS = {"notes": "earlier", "codes": "all", "time_policy": "strict"}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    copied_settings(tmp_path)
    return tmp_path


def test_the_simulated_tree_goes_through():
    simulate_folder.main(["mortality"])
    read_folder.main(["mortality"])
    meta = files.read_json(paths.prepared("mortality") / "meta.json")
    assert meta["simulated"] and meta["task"] == "classification"
    assert meta["kinds"] == {"lab": "vector", "note": "text", "code": "vector"}
    features = read_features("mortality")
    assert list(features.modalities) == ["lab", "note", "code"]
    for name, ragged in features.modalities.items():
        present = features.samples[f"present_{name}"].to_numpy()
        assert ((ragged.lengths == 1) == present).all() and not present.all()
    report = read_report("baselines/mortality")
    assert {"majority", "stratified", "logistic"} <= set(report.methods)
    assert report.data.simulated and report.data.classes == 2
    counts = files.read_json(paths.prepared("mortality") / "report.json")["rows"]
    assert all(sum(c["fates"].values()) == c["read"] for c in counts.values())


def test_few_real_patients_are_told_of_only_where_that_is_asked_for(folder: Path):
    root = write_visits(folder / "raw")
    configure("mortality", source="own", path=root.as_posix())
    with pytest.raises(
        ValueError, match=r"set visits\.small_cells: show where the data"
    ):
        read_folder.main(["mortality"])
    shown = VISITS | {"small_cells": "show"}
    configure("mortality", source="own", path=root.as_posix(), visits=shown)
    read_folder.main(["mortality"])
    meta = files.read_json(paths.prepared("mortality") / "meta.json")
    assert meta["source"] == "mimiciv_mortality" and not meta["simulated"]
    assert any("9,003 patients of I2MoE cannot be derived" in n for n in meta["notes"])


def test_real_tables_called_simulated_are_refused(folder: Path):
    configure("mortality", path=write_visits(folder / "raw").as_posix())
    with pytest.raises(ValueError, match="the simulator did not write every visit"):
        read_folder.main(["mortality"])
