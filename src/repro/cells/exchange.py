"""Modalities of some instances exchanged with others: of any data it is known where."""

from collections.abc import Mapping
from dataclasses import replace
from zlib import crc32

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from repro.models.batch import Inputs, Sequences
from repro.training.members import seed_stream


def exchanged(
    inputs: Inputs, share: float, rows: Mapping[str, Int[np.ndarray, " rows"]]
) -> tuple[Inputs, Bool[np.ndarray, "samples modalities"]]:
    """Give a share of instances, drawn for each modality alone, what others show in it.

    They exchange it among themselves within their split, so that every distribution of
    one modality stays as it is: whether it fits shows in what the others say alone.

    Returns:
        The inputs, and where a modality is that of another instance.
    """
    orders = []
    for m, name in enumerate(inputs.names):
        here = inputs.present[:, m].cpu().numpy()
        own_stream = crc32(name.encode())  # whatever other modalities there are
        draw = np.random.default_rng(seed_stream(0, 0, "control", own_stream))
        order = np.arange(len(inputs.y))
        for own in rows.values():
            chosen = own[here[own] & (draw.random(len(own)) < share)]
            ring = draw.permutation(chosen)
            order[ring] = np.roll(ring, 1)
        orders.append(order)
    places = [torch.from_numpy(order).to(inputs.y.device) for order in orders]
    every = [_rows(s, p) for s, p in zip(inputs.values, places, strict=True)]
    lengths = [inputs.lengths[p, m] for m, p in enumerate(places)]
    found = replace(
        inputs,
        values=tuple(
            Sequences(s.values[own], _offsets(length))
            for s, own, length in zip(inputs.values, every, lengths, strict=True)
        ),
        lengths=torch.stack(lengths, 1),
        times=tuple(
            None if t is None else t[every[m]] for m, t in enumerate(inputs.times)
        ),
        hourly=tuple(
            None if h is None else h[places[m]] for m, h in enumerate(inputs.hourly)
        ),
    )
    return found, np.stack([o != np.arange(len(o)) for o in orders], axis=1)


def _rows(sequences: Sequences, order: Tensor) -> Tensor:
    """Rows of the values of samples in another order, and the one of zeros below."""
    lengths = sequences.lengths[order]
    start = sequences.offsets[order].repeat_interleave(lengths)
    first = _offsets(lengths)[:-1].repeat_interleave(lengths)
    within = torch.arange(len(start), device=start.device) - first
    zeros = torch.tensor([len(sequences.values) - 1], device=start.device)
    return torch.cat([start + within, zeros])


def _offsets(lengths: Tensor) -> Tensor:
    return torch.nn.functional.pad(lengths.cumsum(0), (1, 0))
