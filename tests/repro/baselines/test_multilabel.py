"""Baselines of several labels."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from repro.baselines.multilabel import baselines, constant, logistic
from repro.metrics.multilabel import multilabel_metrics
from repro.records import Ragged, coded, decoded


def made(seed: int = 0, count: int = 300) -> tuple[pd.DataFrame, dict[str, Ragged]]:
    random = np.random.default_rng(seed)
    x = random.normal(size=(count, 60)).astype(np.float32)
    true = np.stack([x[:, 0] > 0.3, x[:, 1] + x[:, 2] > 1, x[:, 3] > -5], axis=1)
    samples = pd.DataFrame({"id": [str(k) for k in range(count)], "y": coded(true)})
    samples["split"] = np.tile(["train", "train", "valid", "test"], count // 4)
    samples["present_poster"] = True
    return samples, {"poster": Ragged(x, np.arange(count + 1))}


def test_frequencies_and_regressions_of_each_label():
    samples, modalities = made()
    fits = baselines(samples, modalities, classes=3)
    train = (samples["split"] == "train").to_numpy()
    shares = fits["majority"].predictions[0, 0]
    bits = samples["y"].to_numpy(int)[train]
    assert shares.tolist() == [(bits >> k & 1).mean() for k in range(3)]
    test = (samples["split"] == "test").to_numpy()
    y = samples["y"].to_numpy()[test]
    scores = {
        name: multilabel_metrics(fit.predictions[0, test], y)["micro_f1"]
        for name, fit in fits.items()
    }
    assert scores["logistic"] > scores["majority"] + 5


def rare() -> tuple[np.ndarray, np.ndarray]:
    """Shares of .4, .3 and .05 in every split, of samples drawn label by label."""
    random = np.random.default_rng(4)
    true = random.random((900, 3)) < np.array([0.4, 0.05, 0.3])
    return true, np.tile(["train", "valid", "test"], 300)


def test_the_best_constant_is_that_of_a_search_through_all_sets():
    true, split = rare()
    fit = constant(true, split)
    valid, y = true[split == "valid"], coded(true[split == "valid"])
    scores = {}
    for code in range(8):
        p = np.tile(decoded(np.array([code]), 3).astype(float), (len(valid), 1))
        scores[code] = multilabel_metrics(p, y)["micro_f1"]
    assert scores[0] == 0.0
    best = max(scores, key=lambda code: scores[code])
    found = fit.predictions[0]
    assert (found == found[0]).all()
    assert coded(found[:1] > 0.5).tolist() == [best]
    assert fit.settings["labels"] == bin(best).count("1")
    assert fit.settings["valid_micro_f1"] == pytest.approx(scores[best])
    shares = true[split == "train"].mean(axis=0)
    odds = found[0] / (1 - found[0]) / (shares / (1 - shares))
    assert odds == pytest.approx(np.full(3, odds[0]))  # all moved alike


def test_labels_that_none_or_all_of_train_has_are_constant_too():
    true, split = rare()
    true[:, 0], true[:, 1] = True, False
    found = constant(true, split).predictions[0, 0]
    assert found[0] == 1.0 and found[1] == 0.0
    test = true.copy()
    test[split == "test"] = ~true[split == "test"]
    same = constant(test, split).predictions == constant(true, split).predictions
    assert same.all()


def test_a_label_that_all_of_train_has_keeps_its_share():
    samples, modalities = made()
    fit = baselines(samples, modalities, classes=3)["logistic"]
    assert (fit.predictions[0, :, 2] == 1.0).all()


def test_each_label_is_scikit_learns_own_regression():
    random = np.random.default_rng(1)
    x = random.normal(size=(120, 4))
    true = x[:, :2] + random.normal(size=(120, 2)) > 0
    split = np.repeat(["train", "valid", "test"], 40)
    found = logistic(x, true, split, strengths=(1.0,)).predictions[0]
    scaled = StandardScaler().fit(x[:40]).transform(x)
    for k in range(2):
        model = LogisticRegression(C=1.0).fit(scaled[:40], true[:40, k])
        assert found[:, k] == pytest.approx(model.predict_proba(scaled)[:, 1], abs=1e-4)
