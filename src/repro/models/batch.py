"""Samples as tensors, and batches of them gathered for every stacked member."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


@dataclass(frozen=True)
class Sequences:
    """Sequences of one modality, row after row; nothing is padded.

    Sample `i` is `values[offsets[i]:offsets[i + 1]]`; an absent one has no rows. Below
    them `values` has one more row, of zeros: it is what padding reads, so that a batch
    takes one look-up.

    >>> s = Sequences(torch.tensor([[5.0], [6.0], [0.0]]), torch.tensor([0, 0, 2]))
    >>> s.lengths.tolist(), s.longest, s.features
    ([0, 2], 2, 1)
    """

    values: Float[Tensor, "rows features"]
    offsets: Int[Tensor, " bounds"]

    @property
    def lengths(self) -> Int[Tensor, " samples"]:
        """Number of rows of each sample."""
        return self.offsets.diff()

    @property
    def longest(self) -> int:
        """Rows of the longest sample, at least 1."""
        return max(int(self.lengths.amax()), 1)

    @property
    def features(self) -> int:
        """Number of columns."""
        return self.values.shape[1]


@dataclass(frozen=True)
class Inputs:
    """All samples of a data set as tensors on one device.

    Shape: `lengths` and `present` are `(samples, modalities)`; `lengths[:, m]` are
    those of `values[m]`. `times[m]` (None: order is all that counts) says when each
    row of `values[m]` was known, as a share of the observation window; `hourly[m]`
    (None: there is none) is the same on a grid, zero where the modality is absent.
    """

    names: tuple[str, ...]
    values: tuple[Sequences, ...]
    lengths: Int[Tensor, "samples modalities"]
    present: Bool[Tensor, "samples modalities"]
    y: Float[Tensor, " samples"]
    times: tuple[Float[Tensor, " _rows"] | None, ...] = ()
    hourly: tuple[Float[Tensor, "samples _hours _features"] | None, ...] = ()

    def only(self, *modalities: str) -> "Inputs":
        """The same samples with these modalities left."""
        kept = [self.names.index(name) for name in modalities]
        return Inputs(
            names=modalities,
            values=tuple(self.values[m] for m in kept),
            lengths=self.lengths[:, kept],
            present=self.present[:, kept],
            y=self.y,
            times=tuple(self.times[m] for m in kept) if self.times else (),
            hourly=tuple(self.hourly[m] for m in kept) if self.hourly else (),
        )


@dataclass(frozen=True)
class Batch:
    """Rows of `Inputs`, gathered per member and padded with zeros at the end.

    A padding row has nothing present.
    """

    values: tuple[Float[Tensor, "seeds batch _time _features"], ...]
    lengths: Int[Tensor, "seeds batch modalities"]
    present: Bool[Tensor, "seeds batch modalities"]
    y: Float[Tensor, "seeds batch"]
    real: Bool[Tensor, "seeds batch"]
    times: tuple[Float[Tensor, "seeds batch _time"] | None, ...] = ()
    hourly: tuple[Float[Tensor, "seeds batch _hours _features"] | None, ...] = ()


def unpadded(
    padded: Float[Tensor, "samples time features"], lengths: Int[Tensor, " samples"]
) -> Sequences:
    """The first `lengths` rows of every sample as sequences.

    >>> unpadded(torch.ones(2, 3, 1), torch.tensor([2, 0])).values[:, 0].tolist()
    [1.0, 1.0, 0.0]
    """
    used = torch.arange(padded.shape[1], device=lengths.device) < lengths[:, None]
    zeros = padded.new_zeros(1, padded.shape[2])
    offsets = torch.nn.functional.pad(lengths.cumsum(0), (1, 0))
    return Sequences(torch.cat([padded[used], zeros]), offsets)


def gather(inputs: Inputs, index: Int[Tensor, "seeds batch"]) -> Batch:
    """Take rows by index, padded to the longest of them; index -1 is padding."""
    real = index >= 0
    rows = index.clamp(min=0)
    lengths = inputs.lengths[rows]
    longest = lengths.amax(dim=(0, 1)).clamp(min=1).tolist()
    places = [
        _places(sequences, rows, lengths[..., m], longest[m])
        for m, sequences in enumerate(inputs.values)
    ]
    return Batch(
        values=tuple(
            _looked_up(sequences.values, place)
            for sequences, place in zip(inputs.values, places, strict=True)
        ),
        lengths=lengths,
        present=inputs.present[rows] & real[..., None],
        y=inputs.y[rows],
        real=real,
        times=tuple(
            None if times is None else _looked_up(times, places[m])
            for m, times in enumerate(inputs.times)
        ),
        hourly=tuple(None if grid is None else grid[rows] for grid in inputs.hourly),
    )


def time_means(batch: Batch) -> list[Float[Tensor, "seeds batch _features"]]:
    """Mean over the rows of each modality; zeros where it has none."""
    means = []
    for m, values in enumerate(batch.values):
        count = (batch.lengths[..., m] * batch.present[..., m]).clamp(min=1)
        sums = values.sum(2) * batch.present[..., m, None]
        means.append(sums / count.unsqueeze(2))
    return means


def _places(
    sequences: Sequences, rows: Tensor, lengths: Tensor, longest: int
) -> Int[Tensor, "seeds batch time"]:
    """Which row of the values each place of a batch reads."""
    column = torch.arange(longest, device=rows.device)
    start = sequences.offsets[rows].unsqueeze(2)
    padding = len(sequences.values) - 1
    return torch.where(column < lengths.unsqueeze(2), start + column, padding)


def _looked_up(
    stored: Float[Tensor, " rows *features"], places: Int[Tensor, "seeds batch time"]
) -> Float[Tensor, "seeds batch time *features"]:
    # Copies whole rows: several times as fast as indexing by a tensor.
    rows = stored.index_select(0, places.flatten())
    return rows.view(*places.shape, *stored.shape[1:])
