"""A small residual network that learns electrocardiograms without labels."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float, Int16
from torch import Generator, Tensor, nn
from torch.nn import functional

from repro.features.objects import (
    about_objects,
    about_skipped,
    no_objects,
    scaled_objects,
    train_objects,
)
from repro.features.waveforms import LEADS, Grid, flat_leads, recordings
from repro.records import Ragged

UNIT = 200.0  # microvolts, about the sd of a lead
PATCH = 16  # samples per step of the features
DECIMATION = 4  # samples averaged into one sample of the target
SPAN = 4  # steps hidden at a time
HIDDEN_SHARE = 0.4  # of the steps, at most, since the spans may overlap


@dataclass(frozen=True)
class Learning:
    """Sizes and training of the encoder; `dims` is even, for a mean and an sd."""

    dims: int = 64
    epochs: int = 8
    batch: int = 32
    lr: float = 2e-3
    seed: int = 0


class Residual(nn.Module):
    """Two convolutions added to their input, without any normalization.

    The second starts at zero, so that the network starts as a shallow one. Without
    batch statistics a record is embedded alike whatever is embedded beside it, and
    without those of the record itself its voltage is kept.
    """

    def __init__(self, width: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(width, width, 5, stride, padding=2)
        self.second = nn.Conv1d(width, width, 5, padding=2)
        self.stride = stride
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:
        shortcut = functional.avg_pool1d(x, self.stride) if self.stride > 1 else x
        return functional.gelu(shortcut + self.second(functional.gelu(self.first(x))))


class EcgEncoder(nn.Module):
    """Features for every `PATCH` samples, and a linear decoder of the decimated patch.

    Departure: the original is a convolutional autoencoder after Attia et al. (2019)
    with a dense code of 256 numbers, whose weights were not released. Here hidden spans
    are filled in from their surroundings, and the vector of a record is the mean and sd
    of its features over time, so that it does not depend on where the beats lie.
    """

    def __init__(self, dims: int) -> None:
        super().__init__()
        if dims % 2:
            raise ValueError(f"dims={dims}: choose an even number")
        width = dims // 2
        self.stem = nn.Conv1d(len(LEADS), width, 8, stride=4, padding=2)
        strides = (2, 2, 1)
        self.blocks = nn.Sequential(*(Residual(width, s) for s in strides))
        self.decoder = nn.Conv1d(width, len(LEADS) * PATCH // DECIMATION, 1)

    def steps(
        self, signal: Float[Tensor, "batch leads time"]
    ) -> Float[Tensor, "batch width steps"]:
        """Features over time."""
        return self.blocks(functional.gelu(self.stem(signal)))

    def forward(
        self, signal: Float[Tensor, "batch leads time"]
    ) -> Float[Tensor, "batch dims"]:
        """One vector per record."""
        steps = self.steps(signal)
        return torch.cat([steps.mean(dim=2), steps.std(dim=2)], dim=1)

    def loss(
        self,
        signal: Float[Tensor, "batch leads time"],
        hidden: Bool[Tensor, "batch steps"],
    ) -> Float[Tensor, ""]:
        """Squared error of the decimated signal, seen without its hidden steps."""
        seen = ~hidden.repeat_interleave(PATCH, dim=1)
        decoded = self.decoder(self.steps(signal * seen.unsqueeze(1)))
        target = functional.avg_pool1d(signal, DECIMATION)
        batch, _, steps = decoded.shape
        found = decoded.view(batch, len(LEADS), -1, steps).transpose(2, 3).flatten(2)
        return functional.mse_loss(found, target)


def as_signal(
    values: Int16[np.ndarray, "records leads time"],
) -> Float[Tensor, "records leads padded"]:
    """Recordings in units of 200 microvolts, filled to whole patches."""
    signal = torch.from_numpy(values).float() / UNIT
    return functional.pad(signal, (0, -signal.shape[2] % PATCH))


def hidden_steps(
    batch: int, steps: int, generator: Generator
) -> Bool[Tensor, "batch steps"]:
    """Random spans of steps to hide in each record."""
    spans = max(1, round(HIDDEN_SHARE * steps / SPAN))
    first = torch.randint(steps, (batch, spans, 1), generator=generator)
    places = (first + torch.arange(SPAN)).clamp(max=steps - 1).flatten(1)
    return torch.zeros(batch, steps, dtype=torch.bool).scatter(1, places, True)


def trained_encoder(
    values: Int16[np.ndarray, "records leads time"], learning: Learning
) -> tuple[EcgEncoder, list[float]]:
    """The encoder after training on these records alone, and the loss of each epoch.

    The global random state is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(learning.seed)
        encoder = EcgEncoder(learning.dims)
    generator = Generator().manual_seed(learning.seed)
    adam = torch.optim.Adam(encoder.parameters(), lr=learning.lr)
    losses = []
    for _ in range(learning.epochs):
        total = 0.0
        order = torch.randperm(len(values), generator=generator)
        for rows in order.split(learning.batch):
            signal = as_signal(values[rows.numpy()])
            steps = signal.shape[2] // PATCH
            loss = encoder.loss(signal, hidden_steps(len(rows), steps, generator))
            adam.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(encoder.parameters(), 1.0)
            adam.step()
            total += loss.item() * len(rows)
        losses.append(total / len(values))
    return encoder.eval(), losses


def embedded(
    encoder: EcgEncoder, values: Int16[np.ndarray, "records leads time"], batch: int
) -> Float[np.ndarray, "records dims"]:
    """One vector per record, the same whatever else is embedded.

    The last batch is filled up: with one shape, each record takes the same arithmetic.
    """
    rows = []
    with torch.inference_mode():
        for start in range(0, len(values), batch):
            part = as_signal(values[start : start + batch])
            full = functional.pad(part, (0, 0, 0, 0, 0, batch - len(part)))
            rows.append(encoder(full)[: len(part)])
    return torch.cat(rows).numpy()


def resnet_features(
    samples: pd.DataFrame,
    ecgs: pd.DataFrame,
    root: Path,
    *,
    grid: Grid,
    learning: Learning,
    folder: Path,
    workers: int = 1,
) -> tuple[Ragged, dict[str, Any]]:
    """Vectors of all electrocardiograms, from an encoder trained on train records.

    Raises:
        ValueError: no record can be read, or none of a training sample.
    """
    if ecgs.empty:
        ragged = no_objects(samples, learning.dims)
        return ragged, about_objects("resnet", samples, ecgs, learning.dims)
    found = recordings(list(ecgs["path"]), root, grid, folder, workers)
    table = ecgs[found.kept]
    is_train = train_objects(samples, table)
    if not is_train.any():
        raise ValueError("no training sample has a readable ECG; change the split")
    encoder, losses = trained_encoder(found.values[is_train], learning)
    vectors = embedded(encoder, found.values, learning.batch)
    about = about_objects("resnet", samples, table, learning.dims)
    about |= about_skipped(ecgs, found) | {
        "flat_leads": flat_leads(found.values),
        "losses": losses,
        "parameters": sum(p.numel() for p in encoder.parameters()),
    }
    return scaled_objects(samples, table, vectors, is_even=False), about
