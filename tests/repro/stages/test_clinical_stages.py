"""The clinical stages one after another on a tiny simulated tree."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from repro import files, params, paths
from repro.features.clinical import KINDS
from repro.features.clinical_reading import read_clinical_features
from repro.results.runs import read_run
from repro.stages import (
    clinical_baselines,
    clinical_features,
    ingest,
    prepare_icu,
    simulate_icu,
    train,
    weights,
)

ROOT = Path(__file__).parents[3]


def settings(**clinical: object) -> None:
    """Write params.yaml of the tiny profile with changes of its clinical block."""
    yaml = YAML(typ="safe")
    content = yaml.load(ROOT / "params.yaml")
    content |= {"preset": "tiny", "seeds": [0], "experts": 4}
    content["clinical"] |= clinical
    with paths.PARAMS.open("w") as handle:
        yaml.dump(content, handle)


def run(stage: object, *arguments: str) -> None:
    """A stage as on the command line."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["stage", *arguments])
        stage.main()  # type: ignore[attr-defined]


def prepared(cohort: str) -> None:
    """Cohort and all its features."""
    run(prepare_icu, cohort)
    for kind in KINDS:
        run(clinical_features, cohort, kind)


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the simulated tree, one corrupt film in it, and what was taken."""
    folder = tmp_path_factory.mktemp("icu")
    before = Path.cwd()
    os.chdir(folder)
    settings()
    run(simulate_icu)
    run(ingest)
    film = files.read_table(paths.ingested() / "cxr.parquet")["path"].iloc[0]
    (paths.simulated_icu() / "cxr" / film).write_bytes(b"no film")
    yield folder
    os.chdir(before)


@pytest.fixture
def holdout(ingested: Path) -> Path:
    """The same folder with both cohorts under holdout."""
    settings()
    for cohort in ("icu_all", "icu_complete"):
        prepared(cohort)
    return ingested


def test_features_of_both_cohorts(holdout: Path) -> None:
    every = read_clinical_features("icu_all")
    complete = read_clinical_features("icu_complete")
    assert set(complete.samples["id"]) < set(every.samples["id"])
    both = every.samples.merge(complete.samples, on="id")
    assert (both["split_x"] == both["split_y"]).all()
    for features in (every, complete):
        assert list(features.modalities) == ["timeseries", "text", "cxr", "ecg"]
        grouped = features.samples.groupby("group")["split"].nunique()
        assert grouped.max() == 1
        for name, ragged in features.modalities.items():
            there = features.samples[f"present_{name}"]
            assert ((ragged.lengths > 0) == there).all()
            assert np.isfinite(ragged.values).all()
            assert ragged.times.min() >= 0 and ragged.times.max() <= 48
        assert (features.hourly["timeseries"].lengths == 48).all()
    assert every.meta["cxr"]["skipped"] == 1
    (skipped,) = every.meta["cxr"]["skipped_objects"]
    assert skipped["path"].endswith(".jpg") and skipped["reason"]
    assert complete.samples.filter(like="present_").mean().min() > 0.9


def test_a_class_that_a_split_lacks_stops_a_holdout(ingested: Path) -> None:
    settings()
    stays = files.read_table(paths.ingested() / "stays.parquet")
    rare = stays["y"] == 3
    kept = pd.concat([stays[~rare], stays[rare].head(1)]).sort_values("stay_id")
    files.write_table(paths.ingested() / "stays.parquet", kept)
    try:
        with pytest.raises(ValueError, match=r"no stay of class 3.*grouped_cv"):
            run(prepare_icu, "icu_all")
    finally:
        files.write_table(paths.ingested() / "stays.parquet", stays)


def test_cross_validation_tests_every_stay_once(ingested: Path) -> None:
    settings(evaluation="grouped_cv", divide_series=True)
    prepared("icu_all")
    run(clinical_baselines, "icu_all")
    for group, key in (
        ("icu_unimodal", "icu_all_unimodal"),
        ("icu_fusion", "icu_all_fusemoe"),
    ):
        run(train, group, key)
    run(weights, "icu_all", "fusemoe")
    run(train, "icu_btw", "icu_all_btw")
    found = {f: read_run("icu_all", f) for f in ("baselines", "fusemoe", "btw")}
    stays = files.read_table(paths.ingested() / "stays.parquet")
    for name, method in (
        ("baselines", "haim"),
        ("fusemoe", "fusemoe"),
        ("btw", "bi_level"),
    ):
        tested = found[name].predictions(method)
        assert sorted(tested.id) == sorted(stays["stay_id"].astype(str))
        np.testing.assert_allclose(tested.prediction.sum(-1), 1)
    report = found["btw"].report
    assert report["folds"] == 3 and "vitals" in report["data"]["modalities"]
    assert report["data"]["sizes"]["test"] == len(stays)
    assert params.load().parts("icu_all")[2] == "icu_all/fold_2"


def test_an_unknown_cohort_or_kind_is_named(ingested: Path) -> None:
    settings()
    with pytest.raises(ValueError, match="cohort='icu_none': choose one of"):
        run(prepare_icu, "icu_none")
    with pytest.raises(ValueError, match="kind='mri': choose one of series"):
        run(clinical_features, "icu_all", "mri")
