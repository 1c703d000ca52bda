"""The simulated visits: what is planted, who shows it, and the planted dirt."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from repro import files
from repro.data.checking import check
from repro.data.mimiciv.mortality import REPORT, Rules, read
from repro.params import load
from repro.params.visits import VisitSimulation
from repro.records import Dataset, Ragged, Texts
from repro.simulation.visits.plan import YEAR, drawn_plan
from repro.simulation.visits.tables import write_tree
from tests.pipeline_graph import ROOT

PLANTED = load(ROOT / "params.yaml").visit_simulation
COUNT = 700
RULES = Rules(simulated=True, fewest=10)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("visits")
    write_tree(PLANTED, COUNT, root)
    return root


@pytest.fixture(scope="module")
def dataset(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("prepared")
    return check(read(tree, RULES, folder), "here", "refuse", ("lives", "dies"))


def test_two_runs_write_the_same_bytes(tmp_path: Path):
    for name in ("a", "b"):
        write_tree(PLANTED, 100, tmp_path / name)
    written = [p for p in (tmp_path / "a").rglob("*") if p.is_file()]
    assert len(written) == 7
    for path in written:
        other = tmp_path / "b" / path.relative_to(tmp_path / "a")
        assert path.read_bytes() == other.read_bytes()


def test_the_tree_is_small(tree: Path):
    assert sum(p.stat().st_size for p in tree.rglob("*") if p.is_file()) < 3e6


def test_the_reader_reads_it_and_finds_the_planted_labels(
    tree: Path, dataset: Dataset, tmp_path: Path
):
    assert dataset.simulated and dataset.source == "simulated"
    truth = files.read_table(tree / "truth.parquet").set_index("id")
    own = truth.loc[dataset.samples["id"]]
    assert (own["y"].to_numpy() == dataset.samples["y"].to_numpy()).all()
    assert own["y"].mean() == pytest.approx(PLANTED.positives, abs=0.01)
    for name in ("lab", "note"):
        absent = int((~own[f"present_{name}"]).sum())
        assert f"{name}: absent in {absent} samples" in dataset.notes
    silent = truth.loc[~truth.index.isin(dataset.samples["id"])]
    assert not silent[["present_lab", "present_note", "present_code"]].any(axis=None)
    read(tree, RULES, tmp_path)
    fates = files.read_json(tmp_path / REPORT)["rows"]
    for name in ("one_visit", "no_adult", "died_before_discharge", "nothing_known"):
        assert fates["hosp/patients"]["fates"][name] >= 1, name
    assert fates["hosp/admissions"]["fates"]["died_in_visit"] > 20
    assert fates["hosp/admissions"]["fates"]["repeated"] == 2
    assert fates["hosp/labevents"]["noted"]["kept_without_admission"] > 1000
    assert fates["hosp/diagnoses_icd"]["fates"]["other_version"] == 1


def auroc(dataset: Dataset, *names: str) -> float:
    """That of a logistic regression on vectors, in five folds."""
    columns = []
    for name in names:
        one = dataset.modalities[name]
        assert isinstance(one, Ragged)
        values = np.zeros((len(one.lengths), one.values.shape[1]))
        values[one.lengths > 0] = one.values
        columns.append(values)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500))
    y = dataset.samples["y"].to_numpy()
    found = cross_val_predict(
        model, np.hstack(columns), y, cv=5, method="predict_proba"
    )
    return roc_auc_score(y, found[:, 1])


def test_every_vector_tells_something_and_both_tell_more(dataset: Dataset):
    lab, code = auroc(dataset, "lab"), auroc(dataset, "code")
    assert 0.65 < lab < 0.85 and 0.6 < code < 0.85
    assert auroc(dataset, "lab", "code") > max(lab, code) + 0.02


def test_index_summaries_alone_tell_who_died(tree: Path, tmp_path: Path):
    def says(time: str) -> pd.Series:
        rules = Rules(notes=time, simulated=True)  # type: ignore[arg-type]
        found = read(tree, rules, tmp_path / time)
        texts = found.modalities["note"]
        assert isinstance(texts, Texts)
        told = pd.Series(["Expired" in text for text in texts.values])
        return found.samples["y"][told]

    assert len(says("earlier")) == 0
    assert len(says("index")) > 60 and (says("index") == 1).all()


def test_versions_of_codes_are_mixed(tree: Path):
    table = pd.read_csv(tree / "hosp/diagnoses_icd.csv.gz", dtype=str)
    versions = table.groupby("subject_id")["icd_version"].unique().map(set)
    kinds = versions.map(lambda own: "".join(sorted(own & {"9", "10"})))
    assert kinds.value_counts(normalize=True).reindex(["9", "10", "109"]).min() > 0.15


def test_deaths_lie_where_the_label_says(tree: Path):
    plan = drawn_plan(PLANTED, COUNT, np.random.default_rng([PLANTED.seed, 0]))
    people, visits = plan.patients, plan.visits
    last = visits[visits["place"] == "index"].set_index("patient")["dischtime"]
    days = (people["dod"] - last.reindex(people.index).dt.normalize()).dt.days
    assert days[people["y"] == 1].between(0, YEAR).all()
    assert {0, YEAR} <= set(days[people["y"] == 1])
    assert (days[people["y"] == 0].dropna() > YEAR).all()
    assert YEAR + 1 in set(days[people["y"] == 0])
    starts = visits.groupby("patient")["admittime"].shift(-1)
    assert (starts.dropna() > visits["dischtime"][starts.notna()]).all()
    survived = visits[visits["place"] != "fatal"].groupby("patient").size()
    assert survived[people["y"] >= 0].between(2, 4).all()


def test_strengths_of_nothing_leave_nothing_to_learn(tmp_path: Path):
    none = PLANTED.model_dump() | {"unique": [0, 0, 0], "shared": 0, "synergy": 0}
    write_tree(VisitSimulation.model_validate(none), COUNT, tmp_path / "raw")
    assert auroc(read(tmp_path / "raw", RULES, tmp_path / "p"), "lab", "code") < 0.58
