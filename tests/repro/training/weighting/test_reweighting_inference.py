"""Inference outside train: stateless, and what the switches change about it."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from btw import modality_information, squared_residuals
from repro.training.weighting.loop import Reweighting
from tests.repro.training.weighting.fake_training import (
    FakePredictor,
    evidence,
    made_plan,
    members,
    run_epochs,
)

VARIANTS = ("instance", "averaged_instance", "modality", "bi_level")


@pytest.mark.parametrize("variance", ["pooled", "conditional"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_an_instance_does_not_depend_on_the_others_in_the_call(
    variant: str, variance: str
) -> None:
    known, chosen = evidence(), made_plan(variant, unimodal_variance=variance)
    run, log = run_epochs(known, chosen, 3)
    snapshots = log[2]["snapshots"]
    together = run.replay(snapshots, FakePredictor(known, 2, [3, 3]))["test"]
    for some in ([4], [9, 2, 17]):
        part = replace(known, rows={**known.rows, "test": known.rows["test"][some]})
        fresh = Reweighting(part, members(), chosen)
        kept = fresh.replay(snapshots, FakePredictor(part, 2, [3, 3]))["test"]
        assert np.array_equal(kept.predictions, together.predictions[:, some])
        assert np.array_equal(kept.weights, together.weights[:, some])


@pytest.mark.parametrize("variant", VARIANTS)
def test_weights_average_one_over_what_is_present(variant: str) -> None:
    known = evidence()
    run, log = run_epochs(known, made_plan(variant), 2)
    kept = run.replay(log[1]["snapshots"], FakePredictor(known, 2, [2, 2]))
    for split in ("train", "valid", "test"):
        present = known.present_in(split)
        assert (kept[split].weights[:, ~present] == 0).all()
        sums = kept[split].weights.sum(2)
        assert np.allclose(sums, present.sum(1), atol=1e-5)


def test_sum_one_scales_the_rows_as_published() -> None:
    known = evidence()
    run, log = run_epochs(known, made_plan("bi_level", "sum_one"), 2)
    kept = run.replay(log[1]["snapshots"], FakePredictor(known, 2, [2, 2]))
    for split in ("train", "valid", "test"):
        assert np.allclose(kept[split].weights.sum(2), 1, atol=1e-5)


@pytest.mark.parametrize("variant", ["modality", "bi_level"])
def test_transductive_information_is_that_of_the_rows_themselves(variant: str) -> None:
    known = evidence(seeds=1)
    chosen = made_plan(variant, "transductive_mi")
    run, log = run_epochs(known, chosen, 2, members(1))
    snapshot = log[1]["snapshots"][0]
    predictor = FakePredictor(known, 1, [2])
    found = run.replay([snapshot], predictor)["test"].weights[0]
    rows, present = known.rows["test"], known.present_in("test")
    prior = np.zeros((1, *known.present.shape), np.float32)
    prior[0, rows] = snapshot.state.prior(present)

    first = predictor("test", torch.from_numpy(prior))[0]
    information = modality_information(
        known.unimodal[0, rows], first, "regression", present
    )
    expected = snapshot.state.infer(
        known.unimodal[0, rows], first, present, information=information
    )
    assert np.allclose(found, expected, atol=1e-5)
    plain = snapshot.state.infer(known.unimodal[0, rows], first, present)
    assert not np.allclose(found, plain, atol=1e-3)


def test_own_labels_of_the_rows_reach_their_weights() -> None:
    known, chosen = evidence(seeds=1), made_plan("instance", "own_label_variance")
    run, log = run_epochs(known, chosen, 2, members(1))
    found = run.replay(log[1]["snapshots"], FakePredictor(known, 1, [2]))["test"]
    y = known.y.copy()
    y[known.rows["test"]] += 0.5
    other = replace(known, y=y)
    again = Reweighting(other, members(1), chosen)
    # The same predictor, so only the variances see the other labels.
    moved = again.replay(log[1]["snapshots"], FakePredictor(known, 1, [2]))["test"]
    assert not np.allclose(found.weights, moved.weights, atol=1e-3)
    assert np.array_equal(
        squared_residuals(known.unimodal[0], known.y) > 0, np.ones((115, 3), bool)
    )


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_released_memory_of_an_instance_is_a_running_average(variant: str) -> None:
    known, chosen = evidence(seeds=1), made_plan(variant, "eval_state")
    _, log = run_epochs(known, chosen, 3, members(1))
    assert log[0]["calls"] == {"train": 1, "valid": 1, "test": 1}
    for split in ("valid", "test"):
        for before, after in pairwise(log):
            snapshot = before["snapshots"][0]
            state = replace(snapshot.state, factor=1.0)
            new = state.infer(
                known.unimodal_in(split, 0),
                before["predictions"][split][0],
                known.present_in(split),
                information=snapshot.state.information,
            )
            g, old = snapshot.state.factor, snapshot.fixed[split]
            found = after["snapshots"][0].fixed[split]
            if variant == "averaged_instance":
                rows = np.tile(snapshot.state.averaged, (len(old), 1))
                rows *= known.present_in(split)
                new = rows / rows.sum(1, keepdims=True)
                new *= known.present_in(split).sum(1, keepdims=True)
            assert np.allclose(found, g * new + (1 - g) * old, atol=1e-12)


def test_one_pass_with_the_memory_is_replayed_bit_for_bit() -> None:
    known = evidence()
    run, log = run_epochs(known, made_plan("bi_level", "eval_state"), 3)
    again = run.replay(log[2]["snapshots"], FakePredictor(known, 2, [3, 3]))
    for split in ("valid", "test"):
        expected = log[2]["predictions"][split]
        assert np.array_equal(again[split].predictions, expected)
