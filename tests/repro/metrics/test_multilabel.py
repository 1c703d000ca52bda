"""Metrics of several labels: by hand, scikit-learn's and resampled."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, log_loss

from repro.metrics.multilabel import multilabel_metrics, multilabel_statistics
from repro.records import coded, decoded


def example(seed: int, samples: int = 40, labels: int = 5) -> tuple:
    random = np.random.default_rng(seed)
    true = random.random((samples, labels)) < random.uniform(0.05, 0.7, labels)
    return random.random((samples, labels)), true


def test_by_hand():
    true = np.array([[True, False, False], [True, True, False]])
    p = np.array([[0.9, 0.6, 0.1], [0.2, 0.8, 0.5]])  # 0.5 is not above the threshold
    found = multilabel_metrics(p, coded(true))
    # label 0: 1 hit, 1 missed: 2/3; label 1: 1 hit, 1 false: 2/3; label 2: 0.
    assert found["macro_f1"] == pytest.approx(100 * (2 / 3 + 2 / 3 + 0) / 3)
    assert found["micro_f1"] == pytest.approx(100 * 4 / (4 + 1 + 1))
    assert found["exact_match"] == 0.0
    right = [0.9, 0.4, 0.9, 0.2, 0.8, 0.5]
    assert found["log_loss"] == pytest.approx(-np.log(right).mean())


@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_scikit_learn(seed: int):
    p, true = example(seed)
    found = multilabel_metrics(p, coded(true))
    chosen = p > 0.5
    for average in ("micro", "macro"):
        wanted = 100 * f1_score(true, chosen, average=average, zero_division=0)
        assert found[f"{average}_f1"] == pytest.approx(wanted)
    assert found["exact_match"] == pytest.approx(100 * accuracy_score(true, chosen))
    losses = [log_loss(true[:, k], p[:, k], labels=[0, 1]) for k in range(5)]
    assert found["log_loss"] == pytest.approx(np.mean(losses))


def test_drawn_groups_count_as_rows_written_out():
    p, true = example(7)
    group = np.repeat(np.arange(8), 5)
    counts = np.array([[1] * 8, [0, 3, 1, 0, 2, 0, 1, 1]])
    found = multilabel_statistics(p[None], coded(true), group)
    assert list(found) == ["micro_f1", "macro_f1", "log_loss"]
    for row, drawn in enumerate(counts):
        rows = np.repeat(np.arange(40), drawn[group])
        wanted = multilabel_metrics(p[rows], coded(true[rows]))
        for name, statistic in found.items():
            assert statistic(counts)[row, 0] == pytest.approx(wanted[name]), name


def test_as_many_labels_as_float32_holds_come_back():
    labels = np.random.default_rng(0).random((500, 24)) < 0.5
    labels[0] = True
    y = coded(labels).astype(np.float32)
    assert (decoded(y, 24) == labels).all()
    with pytest.raises(ValueError, match="25 labels: at most 24 can be told apart"):
        coded(np.zeros((1, 25), bool))
