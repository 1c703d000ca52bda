"""Samples as tensors, and batches of them gathered for every stacked member."""

from dataclasses import dataclass

from jaxtyping import Bool, Float, Int
from torch import Tensor


@dataclass(frozen=True)
class Inputs:
    """All samples of a data set as tensors on one device, zero padded.

    Shape: `values[m]` is `(samples, time, features)`; `lengths` and `present` are
    `(samples, modalities)`; what an absent modality stores is zero. `times[m]` (None:
    order is all that counts) says when each row was known, as a share of the
    observation window; `hourly[m]` (None: there is none) is the same on a grid.
    """

    names: tuple[str, ...]
    values: tuple[Float[Tensor, "samples _time _features"], ...]
    lengths: Int[Tensor, "samples modalities"]
    present: Bool[Tensor, "samples modalities"]
    y: Float[Tensor, " samples"]
    times: tuple[Float[Tensor, "samples _time"] | None, ...] = ()
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
    """Rows of `Inputs`, gathered per member; a padding row has nothing present."""

    values: tuple[Float[Tensor, "seeds batch _time _features"], ...]
    lengths: Int[Tensor, "seeds batch modalities"]
    present: Bool[Tensor, "seeds batch modalities"]
    y: Float[Tensor, "seeds batch"]
    real: Bool[Tensor, "seeds batch"]
    times: tuple[Float[Tensor, "seeds batch _time"] | None, ...] = ()
    hourly: tuple[Float[Tensor, "seeds batch _hours _features"] | None, ...] = ()


def gather(inputs: Inputs, index: Int[Tensor, "seeds batch"]) -> Batch:
    """Take rows by index; index -1 is padding."""
    real = index >= 0
    rows = index.clamp(min=0)
    lengths = inputs.lengths[rows]
    longest = lengths.amax(dim=(0, 1)).clamp(min=1).tolist()
    return Batch(
        values=tuple(
            values[:, : longest[m]][rows] for m, values in enumerate(inputs.values)
        ),
        lengths=lengths,
        present=inputs.present[rows] & real[..., None],
        y=inputs.y[rows],
        real=real,
        times=tuple(
            None if times is None else times[:, : longest[m]][rows]
            for m, times in enumerate(inputs.times)
        ),
        hourly=tuple(None if grid is None else grid[rows] for grid in inputs.hourly),
    )
