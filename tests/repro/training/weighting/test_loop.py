"""The loop against a slow restatement of the protocol, and each of its rules."""

from dataclasses import replace

import numpy as np
import pytest

from btw import dataset_gaussian_kl
from repro.training.members import Member
from tests.repro.training.weighting.fake_training import (
    SIZES,
    FakePredictor,
    evidence,
    made_plan,
    members,
    prediction,
    run_epochs,
)
from tests.repro.training.weighting.slow_reweighting import Slow, scaled_row

VARIANTS = ("instance", "averaged_instance", "modality", "bi_level")
EPOCHS = 5


@pytest.mark.parametrize("variant", VARIANTS)
def test_equals_the_slow_restatement(variant: str) -> None:
    known = evidence()
    run, log = run_epochs(known, made_plan(variant), EPOCHS)
    slow = [Slow(known, variant, seed) for seed in range(2)]
    for epoch, entry in enumerate(log, start=1):
        replayed = run.replay(entry["snapshots"], FakePredictor(known, 2, [epoch] * 2))
        for seed in range(2):
            expected = slow[seed].epoch(epoch)
            applied = entry["applied"][seed, known.rows["train"]]
            assert np.allclose(applied, expected["applied"], atol=1e-5)
            found = entry["predictions"]["valid"][seed]
            assert np.allclose(found, expected["valid"], atol=1e-5)
            assert entry["factors"][seed] == pytest.approx(expected["factor"])
            test = replayed["test"]
            assert np.allclose(test.predictions[seed], expected["test"], atol=1e-5)
            assert np.allclose(test.weights[seed], expected["test_weights"], atol=1e-5)
    factors = {round(float(e["factors"][0]), 2) for e in log}
    assert len(factors) > 1


@pytest.mark.parametrize("variant", VARIANTS)
def test_modality_level_variants_take_one_pass(variant: str) -> None:
    _, log = run_epochs(evidence(), made_plan(variant), 2)
    passes = 2 if variant in ("instance", "bi_level") else 1
    assert log[1]["calls"] == {"train": 1, "valid": passes, "test": 0}


def test_replay_is_what_was_predicted_bit_for_bit() -> None:
    known = evidence()
    run, log = run_epochs(known, made_plan("bi_level"), 4)
    for epoch, entry in enumerate(log, start=1):
        again = run.replay(entry["snapshots"], FakePredictor(known, 2, [epoch] * 2))
        assert np.array_equal(again["valid"].predictions, entry["predictions"]["valid"])


def test_factor_by_hand() -> None:
    valid = {1: 1.0, 2: 1.1, 3: 0.9, 4: 0.9}
    _, log = run_epochs(
        evidence(),
        made_plan("instance"),
        4,
        given=lambda epoch, _: {"valid": np.full(2, valid[epoch])},
    )
    # Up at first, down for worse, up for better than the best; a tie is not better.
    factors = [round(float(entry["factors"][0]), 2) for entry in log]
    assert factors == [0.5, 0.55, 0.5, 0.55]


def test_factor_stays_within_bounds() -> None:
    plan = made_plan("instance", alpha_step=0.3)
    worse = lambda epoch, _: {"valid": np.full(2, float(epoch))}  # noqa: E731
    _, log = run_epochs(evidence(), plan, 5, given=worse)
    factors = [round(float(entry["factors"][0]), 2) for entry in log]
    assert factors == [0.5, 0.8, 0.5, 0.2, 0.0]


def test_a_held_factor_ignores_the_scores() -> None:
    _, log = run_epochs(evidence(), made_plan("instance", selection="last"), 3)
    assert [float(e["factors"][0]) for e in log] == [0.5, 0.5, 0.5]


def test_each_seed_has_its_own_factor() -> None:
    given = lambda epoch, _: {"valid": np.array([1.0 / epoch, 1.0 * epoch])}  # noqa: E731
    _, log = run_epochs(evidence(), made_plan("instance"), 3, given=given)
    assert log[2]["factors"].round(2).tolist() == [0.6, 0.5]


def test_weights_of_a_seed_ignore_the_other_seeds() -> None:
    known = evidence()
    _, both = run_epochs(known, made_plan("bi_level"), 3)
    _, alone = run_epochs(
        known.of_seeds([0]), made_plan("bi_level"), 3, team=members(1)
    )
    assert np.array_equal(both[2]["applied"][0], alone[2]["applied"][0])


def test_the_swap_acts_from_the_second_epoch_on() -> None:
    known = evidence()
    rows, plain = known.rows["train"], made_plan("instance")
    swapped = made_plan("instance", "swap_audio_video")
    _, expected = run_epochs(known, plain, 1)
    run, log = run_epochs(known, swapped, 2)
    first, second = (entry["applied"][:, rows] for entry in log)
    assert np.array_equal(first, expected[0]["applied"][:, rows])
    held = np.stack([s.fixed["train"] for s in log[1]["snapshots"]]).astype(np.float32)
    both = known.present_in("train")[:, 1:].all(1)
    assert both.any() and not both.all()
    assert np.array_equal(second[:, both], held[:, both][..., [0, 2, 1]])
    assert np.array_equal(second[:, ~both], held[:, ~both])
    again = run.replay(log[1]["snapshots"], FakePredictor(known, 2, [2, 2]))
    assert np.array_equal(again["valid"].predictions, log[1]["predictions"]["valid"])


