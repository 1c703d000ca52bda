"""How far each trained expert moves when a modality is masked, by kind of mask.

An expert that only detects noise moves under `random` and hardly under `shuffled`, the
tokens of another row, which look like any others.
"""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Generator

from repro.cells.study import Study
from repro.models.batch import gather
from repro.models.fusions.interface import EXPERT_LOGITS
from repro.models.interactions.experts import InteractionExperts
from repro.models.predictor import Predictor
from repro.params.interactions import Mask
from repro.training.fitting import Outcome
from repro.training.prediction import batches

PROBED: tuple[Mask, ...] = ("random", "shuffled", "mean", "zero")
DRAWN: tuple[Mask, ...] = ("random", "shuffled")


def probe_rows(study: Study, outcome: Outcome) -> list[dict[str, Any]]:
    """A row per seed, kind of mask, expert and masked modality: the mean distance.

    Over test rows that have the modality and over `interaction.probe` draws, between
    outputs for the intact and for the masked row; dropout is off.
    """
    asked, fusion = study.recipe.interaction, outcome.model.fusion
    if asked is None or not asked.probe or not isinstance(fusion, InteractionExperts):
        return []
    found = []
    for mask in PROBED:
        draws = asked.probe if mask in DRAWN else 1
        moved = np.mean(
            [distances(study, outcome.model, mask, d) for d in range(draws)], 0
        )
        found += [
            {
                "seed": seed,
                "mask": mask,
                "expert": expert,
                "modality": modality,
                "distance": float(moved[i, e, m]),
            }
            for i, seed in enumerate(study.seeds)
            for e, expert in enumerate(fusion.names)
            for m, modality in enumerate(study.inputs.names)
        ]
    return found


@torch.no_grad()
def distances(
    study: Study, model: Predictor, mask: Mask, draw: int
) -> Float[np.ndarray, "seeds experts modalities"]:
    """Mean distance of outputs over test rows; NaN for a modality that none has.

    Of a score its absolute change; of logits the Euclidean distance, where one class
    is to be chosen without what all classes share.
    """
    device, rows = study.inputs.y.device, study.rows["test"]
    noise = [Generator(device=device).manual_seed(draw) for _ in study.seeds]
    total, number = 0.0, 0.0
    model.eval()
    for chosen in batches(
        study.inputs, rows, model.seeds, study.training.evaluation_batch
    ):
        index = torch.as_tensor(rows[chosen], device=device).expand(model.seeds, -1)
        given = model.fusion_input(gather(study.inputs, index))
        anchor = model.fusion(given).gates[EXPERT_LOGITS].transpose(1, 2)
        masked, exists = model.fusion.masked_logits(given, mask, noise)
        change = masked - anchor.unsqueeze(2)
        if study.task.kind == "classification":
            change = change - change.mean(-1, keepdim=True)
        size = torch.linalg.vector_norm(change.double(), dim=4)
        total += (size * exists.unsqueeze(1)).sum(3)
        number += exists.sum(2).unsqueeze(1)
    mean: np.ndarray = (total / number).cpu().numpy()  # type: ignore[attr-defined]
    return mean
