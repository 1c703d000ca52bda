"""Baselines of several labels."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from repro.baselines.multilabel import baselines, logistic
from repro.metrics.multilabel import multilabel_metrics
from repro.records import Ragged, coded


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
