"""Which epoch is kept, on hand-made scores."""

import numpy as np
import torch

from repro.models.predictor import Predictor
from repro.training.selection import Selection
from tests.repro.models.architectures import small_architecture
from tests.repro.small_study import small_inputs


def run(
    scores: list[list[float]],
    patience: int = 0,
    rule: str = "best_valid",
    valid: list[list[float]] | None = None,
) -> tuple[Selection, Predictor, int]:
    """Feed one row of scores per epoch; parameters of epoch e all hold e."""
    members = len(scores[0])
    model = Predictor(members, small_inputs(), small_architecture())
    selection = Selection(members, patience, rule)
    for epoch, row in enumerate(scores, start=1):
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.fill_(epoch)
        states = [f"{epoch}.{member}" for member in range(members)]
        judged = None if valid is None else np.array(valid[epoch - 1])
        selection.consider(epoch, np.array(row), model, states, judged)
        if selection.finished:
            break
    selection.restore(model)
    return selection, model, epoch


def test_the_first_minimum_wins_for_each_member() -> None:
    selection, model, _ = run([[3.0, 1.0], [1.0, 2.0], [1.0, 1.0], [2.0, 0.5]])
    assert selection.epochs == [2, 4]
    assert selection.states == ["2.0", "4.1"]
    for parameter in model.parameters():
        assert (parameter[0] == 2).all()
        assert (parameter[1] == 4).all()


def test_last_ignores_scores_and_patience() -> None:
    selection, model, epoch = run([[1.0], [2.0], [3.0]], patience=1, rule="last")
    assert (selection.epochs, selection.states, epoch) == ([3], ["3.0"], 3)
    assert all((p == 3).all() for p in model.parameters())


def test_patience_ends_a_member_and_then_the_run() -> None:
    scores = [[5.0, 5.0], [6.0, 4.0], [6.0, 3.0], [1.0, 3.5], [1.0, 3.5], [0.0, 0.0]]
    selection, _, epoch = run(scores, patience=2)
    assert selection.epochs == [1, 3]
    assert epoch == 5


def test_patience_on_test_is_reset_by_validation_alone() -> None:
    test = [[5.0], [6.0], [6.0], [4.0], [6.0], [6.0], [1.0]]
    # A new best on validation in the third epoch, which is itself no new best on test.
    valid = [[3.0], [4.0], [2.0], [5.0], [5.0], [5.0], [5.0]]
    selection, _, epoch = run(test, patience=3, valid=valid)
    assert (selection.epochs, epoch) == ([4], 6)
    # A new best on test does not reset it.
    falling = [[5.0], [6.0], [4.0], [6.0], [3.0]]
    rising = [[1.0], [2.0], [3.0], [4.0], [5.0]]
    selection, _, epoch = run(falling, patience=2, valid=rising)
    assert (selection.epochs, epoch) == ([3], 4)


def test_patience_is_reset_by_a_new_best() -> None:
    scores = [[5.0], [6.0], [4.0], [6.0], [3.0]]
    assert run(scores, patience=2)[0].epochs == [5]


def test_a_member_keeps_the_same_epoch_whoever_is_beside_it() -> None:
    scores = [[4.0, 1.0], [3.0, 2.0], [5.0, 2.0], [6.0, 2.0], [2.0, 2.0]]
    together = run(scores, patience=2)[0].epochs
    alone = [run([[row[m]] for row in scores], patience=2)[0].epochs[0] for m in (0, 1)]
    assert together == alone == [2, 1]
