"""Mean and ridge: planted signal, scikit-learn, absent modalities."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from repro.baselines.fit import prediction_table, report
from repro.baselines.ridge import (
    STRENGTHS,
    baselines,
    pooled_features,
    ridge,
)
from repro.metrics.regression import sentiment_metrics
from repro.records import Ragged

SPLIT = np.repeat(["train", "valid", "test"], [120, 40, 40])


def ragged(inputs: np.ndarray, lengths: np.ndarray) -> Ragged:
    """Sequences whose rows all equal the sample's vector."""
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return Ragged(np.repeat(inputs, lengths, axis=0).astype(np.float32), offsets)


def planted() -> tuple[pd.DataFrame, dict[str, Ragged], np.ndarray]:
    """Labels that are linear in text and, weakly, in audio."""
    random = np.random.default_rng(0)
    text, audio = random.normal(size=(200, 6)), random.normal(size=(200, 4))
    y = text @ np.arange(6) * 0.3 + 0.5 * audio[:, 0] + random.normal(0, 0.3, 200)
    lengths = random.integers(1, 5, 200)
    samples = pd.DataFrame(
        {
            "id": [f"i{k}" for k in range(200)],
            "group": [f"g{k // 5}" for k in range(200)],
            "split": SPLIT,
            "y": y,
            "present_text": True,
            "present_audio": True,
        }
    )
    return samples, {"text": ragged(text, lengths), "audio": ragged(audio, lengths)}, y


def test_pooling_is_the_mean_of_rows_and_nan_without_rows() -> None:
    values = np.arange(8, dtype=np.float32).reshape(4, 2)
    pooled = pooled_features(Ragged(values, np.array([0, 1, 1, 4])))
    np.testing.assert_allclose(pooled[0], [0, 1])
    assert np.isnan(pooled[1]).all()
    np.testing.assert_allclose(pooled[2], [4, 5])


def test_agrees_with_scikit_learn_at_the_strength_with_the_best_valid_mae() -> None:
    random = np.random.default_rng(1)
    x, y = random.normal(2, 3, (200, 5)), random.normal(size=200)
    fit = ridge(x, y, SPLIT)
    train, valid = SPLIT == "train", SPLIT == "valid"
    z = (x - x[train].mean(axis=0)) / x[train].std(axis=0)
    found = {s: Ridge(alpha=s).fit(z[train], y[train]).predict(z) for s in STRENGTHS}
    errors = {s: np.abs(p[valid] - y[valid]).mean() for s, p in found.items()}
    best = min(errors, key=errors.__getitem__)
    assert fit.settings["strength"] == best
    np.testing.assert_allclose(fit.predictions[0], found[best], atol=1e-9)


def test_test_labels_never_matter() -> None:
    samples, modalities, _ = planted()
    fits = baselines(samples, modalities)
    samples.loc[samples["split"] == "test", "y"] = 99.0
    for name, fit in baselines(samples, modalities).items():
        np.testing.assert_array_equal(fit.predictions, fits[name].predictions)


def test_planted_signal_is_found_where_it_is() -> None:
    samples, modalities, y = planted()
    fits = baselines(samples, modalities)
    assert list(fits) == ["mean", "ridge", "ridge_text", "ridge_audio"]
    test = SPLIT == "test"
    mae = {
        name: sentiment_metrics(fit.predictions[0, test], y[test])["mae"]
        for name, fit in fits.items()
    }
    assert mae["ridge"] < mae["ridge_text"] < 0.5 * mae["mean"]
    train_mean = y[SPLIT == "train"].mean()
    np.testing.assert_allclose(fits["mean"].predictions, train_mean)


def test_absent_modalities_are_flagged_and_empty_samples_left_out() -> None:
    samples, modalities, _ = planted()
    lengths = np.ones(200, dtype=np.int64)
    lengths[[3, 150]] = 0
    modalities["audio"] = ragged(
        np.random.default_rng(2).normal(size=(200, 4)), lengths
    )
    samples.loc[[3, 150], "present_audio"] = False
    samples.loc[150, "present_text"] = False
    fits = baselines(samples, modalities)
    assert fits["ridge_audio"].settings["parameters"] == 4 + 1 + 1
    assert all(np.isfinite(fit.predictions).all() for fit in fits.values())
    table = prediction_table(samples, fits)
    assert len(table) == 199 * len(fits) and "i150" not in set(table["id"])
    meta = {"source": "x", "simulated": True, "task": "regression", "classes": 0}
    meta |= {"notes": [], "warnings": []}
    data = report("baselines/x", "x", samples, modalities, fits, meta).data
    assert data.excluded == 1
    assert data.sizes == {"train": 120, "valid": 39, "test": 40}


def test_bad_input_stops() -> None:
    samples, modalities, _ = planted()
    with pytest.raises(ValueError, match="no sample is in 'valid'"):
        baselines(samples.assign(split="train"), modalities)
    short = {"text": ragged(np.ones((3, 2)), np.ones(3, dtype=np.int64))}
    with pytest.raises(ValueError, match="modality text: 3 samples"):
        baselines(samples, short)


@pytest.mark.parametrize("stage", ["baselines", "table", "figure"])
def test_stages_that_do_not_train_leave_torch_alone(stage: str) -> None:
    code = f"import sys, repro.stages.{stage}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
