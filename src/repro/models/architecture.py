"""From an architecture to its parts: tokens of every modality, and a fusion."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from torch import nn

from repro.models.batch import Inputs
from repro.models.fusions.interface import (
    ANCHOR,
    INTERACTION,
    SITES,
    FusionShape,
    fusion_class,
    no_experts,
    refusal,
)
from repro.models.interactions.experts import InteractionExperts
from repro.models.tokens.last_state import LastStateTokens
from repro.models.tokens.query import QueryTokens
from repro.models.tokens.series import SeriesTokens
from repro.models.tokens.text import FineTuning
from repro.params.interactions import Interaction
from repro.params.naming import sentence
from repro.params.presets import LastState, Query

BALANCE = "balance"  # weighted by the training settings of a preset


@dataclass(frozen=True)
class Architecture:
    """Everything that decides the model's shape.

    `fusion` is the name of a file of `repro.models.fusions`, and `sizes` what a preset
    states for it. With an `interaction`, experts are made of it wherever there are two
    modalities or more; `variance` is that of the labels of train, for their losses.
    """

    fusion: str
    sizes: Mapping[str, Any]
    tokens: LastState | Query
    experts: int
    top_k: int
    missing: str = "mask"
    scale_absent: bool = False
    weight_site: str = "embedding"
    log_space_experts: bool = False
    text: FineTuning | None = None
    outputs: int = 1
    interaction: Interaction | None = None
    variance: float = 1.0


def tokens_of(seeds: int, inputs: Inputs, architecture: Architecture) -> nn.Module:
    """The module that turns a batch into tokens `(seeds, modalities, batch, ...)`."""
    sizes, text = architecture.tokens, architecture.text
    if isinstance(sizes, Query):
        return QueryTokens(seeds, inputs, sizes)
    if _is_over_time(architecture):
        return SeriesTokens(seeds, inputs, sizes, text)
    return LastStateTokens(seeds, inputs, sizes, text)


def fusion_of(seeds: int, inputs: Inputs, architecture: Architecture) -> nn.Module:
    """The fusion of the architecture, ready to be drawn.

    Raises:
        ValueError: no fusion has that name, its sizes, tokens or site are not its, or
            experts cannot be made of it.
    """
    fusion = fusion_class(architecture.fusion)
    kind = "query" if isinstance(architecture.tokens, Query) else "last_state"
    reason = refusal(architecture.fusion, kind, site=None, missing="mask")
    if reason:
        raise ValueError(f"fusion={architecture.fusion!r} {reason}")
    # What takes no weights has no site: a study states one for all of its fusions.
    sites = fusion.weight_sites or SITES
    if architecture.weight_site not in sites:
        raise ValueError(
            f"weight_site={architecture.weight_site!r}: {architecture.fusion} offers "
            f"{', '.join(sites)}; choose one of them"
        )
    shape = FusionShape(
        seeds=seeds,
        modalities=len(inputs.names),
        width=architecture.tokens.width,
        outputs=architecture.outputs,
        time=_most_tokens(architecture),
        anchor=inputs.names.index(ANCHOR) if ANCHOR in inputs.names else None,
        raw_widths=[sequences.features for sequences in inputs.values],
        experts=architecture.experts,
        top_k=architecture.top_k,
        log_space=architecture.log_space_experts,
    )
    sizes, settings = _sizes(architecture), architecture.interaction
    if settings is None or len(inputs.names) == 1:
        return fusion(shape, sizes)
    reason = no_experts(architecture.fusion, settings.variant)
    if reason:
        raise ValueError(f"interaction: fusion {architecture.fusion!r} {reason}")
    return InteractionExperts(
        shape,
        lambda wide: fusion(wide, sizes),
        settings,
        inputs.names,
        variance=architecture.variance,
    )


def loss_weights(architecture: Architecture) -> Mapping[str, float]:
    """What the auxiliary losses of the fusion are multiplied with.

    Raises:
        ValueError: it states a loss that its sizes do not weight.
    """
    weights: Mapping[str, float] = getattr(_sizes(architecture), "loss_weights", {})
    stated = fusion_class(architecture.fusion).losses
    lacking = [n for n in stated if n not in weights and n != BALANCE]
    if lacking:
        raise ValueError(
            f"models/fusions/{architecture.fusion}.py: losses states "
            f"{', '.join(lacking)}, which Sizes.loss_weights does not weight; add it "
            "there"
        )
    if architecture.interaction is None:
        return weights
    return {**weights, INTERACTION: architecture.interaction.strength}


def auxiliary_lr(architecture: Architecture) -> float:
    """The learning rate of the fusion's first phase; 0 if it has none."""
    has_phase = fusion_class(architecture.fusion).auxiliary_loss is not None
    return _sizes(architecture).lr if has_phase else 0.0


def sizes_of(fusion: str, sizes: Mapping[str, Any]) -> Any:
    """The sizes of a fusion as a typed block.

    Raises:
        ValueError: one is unknown, missing or out of range; names the nearest.
    """
    wanted = fusion_class(fusion).Sizes
    try:
        return wanted.model_validate(dict(sizes))
    except ValidationError as error:
        wrong = "; ".join(sentence(wanted, d, "this block") for d in error.errors())
        raise ValueError(f"sizes of fusion {fusion}: {wrong}") from None


def _sizes(architecture: Architecture) -> Any:
    return sizes_of(architecture.fusion, architecture.sizes)


def _is_over_time(architecture: Architecture) -> bool:
    return "series" in fusion_class(architecture.fusion).tokens


def _most_tokens(architecture: Architecture) -> int:
    """Tokens that a modality can have."""
    if isinstance(architecture.tokens, Query):
        return architecture.tokens.query_times
    return architecture.tokens.moments if _is_over_time(architecture) else 1
