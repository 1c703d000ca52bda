"""Modalities that know nothing of the label, for the stress test."""

import numpy as np
import torch

from repro.models.batch import Inputs, unpadded
from repro.training.members import seed_stream

NOISE = "noise_"  # what the names of added modalities start with


def with_noise(inputs: Inputs, count: int, features: int = 16) -> Inputs:
    """Add modalities of standard normal vectors that know nothing of the label.

    Noise modality `k` is the same whatever `count` is.
    """
    device, samples = inputs.y.device, len(inputs.y)
    draws = [
        np.random.default_rng(seed_stream(0, k, "control")).standard_normal(
            (samples, 1, features), dtype=np.float32
        )
        for k in range(1, count + 1)
    ]
    ones = torch.ones((samples, count), dtype=torch.int64, device=device)
    noise = [
        unpadded(torch.from_numpy(draw).to(device), ones[:, k])
        for k, draw in enumerate(draws)
    ]
    return Inputs(
        names=(*inputs.names, *(f"{NOISE}{k}" for k in range(1, count + 1))),
        values=(*inputs.values, *noise),
        lengths=torch.cat([inputs.lengths, ones], 1),
        present=torch.cat([inputs.present, ones.bool()], 1),
        y=inputs.y,
        times=(*inputs.times, *(None for _ in noise)) if inputs.times else (),
        hourly=(*inputs.hourly, *(None for _ in noise)) if inputs.hourly else (),
    )
