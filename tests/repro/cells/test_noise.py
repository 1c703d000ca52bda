"""Modalities of pure noise."""

import torch

from repro.cells.noise import with_noise
from tests.repro.small_study import small_inputs


def test_noise_modalities_do_not_depend_on_their_number() -> None:
    inputs = small_inputs()
    one, two = with_noise(inputs, 1), with_noise(inputs, 2)
    assert two.names == ("text", "audio", "video", "noise_1", "noise_2")
    assert torch.equal(one.values[3].values, two.values[3].values)
    assert not torch.equal(two.values[3].values, two.values[4].values)
    assert two.present[:, 3:].all()
    assert torch.equal(two.present[:, :3], inputs.present)
    slope = torch.corrcoef(torch.stack([inputs.y, two.values[3].values[:-1, 0]]))[0, 1]
    assert slope.abs() < 0.35
