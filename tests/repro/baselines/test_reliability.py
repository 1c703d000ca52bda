"""Classifiers that are trained on the truth, on columns that tell a known amount."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from repro.baselines.reliability import (
    ceilings,
    crossed,
    feature_columns,
    fitted,
    prediction_columns,
)
from repro.records import Ragged
from repro.simulation.planted import Law, Parts, drawn
from repro.simulation.posterior import reliability
from repro.simulation.truth import Truth

ROWS = 3000
LAW = Law((0.3, 0.4), unreliable_sd=2.5, latent_noise=0.2)


def truth() -> Truth:
    planted = drawn(LAW, ROWS, np.random.default_rng(0))
    present = np.random.default_rng(1).random((ROWS, 2)) < 0.9
    return Truth(
        modalities=("text", "audio"),
        law=LAW,
        parts=Parts((1.0, 1.0), 1.0, 1.0, 1.0),
        seen=planted.seen,
        present=present,
        reliable=planted.reliable & present,
        posterior=reliability(LAW, planted.seen, present),
        score=planted.shared,
    )


def samples(known: Truth) -> pd.DataFrame:
    split = np.repeat(["train", "valid", "test"], [1500, 500, 1000])
    present = {
        f"present_{m}": known.present[:, k] for k, m in enumerate(("text", "audio"))
    }
    group = np.arange(ROWS) // 4
    return pd.DataFrame(
        {"id": np.arange(ROWS).astype(str), "split": split, "group": group, **present}
    )


def test_features_that_show_the_latents_come_near_the_posterior_and_noise_does_not():
    known = truth()
    table = samples(known)
    latents = known.seen.reshape(ROWS, -1)
    noise = np.random.default_rng(2).normal(size=(ROWS, 3))
    found = ceilings(known, table, latents, noise, ["text", "audio"])
    areas = found.set_index(["modality", "source"])["auroc"]
    for name in ("text", "audio"):
        assert areas[name, "posterior"] > 0.9
        assert areas[name, "posterior"] - 0.06 < areas[name, "features"]
        assert areas[name, "features"] < areas[name, "posterior"] + 0.01
        assert areas[name, "predictions"] == pytest.approx(0.5, abs=0.08)
    test = known.present[:, 0] & (table["split"] == "test").to_numpy()
    expected = roc_auc_score(known.reliable[test, 0], known.posterior[test, 0])
    assert areas["text", "posterior"] == pytest.approx(expected)
    counts = found[found["modality"] == "text"].iloc[0]
    assert counts["n_reliable"] == known.reliable[test, 0].sum()
    assert counts["n_reliable"] + counts["n_unreliable"] == test.sum()


def test_no_row_is_scored_by_trees_that_saw_its_group():
    """A group's number gives its flag away; crossing it leaves chance."""
    generator = np.random.default_rng(3)
    group = np.arange(1200) // 12
    flags = generator.random(100) < 0.5
    column = generator.permutation(100)[group][:, None].astype(float)
    rows = np.ones(1200, bool)
    inside = fitted(column, flags[group], rows)
    outside = crossed(column, flags[group], group, rows)
    assert roc_auc_score(flags[group], inside) > 0.8
    assert roc_auc_score(flags[group], outside) < 0.7


def test_one_kind_only_gives_its_share():
    columns = np.zeros((5, 1))
    flags, train = np.ones(5, bool), np.array([True, True, False, False, False])
    assert fitted(columns, flags, train).tolist() == [1.0] * 5
    assert fitted(columns, flags, ~train & train).tolist() == [0.5] * 5


def test_columns_that_train_lacks_are_dropped():
    flags = np.arange(60) % 2 == 0
    train = np.arange(60) < 40
    known = np.where(flags, 1.0, -1.0)
    lost = np.where(train, np.nan, known)
    found = fitted(np.column_stack([lost, known]), flags, train)
    assert ((found > 0.5) == flags).all()
    assert fitted(lost[:, None], flags, train).tolist() == [0.5] * 60


def test_one_group_cannot_be_crossed():
    with pytest.raises(ValueError, match="1 group has"):
        crossed(np.zeros((4, 1)), np.ones(4, bool), np.zeros(4), np.ones(4, bool))


def test_predictions_are_means_over_seeds_of_rows_no_model_trained_on():
    splits = ["test", "train", "train_in_sample", "test", "train"]
    table = pd.DataFrame(
        {
            "method": ["text"] * 6 + ["moe"] * 4,
            "seed": [0, 1] * 5,
            "split": np.repeat(splits, 2),
            "id": ["a", "a", "b", "b", "b", "b", "a", "a", "b", "b"],
            "prediction": [1.0, 2.0, 4.0, 6.0, 99.0, 99.0, 3.0, 5.0, 99.0, 99.0],
        }
    )
    rows = pd.DataFrame({"id": ["b", "a", "c"], "present_text": [True, True, False]})
    found = prediction_columns(table, ["text"], "moe", rows)
    expected = [[5.0, np.nan, np.nan], [1.5, 4.0, 2.5], [np.nan] * 3]
    np.testing.assert_array_equal(found, expected)


def test_features_of_a_regression_are_means_and_absent_ones_unknown():
    values = Ragged(np.array([[1.0], [3.0], [7.0]], np.float32), np.array([0, 2, 3]))
    rows = pd.DataFrame({"split": ["train", "test"], "present_audio": [True, False]})
    found = feature_columns(rows, {"audio": values}, "regression")
    assert found[0, 0] == 2.0 and np.isnan(found[1, 0])
