"""What a weighting is given: copied, checked, and named where it is wrong."""

import numpy as np
import pytest
import torch

from btw import ModalityWeighting
from tests.btw.made_training import VARIANTS, train


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy], ids=["numpy", "torch"])
def test_buffers_of_the_caller_may_be_used_again(kind, variant: str) -> None:
    own, joint, y, present = train()
    given = [own.copy(), joint.copy(), present.copy(), y.copy()]
    spread, later = np.array([0.2, 0.5, 2.0]), joint + own[:, 1]
    averaged = np.array([0.2, 0.3, 0.5])
    weightings = [ModalityWeighting("regression", variant) for _ in range(2)]
    for weighting, (a, b, c, d) in zip(
        weightings, (given, (own, joint, present, y)), strict=True
    ):
        weighting.fit(
            kind(a),
            kind(b),
            present=kind(c),
            targets=kind(d),
            held_out=joint[:9],
            held_out_targets=y[:9],
            unimodal_variance=spread,
            averaged=averaged if variant == "averaged_instance" else None,
        )
    for array in (*given, spread, averaged):
        array[:] = 1
    for weighting in weightings:
        weighting.observe(later, held_out=joint[:9], held_out_targets=y[:9])
        weighting.step(1.0)
    first, second = (np.asarray(weighting.weights) for weighting in weightings)
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"modalities": "abc"}, "modalities: got 'abc'; pass a name of its own"),
        ({"modalities": ["a", "a", "b"]}, "modalities: got .* a name of its own"),
    ],
)
def test_odd_settings_are_named(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ModalityWeighting("regression", **options)  # type: ignore[arg-type]


def test_errors_name_the_argument_that_is_wrong() -> None:
    own, joint, y, _ = train()
    weighting = ModalityWeighting("regression")
    for held, labels, message in (
        (joint[:5], y[:9], "held_out_targets: got 9 beside 5 held_out"),
        (joint[:9], y[:9] * np.nan, "held_out_targets: 9 values .* remove them$"),
        (joint[:9] * np.inf, y[:9], "held_out: 9 values are not finite"),
    ):
        with pytest.raises(ValueError, match=message):
            weighting.fit(own, joint, targets=y, held_out=held, held_out_targets=labels)
    weighting.fit(own, joint, targets=y, held_out=joint[:9], held_out_targets=y[:9])
    with pytest.raises(ValueError, match="unimodal: got 2 modalities; pass the 3"):
        weighting.infer(own[:, :2], joint)
