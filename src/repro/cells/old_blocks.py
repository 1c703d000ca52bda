"""Blocks of params.yaml as an architecture takes them, until params states them so."""

from typing import Any

from repro.params import Model, Preset
from repro.params.clinical import ClinicalModel
from repro.params.presets import LastState, Query

OVER_TIME = ("mult", "concat_transformer")
MIXTURE = (
    *("layers", "expert_hidden", "feed_forward"),
    *("router", "gate", "expert_dropout"),
)
BLOCKS = {
    "moe": (*MIXTURE, "head_dropout"),
    "fusemoe": (*MIXTURE, "heads", "dropout"),
    "flattened": (*MIXTURE, "heads", "dropout"),
    "mult": ("heads", "cross_layers", "self_layers", "dropout"),
    "concat_transformer": ("heads", "layers", "dropout"),
    "early_fusion": ("hidden", "dropout"),
    "late_fusion": ("hidden", "dropout"),
}


def tokens(preset: Preset, model: Model | ClinicalModel) -> LastState | Query:
    """Sizes of the tokens."""
    if isinstance(model, ClinicalModel):
        wanted: type[LastState | Query] = Query
        stated = model.model_dump()
    else:
        wanted = LastState
        stated = model.model_dump() | {"moments": preset.fusions.over_time.moments}
    return wanted(**{name: stated[name] for name in wanted.model_fields})


def sizes(preset: Preset, model: Model | ClinicalModel, fusion: str) -> dict[str, Any]:
    """Sizes of a fusion."""
    stated = model.model_dump()
    if fusion in OVER_TIME and isinstance(model, Model):
        stated = preset.fusions.over_time.model_dump()
    elif fusion in ("early_fusion", "late_fusion", "low_rank"):
        stated = preset.fusions.simple.model_dump()
    elif fusion in ("mmim", "ithp"):
        return getattr(preset.fusions, fusion).model_dump()
    if fusion == "low_rank":
        hidden = {"hidden": stated["low_rank_hidden"]}
        return {n: stated[n] for n in ("rank", "fused_width", "dropout")} | hidden
    return {name: stated[name] for name in BLOCKS[fusion]}
