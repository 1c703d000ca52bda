"""The best predictors: nothing that sees as much is better, on both simulators."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import RidgeCV
from sklearn.metrics import log_loss, roc_auc_score
from threadpoolctl import threadpool_limits

from repro import files, params, paths
from repro.baselines.attainable import METHODS, attainable, class_edges
from repro.simulation import sentiment
from repro.simulation.icu.plan import drawn_plan
from repro.simulation.icu.settings import Size, signals_of
from repro.simulation.planted import LATENTS

ROOT = Path(__file__).parents[3]
PARAMETERS = params.load(ROOT / "params.yaml")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def seen(table: pd.DataFrame, names: tuple[str, ...]) -> np.ndarray:
    return table[[f"seen_{m}_{k}" for m in names for k in LATENTS]].to_numpy()


def test_no_ridge_on_the_seen_latents_beats_the_best_predictor_of_the_label():
    simulation = PARAMETERS.simulation
    content, table = sentiment.simulate(
        simulation, (5000, 20, 1500), simulation.sets["mosi"], np.random.default_rng(0)
    )
    files.write_table(paths.simulated_truth("mosi"), table)
    y = np.concatenate([content[s]["regression_labels"] for s in content])
    test = np.arange(len(y)) >= 5020
    found = attainable(PARAMETERS, "mosi", table["id"].to_numpy()[test])
    errors = {
        name: np.abs(fit.predictions[0] - y[test]).mean() for name, fit in found.items()
    }
    rows = seen(table, sentiment.MODALITIES)
    ridge = RidgeCV().fit(rows[:5000], y[:5000]).predict(rows[test])
    linear = np.abs(ridge - y[test]).mean()
    assert errors["attainable_known"] < errors["attainable"] < linear - 0.1
    # With all reliable only the noise of the label and the blur are left.
    assert errors["attainable_known"] > 0.79 * simulation.label_noise


def test_class_probabilities_are_the_best_and_calibrated():
    signals = signals_of(PARAMETERS.icu_simulation)
    table = drawn_plan(Size(stays=12_000), signals, 3).truth
    files.write_table(paths.planted_stays(), table)
    ids, y = table["stay_id"].astype(str).to_numpy(), table["y"].to_numpy()
    found = attainable(PARAMETERS, "icu_all", ids)
    assert tuple(found) == METHODS
    half = np.arange(len(y)) < 9000
    rows = np.column_stack([seen(table, names()), table.filter(like="present_")])
    with threadpool_limits(1):
        trees = HistGradientBoostingClassifier(max_iter=80, max_depth=4, random_state=0)
        learned = trees.fit(rows[half], y[half]).predict_proba(rows[~half])
    loss = {n: log_loss(y[~half], f.predictions[0, ~half]) for n, f in found.items()}
    assert loss["attainable_known"] < loss["attainable"] < log_loss(y[~half], learned)
    best = found["attainable"].predictions[0]
    assert best.sum(axis=1) == pytest.approx(1.0)
    for k in range(4):
        order = np.array_split(np.argsort(best[:, k]), 10)
        for part in order:
            gap = best[part, k].mean() - (y[part] == k).mean()
            assert abs(gap) < 4 * np.sqrt(0.25 / len(part))
    known = found["attainable_known"].predictions[0]
    areas = [roc_auc_score(y, p, multi_class="ovr") for p in (best, known)]
    assert 0.6 < areas[0] < areas[1]


def names() -> tuple[str, ...]:
    return ("timeseries", "text", "cxr", "ecg")


def test_completeness_tells_of_the_class():
    signals = signals_of(PARAMETERS.icu_simulation)
    table = drawn_plan(Size(stays=12_000, complete=0.3), signals, 4).truth
    files.write_table(paths.planted_stays(), table)
    complete = table[[f"present_{m}" for m in names()]].all(axis=1)
    rows = table[complete]
    found = attainable(
        PARAMETERS, "icu_complete", rows["stay_id"].astype(str).to_numpy()
    )
    shares = np.bincount(rows["y"]) / len(rows)
    mean = found["attainable"].predictions[0].mean(axis=0)
    np.testing.assert_allclose(mean, shares, atol=0.02)


def test_edges_stand_where_the_score_was_cut():
    score = norm.ppf((np.arange(1000) + 0.5) / 1000)
    y = np.repeat([0, 1, 2, 3], [340, 430, 150, 80])
    expected = norm.ppf([0.34, 0.77, 0.92])
    np.testing.assert_allclose(class_edges(score, y), expected, atol=1e-3)


def test_real_data_are_refused():
    mosi = PARAMETERS.datasets.files["mosi"].model_copy(update={"source": "mmsa"})
    known = PARAMETERS.datasets.model_copy(update={"files": {"mosi": mosi}})
    changed = PARAMETERS.model_copy(update={"datasets": known})
    with pytest.raises(ValueError, match="mosi: not simulated"):
        attainable(changed, "mosi", np.array(["a"], dtype=object))
