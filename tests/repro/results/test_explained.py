"""Statistics of explanations start from the scores, and resample rows."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from repro.metrics.bootstrap import resampled
from repro.results.explained import area_statistics, mean_score, top_statistics
from repro.results.explanations import Explanation
from tests.repro.results.test_explanations import ROWS, SEEDS, planted

LEARNED = np.array([True, False, True, True])


def explained() -> Explanation:
    """Random weights of every row."""
    weights = np.random.default_rng(2).dirichlet(np.ones(4), (SEEDS, ROWS))
    return Explanation(weights, np.ones((SEEDS, ROWS), dtype=bool))


def test_the_bootstrap_of_areas_starts_from_the_score_itself():
    rows, found = planted(), explained()
    each = area_statistics(found, rows)
    drawn = mean_score(resampled(each, ROWS, resamples=50), rows, LEARNED)
    theirs = [
        np.mean([roc_auc_score(rows.mechanism == k, one[:, k]) for k in (0, 2, 3)])
        for one in found.scores
    ]
    assert drawn.found.tolist() == pytest.approx(theirs)
    assert 0.003 < drawn.drawn.std(axis=0).mean() < 0.05
    with pytest.raises(ValueError, match="no mechanism is learned"):
        mean_score({}, rows, ~np.ones(4, bool))


def test_top_one_is_a_mean_over_mechanisms_with_ties_shared():
    rows, found = planted(), explained()
    found.scores[0] = 0.25
    found.scores[1] = [0.1, 0.1, 0.7, 0.1]  # one and the same for all rows
    each = top_statistics(found, rows, LEARNED)
    drawn = mean_score(resampled(each, ROWS, resamples=50), rows, LEARNED)
    third = []
    for place, kind in enumerate((0, 2, 3)):
        own = rows.mechanism == kind
        leads = found.scores[2][own][:, [0, 2, 3]].argmax(axis=1) == place
        third.append(leads.mean())
    expected = [1 / 3, 1 / 3, np.mean(third)]
    assert drawn.found.tolist() == pytest.approx(expected)
    assert drawn.drawn[:, :2] == pytest.approx(1 / 3)  # whatever rows are drawn


def test_whoever_names_one_expert_for_every_row_is_at_chance():
    """Whichever it is, and whichever mechanisms are learned."""
    rows, found = planted(), explained()
    for named in range(4):
        found.scores[:] = np.eye(4)[named]
        for chosen in (LEARNED, ~LEARNED | [False, False, True, False]):
            each = top_statistics(found, rows, chosen)
            mean = mean_score(resampled(each, ROWS, resamples=5), rows, chosen).found
            assert mean == pytest.approx(1 / chosen.sum())
