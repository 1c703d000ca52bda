"""The clinical stages one after another on a tiny simulated tree."""

import gzip
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from repro import files, params, paths
from repro.features.reading import read_features
from repro.features.stays import KINDS
from repro.results.runs import read_run
from repro.stages import (
    baselines,
    ceilings,
    features,
    ingest,
    prepare_icu,
    simulate_icu,
    train,
)
from repro.tables.btw import TABLES
from repro.tables.writing import write_table

ROOT = Path(__file__).parents[3]


def settings(**clinical: object) -> None:
    """Write params.yaml of the tiny profile with changes of its clinical block."""
    yaml = YAML(typ="safe")
    content = yaml.load(ROOT / "params.yaml")
    content |= {"preset": "tiny", "seeds": [0], "experts": 4}
    content["clinical"] |= clinical
    with paths.PARAMS.open("w") as handle:
        yaml.dump(content, handle)
    shutil.copytree(ROOT / "cells", "cells", dirs_exist_ok=True)
    for own in (paths.SIMULATORS, paths.NAMES):
        shutil.copy(ROOT / own, own)
    paths.preset("tiny").parent.mkdir(exist_ok=True)
    shutil.copy(ROOT / paths.preset("tiny"), paths.preset("tiny"))


def run(stage: object, *arguments: str) -> None:
    """A stage as on the command line."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["stage", *arguments])
        stage.main()  # type: ignore[attr-defined]


def prepared(cohort: str) -> None:
    """Cohort and all its features."""
    run(prepare_icu, cohort)
    for kind in KINDS:
        run(features, cohort, kind)


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
    (paths.simulated_icu().parent / "cxr" / film).write_bytes(b"no film")
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
    every = read_features("icu_all")
    complete = read_features("icu_complete")
    assert set(complete.samples["id"]) < set(every.samples["id"])
    both = every.samples.merge(complete.samples, on="id")
    assert (both["split_x"] == both["split_y"]).all()
    for found in (every, complete):
        assert list(found.modalities) == ["timeseries", "text", "cxr", "ecg"]
        grouped = found.samples.groupby("group")["split"].nunique()
        assert grouped.max() == 1
        for name, ragged in found.modalities.items():
            there = found.samples[f"present_{name}"]
            assert ((ragged.lengths > 0) == there).all()
            assert np.isfinite(ragged.values).all()
            assert ragged.times.min() >= 0 and ragged.times.max() <= 48
        assert (found.hourly["timeseries"].lengths == 48).all()
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
    run(baselines, "icu_all")
    for group in ("base", "btw"):
        run(train, f"{group}/icu_all")
    found = {g: read_run(f"{g}/icu_all") for g in ("baselines", "base", "btw")}
    stays = files.read_table(paths.ingested() / "stays.parquet")
    for name, method in (
        ("baselines", "haim"),
        ("baselines", "logistic"),
        ("base", "stacked"),
        ("base", "fusemoe"),
        ("btw", "bi_level"),
    ):
        tested = found[name].predictions(method)
        assert sorted(tested.id) == sorted(stays["stay_id"].astype(str))
        np.testing.assert_allclose(tested.prediction.sum(-1), 1)
    report = found["btw"].report
    assert report.folds == 3 and "vitals" in report.data.modalities
    assert report.data.sizes["test"] == len(stays)
    assert params.load().parts("icu_all")[2] == "icu_all/fold_2"
    check_ceilings(len(stays))


def check_ceilings(stays: int) -> None:
    """Every fold has its own, and vitals and labs show the same latents."""
    run(ceilings, "icu_all")
    found = read_run("ceilings/icu_all")
    assert found.methods == ["attainable", "attainable_known"]
    assert len(found.predictions("attainable").id) == stays
    truth = found.read("truth")
    assert (truth["reliable_vitals"] == truth["reliable_labs"]).all()
    assert truth["posterior_ecg"].between(0, 1).all()
    told = found.read("reliability")
    assert len(told) == 3 * 5 * 3  # folds, modalities, sources
    posterior = told[told["source"] == "posterior"]["auroc"]
    assert posterior.mean() > 0.8


def test_a_table_that_is_not_the_listed_one_stops_the_ingest(ingested: Path) -> None:
    settings()
    path = paths.simulated_icu() / "hosp/admissions.csv.gz"
    before = path.read_bytes()
    path.write_bytes(before + gzip.compress(b""))  # the same rows in other bytes
    try:
        with pytest.raises(ValueError, match=r"admissions\.csv\.gz: its SHA-256 is"):
            run(ingest)
    finally:
        path.write_bytes(before)


def test_the_simulated_tree_stays_simulated_under_another_name(
    ingested: Path,
) -> None:
    """Neither path nor `source` makes made-up patients real."""
    kept = files.read_json(paths.ingested() / "report.json")
    truth = files.read_table(paths.planted_stays())
    shutil.copytree(paths.simulated_icu(), "elsewhere")
    none = dict.fromkeys(("note", "cxr", "ecg"), "none")
    settings(source="mimiciv", path="elsewhere", **none)
    run(ingest)
    report = files.read_json(paths.ingested() / "report.json")
    run(prepare_icu, "icu_all")
    meta = files.read_json(paths.prepared("icu_all") / "meta.json")
    # What another ingest left says nothing of these stays.
    assert not paths.planted_stays().exists()
    assert not paths.planted("icu_all").exists()
    files.write_json(paths.ingested() / "report.json", kept)
    files.write_table(paths.planted_stays(), truth)
    assert report["simulated"] is meta["simulated"] is True
    assert meta["source"] == "simulated"


def test_table2_is_made_of_a_cohort_that_exists_alone(ingested: Path) -> None:
    settings(evaluation="grouped_cv", divide_series=True)
    notes = files.read_table(paths.ingested() / "notes.parquet")
    files.write_table(paths.ingested() / "notes.parquet", notes.iloc[:0])
    try:
        for cohort in ("icu_complete", "icu_all"):
            run(prepare_icu, cohort)
        with pytest.raises(ValueError, match=r"the complete cohort is empty: .* text"):
            run(features, "icu_complete", "series")
        file = paths.printed("btw")
        file.parent.mkdir(parents=True)
        shutil.copy(ROOT / file, file)
        write_table("btw_table2", TABLES["table2"], params.load())
    finally:
        files.write_table(paths.ingested() / "notes.parquet", notes)
    (block,) = files.read_json(paths.table_metrics("btw_table2")).items()
    stays = files.read_table(paths.ingested() / "stays.parquet")
    assert block[0] == "icu_all__simulated"
    assert block[1]["total"]["stays"]["mean"] == len(stays)


def test_an_unknown_cohort_or_kind_is_named(ingested: Path) -> None:
    settings()
    with pytest.raises(ValueError, match="cohort 'icu_none' is unknown; did you mean"):
        run(prepare_icu, "icu_none")
    with pytest.raises(ValueError, match="kind='mri': choose one of series"):
        run(features, "icu_all", "mri")