def test_folds_of_a_seed_hold_their_rows_out() -> None:
    known = evidence(seeds=1)
    train, fold = known.rows["train"], np.arange(SIZES["train"]) % 2
    team = [Member(0, 0, train), *(Member(0, f + 1, train[fold != f]) for f in (0, 1))]
    _, log = run_epochs(known, made_plan("instance"), 2, team)
    weights = log[0]["applied"][0, train]
    assert all(np.array_equal(log[0]["applied"][i, train], weights) for i in (1, 2))
    mixed = np.empty(len(train))
    for f in (0, 1):
        held_out = fold == f
        own = prediction(known, train, f + 1, 1, weights)
        mixed[held_out] = own[held_out]
    slow = Slow(known, "instance", 0)
    valid = known.rows["valid"]
    slow.take(mixed, prediction(known, valid, 0, 1, slow.prior(valid)))
    expected = 0.5 * slow.new + 0.5 * slow.held
    assert np.allclose(log[1]["applied"][0, train], expected, atol=1e-5)


def test_first_weights_can_be_ones() -> None:
    known = evidence()
    _, log = run_epochs(known, made_plan("instance", "initial_ones"), 1)
    present = known.present_in("train").astype(np.float32)
    assert np.array_equal(log[0]["applied"][0, known.rows["train"]], present)


def test_weights_wait_for_a_better_valid_score() -> None:
    known, valid = evidence(), {1: 2.0, 2: 3.0, 3: 1.0, 4: 1.0}
    plan = made_plan("instance", "update_on_valid_improvement")
    _, log = run_epochs(
        known, plan, 4, given=lambda epoch, _: {"valid": np.full(2, valid[epoch])}
    )
    applied = [entry["applied"] for entry in log]
    assert not np.array_equal(applied[0], applied[1])
    assert np.array_equal(applied[1], applied[2])
    assert not np.array_equal(applied[2], applied[3])
    assert [round(float(e["factors"][0]), 2) for e in log] == [0.5, 0.55, 0.55, 0.6]


def test_the_factor_can_follow_the_test_score() -> None:
    given = lambda epoch, _: {  # noqa: E731
        "valid": np.full(2, 1.0 / epoch),
        "test": np.full(2, 1.0 * epoch),
    }
    plan = made_plan("instance", "test_smoothing")
    _, log = run_epochs(evidence(), plan, 3, given=given)
    assert [round(float(e["factors"][0]), 2) for e in log] == [0.5, 0.55, 0.5]
    assert log[0]["calls"]["test"] == 2


def test_a_skipped_epoch_still_counts_as_the_best_score() -> None:
    valid, test = {1: 1.0, 2: 1.1, 3: 0.9, 4: 0.8}, {1: 1.0, 2: 0.7, 3: 0.9, 4: 0.9}
    plan = made_plan("instance", "test_smoothing", "update_on_valid_improvement")
    _, log = run_epochs(
        evidence(),
        plan,
        4,
        given=lambda epoch, _: {
            "valid": np.full(2, valid[epoch]),
            "test": np.full(2, test[epoch]),
        },
    )
    factors = [round(float(e["factors"][0]), 2) for e in log]
    assert factors == [0.5, 0.55, 0.55, 0.5]


def test_own_labels_give_the_published_closed_form() -> None:
    known = replace(evidence(), present=np.ones_like(evidence().present))
    plan = made_plan("instance", "own_label_variance", "sum_one")
    _, log = run_epochs(known, plan, 1)
    rows = known.rows["train"]
    unimodal = known.unimodal[0, rows] - known.y[rows, None]
    joint = (known.unweighted[0, rows] - known.y[rows])[:, None]
    ratio, sign = np.abs(unimodal / joint), np.sign(unimodal * joint)
    raw = np.maximum(ratio**2 - sign * ratio - np.log(ratio), 1e-5)
    expected = raw / raw.sum(1, keepdims=True)
    assert np.allclose(log[0]["applied"][0, rows], expected, atol=1e-6)


def test_the_released_global_divergence_replaces_the_mean_share() -> None:
    known = evidence()
    plan = made_plan("averaged_instance", "global_gaussian_kl")
    _, log = run_epochs(known, plan, 1)
    rows = known.rows["train"]
    raw = dataset_gaussian_kl(
        known.unimodal[1, rows],
        known.unweighted[1, rows],
        known.y[rows],
        known.present[rows],
    )
    expected = np.array([scaled_row(list(raw), known.present[i]) for i in rows])
    assert np.allclose(log[0]["applied"][1, rows], expected, atol=1e-5)


def test_trajectory_tells_every_epoch_seed_and_modality() -> None:
    known = evidence()
    run, log = run_epochs(known, made_plan("instance"), 3)
    assert len(run.trajectory) == 4 * 2 * 3
    row = next(
        r
        for r in run.trajectory
        if (r["epoch"], r["seed"], r["modality"]) == (1, 11, "audio")
    )
    there = known.present_in("train")[:, 1]
    held = log[1]["applied"][1, known.rows["train"]][there, 1]
    assert row["mean"] == pytest.approx(held.mean(), abs=1e-5)
    assert row["lower"] == pytest.approx(np.quantile(held, 0.25), abs=1e-5)
