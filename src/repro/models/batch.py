"""Samples as tensors, and batches of them gathered for every stacked member."""

from dataclasses import dataclass

from jaxtyping import Bool, Float, Int
from torch import Tensor


@dataclass(frozen=True)
class Inputs:
    """All samples of a data set as tensors on one device, zero padded.

    Shape: `values[m]` is `(samples, time, features)`; `lengths` and `present` are
    `(samples, modalities)`; what an absent modality stores is zero.
    """

    names: tuple[str, ...]
    values: tuple[Float[Tensor, "samples _time _features"], ...]
    lengths: Int[Tensor, "samples modalities"]
    present: Bool[Tensor, "samples modalities"]
    y: Float[Tensor, " samples"]

    def only(self, modality: str) -> "Inputs":
        """The same samples with one modality left."""
        m = self.names.index(modality)
        return Inputs(
            names=(modality,),
            values=(self.values[m],),
            lengths=self.lengths[:, m : m + 1],
            present=self.present[:, m : m + 1],
            y=self.y,
        )


@dataclass(frozen=True)
class Batch:
    """Rows of `Inputs`, gathered per member; a padding row has nothing present."""

    values: tuple[Float[Tensor, "seeds batch _time _features"], ...]
    lengths: Int[Tensor, "seeds batch modalities"]
    present: Bool[Tensor, "seeds batch modalities"]
    y: Float[Tensor, "seeds batch"]
    real: Bool[Tensor, "seeds batch"]


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
    )
