"""Seeds side by side equal seeds alone; what a fit reports and refuses."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from repro.cells.study import Study
from repro.training.fitting import Outcome, fit
from tests.repro.small_study import small_params, small_study


def fitted(study: Study, **settings: object) -> Outcome:
    """The unweighted model of a study."""
    return fit(
        study.inputs,
        study.rows,
        study.members(folds=False),
        study.architecture("moe"),
        replace(study.settings("moe", "moe"), **settings),  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("batch", "epochs", "tolerance"), [(64, 1, 1e-6), (24, 2, 1e-5)]
)
def test_a_seed_trains_as_if_alone(batch: int, epochs: int, tolerance: float) -> None:
    training = {"batch": batch, "epochs": epochs}
    alone = fitted(small_study(small_params([0], training=training)))
    stack = fitted(small_study(small_params([2, 0, 1], training=training)))
    for own, parameter in zip(
        alone.model.parameters(), stack.model.parameters(), strict=True
    ):
        assert torch.allclose(own[0], parameter[1], atol=tolerance, rtol=0)
    for split, predictions in alone.predictions.items():
        assert np.allclose(
            predictions[0], stack.predictions[split][1], atol=10 * tolerance
        )
    assert alone.epochs == stack.epochs[1:2]


def test_seeds_differ_and_repeat() -> None:
    study = small_study(small_params([0, 1], training={"epochs": 1}))
    one, two = fitted(study), fitted(study)
    assert np.array_equal(one.predictions["test"], two.predictions["test"])
    assert not np.allclose(one.predictions["test"][0], one.predictions["test"][1])


def test_training_lowers_the_error_and_keeps_the_best_epoch() -> None:
    outcome = fitted(small_study(small_params([0], training={"epochs": 12})))
    valid = [row["valid_error"] for row in outcome.history]
    train = [row["train_loss"] for row in outcome.history]
    assert train[-1] < 0.8 * train[0]
    assert outcome.epochs == [1 + int(np.argmin(valid))]
    study = small_study()
    y = study.samples["y"].to_numpy()[study.rows["valid"]]
    error = np.abs(outcome.predictions["valid"][0] - y).mean()
    assert error == pytest.approx(min(valid), abs=1e-6)


def test_patience_ends_training_early() -> None:
    settings = small_params([0], training={"epochs": 8, "patience": 1, "lr": 1.0})
    history = fitted(small_study(settings)).history
    assert len(history) < 8


def test_test_rows_are_predicted_once_and_last() -> None:
    study = small_study(small_params([0]))
    outcome = fitted(study)
    without = fit(
        study.inputs,
        {name: study.rows[name] for name in ("train", "valid")},
        study.members(folds=False),
        study.architecture("moe"),
        study.settings("moe", "moe"),
    )
    assert outcome.epochs == without.epochs
    assert np.array_equal(outcome.predictions["valid"], without.predictions["valid"])


def test_router_noise_in_evaluation_is_that_of_the_kept_epoch() -> None:
    study = small_study(small_params([0, 1]), names=["eval_noise"])
    outcome = fitted(study)
    y = study.samples["y"].to_numpy()[study.rows["valid"]]
    best = np.abs(outcome.predictions["valid"] - y).mean(1)
    for member, epoch in enumerate(outcome.epochs):
        row = outcome.history[(epoch - 1) * 2 + member]
        assert best[member] == pytest.approx(row["valid_error"], abs=1e-6)


def test_the_balance_loss_can_be_switched_off() -> None:
    settings = small_params([0], training={"balance_loss": 5.0})
    with_loss = fitted(small_study(settings))
    off = fitted(small_study(settings, names=["no_balance_loss"]))
    zero = fitted(small_study(small_params([0], training={"balance_loss": 0.0})))
    assert np.array_equal(off.predictions["test"], zero.predictions["test"])
    assert not np.array_equal(with_loss.predictions["test"], off.predictions["test"])


def test_a_loss_that_is_not_finite_names_member_and_epoch() -> None:
    study = small_study(small_params([3]))
    broken = replace(study.inputs, y=study.inputs.y * torch.nan)
    with pytest.raises(FloatingPointError, match=r"seed 3, fold 0 is nan in epoch 1"):
        fitted(replace(study, inputs=broken))


def test_a_member_without_a_finite_score_is_named() -> None:
    diverging = {"epochs": 1, "batch": 48, "lr": 1e30, "clip": 1e30}
    study = small_study(small_params([0, 3], training=diverging))
    with pytest.raises(FloatingPointError, match=r"no epoch of seed 0, fold 0 has a"):
        fitted(study)
