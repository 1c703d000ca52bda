"""How far each trained expert moves when a modality is masked, row by row.

An expert that only detects noise moves under `random` and hardly under `shuffled`, the
tokens of another row, which look like any others. The floor is `dropout`: two intact
passes with dropout of their own, as the losses compare them.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch import Generator, Tensor

from repro.cells.study import Study
from repro.models.batch import gather
from repro.models.fusions.interface import EXPERT_LOGITS, FusionInput
from repro.models.interactions.experts import InteractionExperts
from repro.models.predictor import Predictor
from repro.params.interactions import Mask
from repro.training.fitting import Outcome
from repro.training.prediction import batches

PROBED: tuple[Mask, ...] = ("random", "shuffled", "mean", "zero")
DRAWN: tuple[Mask, ...] = ("random", "shuffled")
DROPOUT, NOTHING = "dropout", "none"  # the floor, which masks no modality

_Moved = Float[np.ndarray, "seeds experts modalities rows"]
# Outputs (seeds, experts, modalities, rows, outputs) of two kinds, and what exists.
_Pair = Callable[[FusionInput], tuple[Tensor, Tensor, Tensor | None]]


def probe_tables(study: Study, outcome: Outcome) -> list[pd.DataFrame]:
    """A table per kind of mask: a row per seed, expert, modality and test row.

    `distance` is the mean over `interaction.probe` draws of how far outputs for the
    masked row lie from those for the intact one; NaN where the row lacks the modality.
    A model that saw no train row has no means to mask with.
    """
    asked, fusion = study.recipe.interaction, outcome.model.fusion
    if asked is None or not asked.probe or not isinstance(fusion, InteractionExperts):
        return []
    has_means = bool((fusion.moments.batches > 0).all())
    tables = []
    for mask in (m for m in PROBED if has_means or m != "mean"):
        draws = asked.probe if mask in DRAWN else 1
        every = [distances(study, outcome.model, mask, d) for d in range(draws)]
        moved = np.mean(every, axis=0)
        tables.append(_table(study, mask, fusion.names, study.inputs.names, moved))
    noise = [floor(study, outcome.model, d) for d in range(asked.probe)]
    moved = np.mean(noise, axis=0)
    return [*tables, _table(study, DROPOUT, fusion.names, (NOTHING,), moved)]


def distances(study: Study, model: Predictor, mask: Mask, draw: int) -> _Moved:
    """Distance of outputs for masked test rows from those for intact ones.

    Of a score its absolute change; of logits the Euclidean distance, where one class
    is to be chosen without what all classes share. Dropout is off.
    """
    noise = _generators(study, draw)

    def pair(given: FusionInput) -> tuple[Tensor, Tensor, Tensor | None]:
        anchor = model.fusion(given).gates[EXPERT_LOGITS].transpose(1, 2)
        masked, exists = model.fusion.masked_logits(given, mask, noise)
        return anchor.unsqueeze(2), masked, exists.unsqueeze(1)

    return _moved(study, model, pair, len(study.inputs.names))


def floor(study: Study, model: Predictor, draw: int) -> _Moved:
    """Distance of two intact passes, each with dropout of its own."""
    first, second = _generators(study, 2 * draw), _generators(study, 2 * draw + 1)

    def pair(given: FusionInput) -> tuple[Tensor, Tensor, Tensor | None]:
        one, other = (model.fusion.noisy_logits(given, g) for g in (first, second))
        return one.unsqueeze(2), other.unsqueeze(2), None

    return _moved(study, model, pair, 1)


@torch.no_grad()
def _moved(study: Study, model: Predictor, pair: _Pair, modalities: int) -> _Moved:
    rows, seeds = study.rows["test"], model.seeds
    shape = (seeds, len(model.fusion.names), modalities, len(rows))
    moved = np.full(shape, np.nan)
    model.eval()
    for chosen in batches(study.inputs, rows, seeds, study.training.evaluation_batch):
        index = torch.as_tensor(rows[chosen], device=study.inputs.y.device)
        given = model.fusion_input(gather(study.inputs, index.expand(seeds, -1)))
        one, other, exists = pair(given)
        size = _size(other - one, study.task.kind)
        if exists is not None:
            size = size.masked_fill(~exists, torch.nan)
        moved[..., chosen] = size.cpu().numpy()
    return moved


def _size(change: Tensor, kind: str) -> Tensor:
    if kind == "classification":
        change = change - change.mean(-1, keepdim=True)
    return torch.linalg.vector_norm(change.double(), dim=-1)


def _generators(study: Study, draw: int) -> list[Generator]:
    device = study.inputs.y.device
    return [Generator(device=device).manual_seed(draw) for _ in study.seeds]


def _table(
    study: Study, mask: str, experts: Any, modalities: Any, moved: _Moved
) -> pd.DataFrame:
    ids = study.samples["id"].to_numpy()[study.rows["test"]]
    index = pd.MultiIndex.from_product(
        [study.seeds, experts, modalities, ids],
        names=["seed", "expert", "modality", "id"],
    )
    table = index.to_frame(index=False).assign(mask=mask)
    return table.assign(distance=moved.ravel().astype(np.float32))
