"""Predictions of many rows by a stack of models, in batches that fit in memory."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from repro.models.batch import Inputs, gather
from repro.models.fusions.interface import FusionOutput
from repro.models.predictor import Predictor, Randomness
from repro.training.members import Member, torch_generators
from repro.training.memory import within_memory
from repro.training.task import Task
from repro.training.weighting.application import Applied

# Padded input values of a batch over all members: 256 MiB.
MOST_VALUES = 2**26


@torch.no_grad()
def predict(
    task: Task,
    model: Predictor,
    inputs: Inputs,
    rows: Int[np.ndarray, " rows"],
    weights: Applied | None,
    randomness: Randomness,
    batch: int,
) -> Float[np.ndarray, "members rows *classes"]:
    """Predictions of the given rows by every stacked member, in large batches.

    Rows of a like length are predicted together, at most `batch` of them. `weights`,
    where given, are indexed by sample as `(members, samples, modalities)`.
    """
    parts, places = [], []
    for chosen, output in outputs_of(model, inputs, rows, weights, randomness, batch):
        parts.append(output.logits)
        places.append(chosen)
    back = torch.from_numpy(np.argsort(np.concatenate(places))).to(inputs.y.device)
    return task.predictions(torch.cat(parts, 1)[:, back])


def outputs_of(
    model: Predictor,
    inputs: Inputs,
    rows: Int[np.ndarray, " rows"],
    weights: Applied | None,
    randomness: Randomness,
    batch: int,
) -> Iterator[tuple[Int[np.ndarray, " chosen"], FusionOutput]]:
    """Outputs for the given rows, batch by batch, each with its places in `rows`.

    Raises:
        MemoryError: a batch takes more memory than there is.
    """
    device = inputs.y.device
    weights = None if weights is None else weights.to(device)
    model.eval()
    widths = model.widths(inputs)
    for chosen in batches(inputs, rows, model.seeds, batch, widths=widths):
        index = torch.as_tensor(rows[chosen], device=device).expand(model.seeds, -1)

        def output(count: int, index: Tensor = index) -> FusionOutput:
            own = index[:, :count]
            return model(gather(inputs, own), weights_of(weights, own), randomness)

        yield chosen, within_memory(output, len(chosen), "training.evaluation_batch")


def evaluation_noise(
    members: Sequence[Member], epochs: Sequence[int], device: torch.device
) -> Randomness:
    """Router noise in evaluation, as released, of the epoch of each member.

    It is drawn anew in every epoch, and a kept epoch keeps its own.

    Departure: without the switch nothing is drawn in evaluation. Undone by
    `eval_noise`.
    """
    return Randomness(
        router=[
            torch_generators([member], "evaluation", device, epoch)[0]
            for member, epoch in zip(members, epochs, strict=True)
        ]
    )


def batches(
    inputs: Inputs,
    rows: Int[np.ndarray, " rows"],
    members: int,
    most_rows: int,
    most_values: int = MOST_VALUES,
    widths: Sequence[int] | None = None,
) -> Iterator[Int[np.ndarray, " chosen"]]:
    """Places in `rows` that are predicted together, each once, the longest first.

    A batch has at most `most_rows` rows and, unless it is a single row, at most
    `most_values` values over all members, padding included. A row of a modality has
    `widths` of them, where these are not the stored ones.
    """
    stored = [sequences.features for sequences in inputs.values]
    width = np.array(stored if widths is None else widths)
    lengths = inputs.lengths.cpu().numpy()[rows]
    order = np.argsort(-(lengths @ width), kind="stable")
    start = 0
    while start < len(rows):
        window = order[start : start + most_rows]
        longest = np.maximum.accumulate(lengths[window], axis=0).clip(min=1)
        padded = members * np.arange(1, len(window) + 1) * (longest @ width)
        count = max(int(np.searchsorted(padded, most_values, side="right")), 1)
        # In the given order: router noise in evaluation is drawn row by row.
        yield np.sort(window[:count])
        start += count


def weights_of(weights: Applied | None, index: Tensor) -> Tensor | None:
    """Weights of the rows of a batch: `(members, batch, modalities)`."""
    if weights is None:
        return None
    member = torch.arange(index.shape[0], device=index.device).unsqueeze(1)
    return weights[member, index.clamp(min=0)]
