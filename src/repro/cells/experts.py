"""Interaction experts of a run: what is refused or noted, and their table."""

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from btw import contribution_share, leave_one_out
from repro.cells.result import Result
from repro.models.batch import Inputs
from repro.models.fusions.interface import (
    EXPERT_LOGITS,
    EXPERT_WEIGHTS,
    fusion_class,
)
from repro.models.interactions.experts import expert_names
from repro.params import Params
from repro.params.cells import Recipe, place_of
from repro.params.interactions import Interaction

if TYPE_CHECKING:
    from repro.cells.study import Study

_log = logging.getLogger(__name__)


def refuse_unlearnable(
    address: str, recipe: Recipe, inputs: Inputs, train: np.ndarray
) -> None:
    """Stop at experts of a modality that no train row has, or of an unknown name.

    Raises:
        ValueError: names the run and the modality or the expert.
    """
    if recipe.interaction is None:
        return
    where = place_of(address)
    there = inputs.present[train].any(0).tolist()
    absent = [n for n, some in zip(inputs.names, there, strict=True) if not some]
    if absent:
        raise ValueError(
            f"{where}: interaction: no train sample has {', '.join(absent)}, whose "
            f"expert would learn nothing; add it to without: [{', '.join(absent)}]"
        )
    try:
        expert_names(inputs.names, recipe.interaction)
    except ValueError as error:
        raise ValueError(f"{where}: interaction.{error}") from error


def separation_notes(params: Params, recipe: Recipe) -> tuple[str, ...]:
    """A warning for each fusion of a run whose experts nothing moves apart."""
    if recipe.interaction is None:
        return ()
    sizes = params.models(recipe.dataset).fusions
    told = [separation_note(f, sizes[f], recipe.interaction) for f in recipe.built]
    for note in filter(None, told):
        _log.warning(note)
    return tuple(filter(None, told))


def separation_note(fusion: str, sizes: Mapping[str, Any], asked: Interaction) -> str:
    """A warning where nothing but the weights can tell experts apart, else nothing.

    >>> asked = Interaction(strength=0.0, variant="simple_weight")
    >>> separation_note("early_fusion", {"hidden": 4, "dropout": 0.0}, asked)
    'interaction experts of early_fusion are one model: they start alike, no loss...
    """
    rates = [size for name, size in sizes.items() if name.endswith("dropout")]
    has_noise = any(rates) or "balance" in fusion_class(fusion).losses
    is_alike = asked.initial == "identical" and asked.expert is None
    if asked.has_losses or has_noise or not is_alike:
        return ""
    if asked.variant == "simple_weight":
        return (
            f"interaction experts of {fusion} are one model: they start alike, no loss "
            "and no dropout moves them apart"
        )
    return (
        f"interaction experts of {fusion} are one model but for their weights: they "
        "start alike, and no loss and no dropout moves them apart"
    )


def experts_table(study: "Study", results: Sequence[Result]) -> pd.DataFrame | None:
    """What every expert says of every row of valid and test; None without experts.

    Columns: method, seed, split, id, expert, weight, a logit of each output, `share`
    (`btw.contribution_share`) and `left_out` (`btw.leave_one_out`; NaN of one expert).
    """
    frames = [
        _rows(study, split, seed, logits[i], weights[i]).assign(method=result.method)
        for result in results
        for split, own in result.records.items()
        for logits, weights in [(own[EXPERT_LOGITS], own[EXPERT_WEIGHTS])]
        for i, seed in enumerate(study.seeds)
    ]
    if not frames:
        return None
    table = pd.concat(frames, ignore_index=True)
    return table[["method", *(name for name in table.columns if name != "method")]]


def _rows(
    study: "Study", split: str, seed: int, logits: np.ndarray, weights: np.ndarray
) -> pd.DataFrame:
    """One line per row and expert of one seed."""
    assert study.recipe.interaction is not None
    names = expert_names(study.inputs.names, study.recipe.interaction)
    rows = study.samples.iloc[study.rows[split]]
    count, (_, experts, outputs) = len(rows), logits.shape
    columns = {
        "seed": np.full(count * experts, seed, dtype=np.int64),
        "split": split,
        "id": np.repeat(rows["id"].to_numpy(), experts),
        "expert": np.tile(np.array(names, dtype=object), count),
        "weight": weights.ravel(),
    }
    columns |= {f"logit_{k}": logits[..., k].ravel() for k in range(outputs)}
    kind, effects = study.task.kind, np.full(weights.shape, np.nan)
    columns["share"] = contribution_share(logits, weights, kind).ravel()
    if experts > 1:
        y = study.task.labels(rows["y"].to_numpy(np.float64))
        effects = leave_one_out(logits, weights, y, kind)
    columns["left_out"] = effects.ravel()
    return pd.DataFrame(columns)
