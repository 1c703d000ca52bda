"""Every switch of the published protocol changes what it should, and nothing else."""

import numpy as np
import pytest

from repro.cells import fits
from repro.cells.result import Result
from repro.cells.study import applicable
from repro.params.switches import SWITCHES
from tests.repro.small_study import (
    ALL_METHODS,
    Trained,
    small_params,
    small_study,
    trained,
)

DIVERGENCE = {"instance", "averaged_instance", "bi_level"}
WEIGHTED = set(ALL_METHODS)
# Which methods a switch must reach; the others must not move by a bit.
REACH = {
    "own_label_variance": DIVERGENCE,
    "test_epoch": WEIGHTED | {"moe", "unimodal"},
    "test_smoothing": WEIGHTED,
    "eval_noise": WEIGHTED | {"moe", "unimodal"},
    "no_balance_loss": WEIGHTED | {"moe", "unimodal"},
    "swap_audio_video": WEIGHTED,
    "sum_one": WEIGHTED,
    "in_sample_unimodal": WEIGHTED | {"unimodal"},
    "transductive_mi": {"modality", "bi_level"},
    "eval_state": {"instance", "bi_level"},
    "update_on_valid_improvement": WEIGHTED,
    "global_gaussian_kl": {"averaged_instance"},
    "log_space_experts": WEIGHTED | {"moe", "unimodal"},
    "embedding_site": WEIGHTED,
    "initial_ones": WEIGHTED,
}
# These act only when scores happen to fall that way; the loop's tests fix them by hand.
BY_CHANCE = {"test_epoch", "test_smoothing", "update_on_valid_improvement"}
TRAINING = {"epochs": 3, "lr": 0.02}
SETTINGS = small_params([0], training=TRAINING)
# Where the default is what was released, the switch acts on the other choice.
OTHERWISE = {
    "sum_one": {"scale": "mean_one"},
    "embedding_site": {"site": "contribution"},
}


@pytest.fixture(scope="module")
def leak_free() -> Trained:
    """All models without any switch."""
    return trained(small_study(SETTINGS))


def content(results: list[Result]) -> list[np.ndarray]:
    """What results say about predictions, weights, epochs and the factor."""
    arrays = [np.array([r.epochs for r in results])]
    for result in results:
        arrays += [*result.predictions.values(), *result.weights.values()]
        arrays += [np.array([row["factor"] for row in result.trajectory])]
        arrays += [np.array([row["mean"] for row in result.trajectory])]
    return arrays


def differ(one: list[Result], other: list[Result]) -> bool:
    """Whether anything differs in any bit."""
    pairs = zip(content(one), content(other), strict=True)
    return any(a.shape != b.shape or a.tobytes() != b.tobytes() for a, b in pairs)


def by_method(models: Trained) -> dict[str, list[Result]]:
    """Results under the names of REACH."""
    single = {name: [result] for name, result in models.weighted.items()}
    return single | {"moe": [models.unweighted], "unimodal": list(models.unimodal)}


def test_every_switch_has_a_reach() -> None:
    assert set(REACH) == set(SWITCHES)


@pytest.mark.parametrize("switch", SWITCHES)
def test_a_switch_changes_what_it_should(switch: str, leak_free: Trained) -> None:
    settings = SETTINGS
    if switch in OTHERWISE:
        settings = small_params([0], training=TRAINING, weighting=OTHERWISE[switch])
        leak_free = trained(small_study(settings))
    study = small_study(settings, names=[switch])
    if REACH[switch] & {"moe", "unimodal"}:
        switched = trained(study)
    else:
        weighted = {
            m: fits.weighted_result(study, leak_free.evidence, m)  # type: ignore[arg-type]
            for m in ALL_METHODS
        }
        switched = Trained(
            leak_free.unimodal, leak_free.unweighted, leak_free.evidence, weighted
        )
    before, after = by_method(leak_free), by_method(switched)
    changed = {name for name in before if differ(before[name], after[name])}
    if switch in BY_CHANCE:
        assert changed
    else:
        assert changed >= REACH[switch], REACH[switch] - changed
    # A memory per instance also keeps how modality-level weights were restricted.
    if switch != "eval_state":
        assert changed <= REACH[switch], changed - REACH[switch]


def test_the_published_protocol_runs() -> None:
    models = trained(small_study(SETTINGS, names=["all"]))
    for result in models.weighted.values():
        for weights in result.weights.values():
            assert np.isfinite(weights).all()
        for predictions in result.predictions.values():
            assert np.isfinite(predictions).all()


def test_a_swap_without_audio_and_video_is_left_out_and_said() -> None:
    chosen = frozenset({"swap_audio_video", "sum_one"})
    kept, notes = applicable(chosen, ("ecg", "labs"))
    assert kept == {"sum_one"}
    assert "swap_audio_video: not applicable" in notes[0]
    assert applicable(chosen, ("text", "audio", "video")) == (chosen, ())
