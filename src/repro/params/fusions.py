"""Sizes of the fusions beside the mixture of experts, and what each one supports."""

from collections.abc import Collection
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
ANCHOR = "text"  # what MMIM measures information with, and ITHP predicts from


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


def check_modalities(fusion: str, names: Collection[str], where: str) -> None:
    """Raise unless the data have what the fusion cannot do without.

    Raises:
        ValueError: MMIM or ITHP without text, or with nothing beside it.
    """
    if not SUPPORT[fusion].needs_anchor:
        return
    if ANCHOR not in names or len(names) < 2:
        raise ValueError(
            f"{where}: fusion {fusion} needs {ANCHOR} and at least one other modality, "
            f"the data have {', '.join(names)}; use another fusion or other data"
        )
