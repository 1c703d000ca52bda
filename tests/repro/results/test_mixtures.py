"""Experts alone and mixed: shares of agreement by hand, scores by scikit-learn."""

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from repro import paths
from repro.files import read_table, write_table
from repro.records import coded
from repro.results.mixtures import (
    Mixture,
    decisions,
    mixture_of,
    outcomes,
    scores_alone,
    shares_of_outcomes,
)
from repro.results.runs import trained_run


def mixture(logits: list, weights: list, y: list) -> Mixture:
    """One seed; `logits` by row, expert and output."""
    return Mixture(
        ("one", "two"),
        np.array([0]),
        np.array(y, dtype=np.float64),
        np.array([weights], dtype=np.float64),
        np.array([logits], dtype=np.float64),
    )


# Experts of two classes: agree right, agree wrong, disagree right, disagree wrong.
ROWS = [[[3, 0], [1, 0]], [[3, 0], [1, 0]], [[2, 0], [0, 1]], [[0, 2], [1, 0]]]
CLASSES = mixture(ROWS, [[0.5, 0.5]] * 4, [0, 1, 0, 0])


def test_the_four_shares_by_hand() -> None:
    found = shares_of_outcomes(CLASSES, "classification")
    assert {name: rows.mean() for name, rows in found.items()} == {
        "disagree_right": 25.0,
        "disagree_wrong": 25.0,
        "agree_right": 25.0,
        "agree_wrong": 25.0,
    }
    agree, right = outcomes(CLASSES, "classification")
    assert agree.tolist() == [[True, True, False, False]]
    assert right.tolist() == [[True, False, True, False]]


def test_weights_decide_where_experts_disagree() -> None:
    told = mixture([[[2, 0], [0, 1]]], [[0.1, 0.9]], [1])
    assert outcomes(told, "classification")[1].all()
    told = mixture([[[2, 0], [0, 1]]], [[0.9, 0.1]], [1])
    assert not outcomes(told, "classification")[1].any()


def test_a_regression_decides_by_sign() -> None:
    of = mixture([[[0.2], [-0.1]], [[-1.0], [-2.0]]], [[0.5, 0.5]] * 2, [1.5, 0.0])
    agree, right = outcomes(of, "regression")
    assert agree.tolist() == [[False, True]] and right.all()


def test_several_labels_have_to_agree_and_be_right_at_once() -> None:
    labels = coded(np.array([[True, False, True]] * 2))
    alike, other = [[2, -1, 1], [1, -2, 3]], [[2, -1, 1], [1, 2, 3]]
    of = mixture([alike, other], [[0.4, 0.6]] * 2, labels.tolist())
    agree, right = outcomes(of, "multilabel")
    assert agree.tolist() == [[True, False]]
    assert right.tolist() == [[True, False]]  # the second mixture has one label more


def test_decisions_keep_the_leading_dimensions() -> None:
    logits = np.random.default_rng(0).normal(size=(2, 3, 4, 5))
    assert decisions(logits, "classification").shape == (2, 3, 4, 1)
    assert decisions(logits, "multilabel").shape == logits.shape


def test_the_mixture_is_read_in_the_order_of_predictions(
    study: SimpleNamespace,
) -> None:
    study.write_runs(study.params)
    run = trained_run(study.params, "experts/enrico/i2moe")
    found = mixture_of(run, "switchgate")
    table = read_table(run.folder / "experts.parquet")
    table = table[(table["method"] == "switchgate") & (table["seed"] == 1)]
    told = run.predictions("switchgate")
    row = table[(table["id"] == told.id[7]) & (table["expert"] == found.experts[2])]
    assert found.weights[1, 7, 2] == row["weight"].item()
    assert found.logits[1, 7, 2, 3] == row["logit_3"].item()
    scores = scores_alone(run, found)
    expected = [
        100 * accuracy_score(told.y, found.logits[s, :, 0].argmax(-1)) for s in range(3)
    ]
    assert scores[found.experts[0]] == pytest.approx(expected)
    assert list(scores) == [*found.experts, "mixture"]


def test_a_row_that_lacks_is_named(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    path = paths.run("experts/enrico/i2moe") / "experts.parquet"
    write_table(path, read_table(path)[1:])
    run = trained_run(study.params, "experts/enrico/i2moe")
    with pytest.raises(ValueError, match=r"experts\.parquet: \d+ of \d+ rows"):
        mixture_of(run, run.methods[0])
