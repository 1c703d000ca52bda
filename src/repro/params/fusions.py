"""Sizes of the fusions beside the mixture of experts, and what each one supports."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from repro.params.strict import Count, NotNegative, Positive, Rate, Strict

Fusion = Literal[
    "moe",
    "fusemoe",
    "flattened",
    "mult",
    "concat_transformer",
    "early_fusion",
    "late_fusion",
    "low_rank",
    "mmim",
    "ithp",
]
OTHER_ENCODER = "deberta"  # of Table 5; groups that start with it train on it
# Groups whose stages read the evidence of one fusion, or are named after it.
FIXED_FUSION = MappingProxyType(
    dict.fromkeys(
        ("unimodal", "moe", "btw", "sweep", "attribution", "noise", "deberta_btw"),
        "moe",
    )
    | dict.fromkeys(("icu_unimodal", "icu_btw"), "fusemoe")
)
FUSION_GROUPS = ("other_fusions", "fusion_rows", "deberta_rows", "deberta_btw")
FUSION_FIELDS = frozenset({"dataset", "fusion", "encoder", "alpha"})


class OverTime(Strict):
    """MulT and the concat transformer on the sentiment data."""

    moments: Count
    heads: Count
    cross_layers: Count
    self_layers: Count
    layers: Count
    dropout: Rate


class Simple(Strict):
    """Early, late and low-rank fusion."""

    hidden: Count
    rank: Count
    fused_width: Count
    low_rank_hidden: Count
    dropout: Rate


class Mmim(Strict):
    """MMIM: sizes, weights of its losses, learning rate of its first phase."""

    hidden: Count
    dropout: Rate
    likelihood: NotNegative
    contrast: NotNegative
    entropy: NotNegative
    lr: Positive


class Ithp(Strict):
    """ITHP: sizes, and the strengths of its reconstructions."""

    hidden: Count
    bottleneck: Count
    beta: NotNegative
    gamma: Positive
    decay: NotNegative
    shift: NotNegative
    bottleneck_dropout: Rate
    dropout: Rate


class Fusions(Strict):
    """All of them."""

    over_time: OverTime
    simple: Simple
    mmim: Mmim
    ithp: Ithp


@dataclass(frozen=True)
class Support:
    """What a fusion can be asked for."""

    sides: Collection[str]  # of sentiment, clinical
    weights: bool = True
    needs_anchor: bool = False


_BOTH = ("sentiment", "clinical")
SUPPORT = MappingProxyType(
    {
        "moe": Support(("sentiment",)),
        "fusemoe": Support(("clinical",)),
        "flattened": Support(("clinical",)),
        "mult": Support(_BOTH),
        "concat_transformer": Support(_BOTH),
        "early_fusion": Support(_BOTH),
        "late_fusion": Support(_BOTH),
        "low_rank": Support(_BOTH),
        "mmim": Support(("sentiment",), needs_anchor=True),
        "ithp": Support(("sentiment",), weights=False, needs_anchor=True),
    }
)


def refusal(fusion: str, side: str, *, weighted: bool, missing: str) -> str | None:
    """Why a fusion cannot do what a cell asks of it, and what can; None if it can.

    >>> refusal("mult", "sentiment", weighted=True, missing="mask") is None
    True
    """
    support = SUPPORT[fusion]
    if side not in support.sides:
        able = ", ".join(name for name, s in SUPPORT.items() if side in s.sides)
        return f"works on {' and '.join(support.sides)} data only; use one of {able}"
    if weighted and not support.weights:
        able = ", ".join(n for n, s in SUPPORT.items() if s.weights and side in s.sides)
        return (
            "predicts from text alone, so that modality weights have nothing to "
            f"multiply; weights go with {able}"
        )
    if support.needs_anchor and missing != "mask":
        return (
            f"has losses of present modalities only, so missing={missing!r} has no "
            "meaning; use missing: mask"
        )
    return None


def group_refusal(group: str, cell: Mapping[str, object]) -> str | None:
    """Why a cell cannot stand in its group, or None if it can.

    `cell` holds the fields that params.yaml sets. Folders, rows and stages of a group
    are made for some of them; another would be trained under the wrong name.

    >>> group_refusal("btw", {"dataset": "mosi", "fusion": "mult"})
    'fusion mult: this group trains moe; put the cell into other_fusions'
    """
    encoder = cell.get("encoder")
    if group.startswith(OTHER_ENCODER):
        if encoder != OTHER_ENCODER:
            return f"encoder {encoder}: cells of this group set encoder: deberta"
    elif encoder is not None:
        return "encoder: set it at the top of params.yaml, for all cells"
    fusion = str(cell.get("fusion", "moe"))
    wanted = FIXED_FUSION.get(group)
    if wanted and fusion != wanted:
        other = "icu_missing" if group.startswith("icu_") else "other_fusions"
        return f"fusion {fusion}: this group trains {wanted}; put the cell into {other}"
    odd = sorted(set(cell) - FUSION_FIELDS) if group in FUSION_GROUPS else []
    if odd:
        return f"{', '.join(odd)}: no effect here; this group reads " + ", ".join(
            sorted(FUSION_FIELDS)
        )
    return None
