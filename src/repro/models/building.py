"""From an architecture to its parts: tokens of every modality, and a fusion."""

from dataclasses import dataclass
from typing import Any

from torch import nn

from repro.models.batch import Inputs
from repro.models.concat_transformer import ConcatTransformer
from repro.models.fusemoe import FuseMoE
from repro.models.moe import MoEFusion
from repro.models.mult import DropoutRates, MulT
from repro.models.query_tokens import QueryTokens
from repro.models.text import FineTuning
from repro.models.tokens import LastStateTokens
from repro.params import Model
from repro.params.clinical import ClinicalModel


@dataclass(frozen=True)
class Architecture:
    """Everything that decides the model's shape."""

    model: Model | ClinicalModel
    experts: int
    top_k: int
    missing: str = "mask"
    scale_absent: bool = False
    weight_site: str = "contribution"
    log_space_experts: bool = False
    text: FineTuning | None = None
    fusion: str = "moe"
    outputs: int = 1


def tokens_of(seeds: int, inputs: Inputs, architecture: Architecture) -> nn.Module:
    """The module that turns a batch into tokens `(seeds, modalities, batch, ...)`."""
    if isinstance(architecture.model, ClinicalModel):
        return QueryTokens(seeds, inputs, architecture.model)
    return LastStateTokens(seeds, inputs, architecture.model, architecture.text)


def fusion_of(seeds: int, modalities: int, architecture: Architecture) -> nn.Module:
    """The fusion of the architecture, ready to be drawn.

    Raises:
        ValueError: the fusion does not go with the tokens of this side.
    """
    model = architecture.model
    common: dict[str, Any] = {
        "width": model.width,
        "outputs": architecture.outputs,
        "weight_site": architecture.weight_site,
    }
    if isinstance(model, ClinicalModel):
        return _over_query_times(seeds, modalities, architecture, model, common)
    if architecture.fusion != "moe":
        raise ValueError(
            f"fusion={architecture.fusion!r} works on tokens over time, which only the "
            "clinical cohorts have; use fusion: moe for the sentiment data"
        )
    return MoEFusion(
        seeds,
        modalities,
        layers=model.layers,
        head_dropout=model.head_dropout,
        **common,
        **_experts(architecture),
    )


def _over_query_times(
    seeds: int,
    modalities: int,
    architecture: Architecture,
    model: ClinicalModel,
    common: dict[str, Any],
) -> nn.Module:
    common |= {"heads": model.heads}
    rate = model.dropout
    match architecture.fusion:
        case "mult":
            rates = DropoutRates(hidden=rate, residual=rate, head=rate)
            return MulT(
                seeds,
                modalities,
                layers=model.cross_layers,
                self_layers=model.self_layers,
                rates=rates,
                **common,
            )
        case "concat_transformer":
            return ConcatTransformer(
                seeds,
                modalities,
                layers=model.layers,
                max_time=model.query_times,
                rate=rate,
                **common,
            )
        case "fusemoe" | "flattened":
            return FuseMoE(
                seeds,
                modalities,
                layers=model.layers,
                time=model.query_times,
                dropout=rate,
                flattened=architecture.fusion == "flattened",
                **common,
                **_experts(architecture),
            )
    raise ValueError(
        f"fusion={architecture.fusion!r} takes one token of each modality; use "
        "fusemoe, flattened, mult or concat_transformer for the clinical cohorts"
    )


def _experts(architecture: Architecture) -> dict[str, Any]:
    model = architecture.model
    return {
        "experts": architecture.experts,
        "top_k": architecture.top_k,
        "expert_hidden": model.expert_hidden,
        "feed_forward": model.feed_forward,
        "router": model.router,
        "gate": model.gate,
        "expert_dropout": model.expert_dropout,
        "log_space": architecture.log_space_experts,
    }
