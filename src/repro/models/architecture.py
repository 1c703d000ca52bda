"""From an architecture to its parts: tokens of every modality, and a fusion."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from repro.models.batch import Inputs
from repro.models.fusions.concat_transformer import ConcatTransformer
from repro.models.fusions.fusemoe import FuseMoE
from repro.models.fusions.ithp import ITHP
from repro.models.fusions.low_rank import LowRankFusion
from repro.models.fusions.mmim import MMIM
from repro.models.fusions.moe import MoEFusion
from repro.models.fusions.mult import DropoutRates, MulT
from repro.models.fusions.simple import EarlyFusion, LateFusion
from repro.models.tokens.last_state import LastStateTokens
from repro.models.tokens.query import QueryTokens
from repro.models.tokens.series import SeriesTokens
from repro.models.tokens.text import FineTuning
from repro.params import Model
from repro.params.clinical import ClinicalModel
from repro.params.fusions import ANCHOR, Fusions, OverTime

OVER_TIME = ("mult", "concat_transformer")


@dataclass(frozen=True)
class Architecture:
    """Everything that decides the model's shape."""

    model: Model | ClinicalModel
    experts: int
    top_k: int
    fusions: Fusions | None = None
    missing: str = "mask"
    scale_absent: bool = False
    weight_site: str = "contribution"
    log_space_experts: bool = False
    text: FineTuning | None = None
    fusion: str = "moe"
    outputs: int = 1


def tokens_of(seeds: int, inputs: Inputs, architecture: Architecture) -> nn.Module:
    """The module that turns a batch into tokens `(seeds, modalities, batch, ...)`."""
    model, text = architecture.model, architecture.text
    if isinstance(model, ClinicalModel):
        return QueryTokens(seeds, inputs, model)
    if architecture.fusion in OVER_TIME:
        most = _sizes(architecture).over_time.moments
        return SeriesTokens(seeds, inputs, model.width, most, text)
    return LastStateTokens(seeds, inputs, model, text)


def fusion_of(seeds: int, inputs: Inputs, architecture: Architecture) -> nn.Module:
    """The fusion of the architecture, ready to be drawn.

    Raises:
        ValueError: no fusion has that name.
    """
    common: dict[str, Any] = {
        "seeds": seeds,
        "modalities": len(inputs.names),
        "width": architecture.model.width,
        "outputs": architecture.outputs,
        "weight_site": architecture.weight_site,
    }
    match architecture.fusion:
        case "moe" | "fusemoe" | "flattened":
            return _mixture(architecture, common)
        case "mult" | "concat_transformer":
            return _over_time(architecture, common)
        case "early_fusion" | "late_fusion" | "low_rank":
            return _simple(architecture, common)
        case "mmim":
            sizes = _sizes(architecture).mmim
            anchor = inputs.names.index(ANCHOR)
            return MMIM(
                hidden=sizes.hidden, rate=sizes.dropout, anchor=anchor, **common
            )
        case "ithp":
            return _ithp(architecture, inputs, common)
    raise ValueError(f"fusion={architecture.fusion!r}: no fusion has that name")


def loss_weights(architecture: Architecture) -> Mapping[str, float]:
    """What the auxiliary losses of the fusion are multiplied with."""
    match architecture.fusion:
        case "mmim":
            sizes = _sizes(architecture).mmim
            return {n: getattr(sizes, n) for n in ("likelihood", "contrast", "entropy")}
        case "ithp":
            ithp = _sizes(architecture).ithp
            return {"bottleneck": 2 / (ithp.beta + ithp.gamma)}
    return {}


def _sizes(architecture: Architecture) -> Fusions:
    if architecture.fusions is None:
        raise ValueError(
            f"fusion={architecture.fusion!r}: the architecture has no sizes for it; "
            "pass presets.<preset>.fusions"
        )
    return architecture.fusions


def _mixture(architecture: Architecture, common: dict[str, Any]) -> nn.Module:
    model = architecture.model
    if isinstance(model, ClinicalModel) == (architecture.fusion == "moe"):
        raise ValueError(
            f"fusion={architecture.fusion!r} does not go with these tokens: moe takes "
            "one token of each modality, fusemoe and flattened take tokens over time"
        )
    sizes: dict[str, Any] = {
        "layers": model.layers,
        "experts": architecture.experts,
        "top_k": architecture.top_k,
        "expert_hidden": model.expert_hidden,
        "feed_forward": model.feed_forward,
        "router": model.router,
        "gate": model.gate,
        "expert_dropout": model.expert_dropout,
        "log_space": architecture.log_space_experts,
    }
    if not isinstance(model, ClinicalModel):
        return MoEFusion(head_dropout=model.head_dropout, **sizes, **common)
    return FuseMoE(
        heads=model.heads,
        time=model.query_times,
        dropout=model.dropout,
        flattened=architecture.fusion == "flattened",
        **sizes,
        **common,
    )


def _over_time(architecture: Architecture, common: dict[str, Any]) -> nn.Module:
    model = architecture.model
    sizes: ClinicalModel | OverTime
    if isinstance(model, ClinicalModel):
        sizes, time = model, model.query_times
    else:
        sizes = _sizes(architecture).over_time
        time = sizes.moments
    rate = sizes.dropout
    if architecture.fusion == "mult":
        return MulT(
            heads=sizes.heads,
            layers=sizes.cross_layers,
            self_layers=sizes.self_layers,
            rates=DropoutRates(hidden=rate, residual=rate, head=rate),
            **common,
        )
    return ConcatTransformer(
        heads=sizes.heads, layers=sizes.layers, max_time=time, rate=rate, **common
    )


def _simple(architecture: Architecture, common: dict[str, Any]) -> nn.Module:
    sizes = _sizes(architecture).simple
    if architecture.fusion == "low_rank":
        return LowRankFusion(
            rank=sizes.rank,
            fused_width=sizes.fused_width,
            hidden=sizes.low_rank_hidden,
            rate=sizes.dropout,
            **common,
        )
    made = EarlyFusion if architecture.fusion == "early_fusion" else LateFusion
    return made(hidden=sizes.hidden, rate=sizes.dropout, **common)


def _ithp(
    architecture: Architecture, inputs: Inputs, common: dict[str, Any]
) -> nn.Module:
    sizes = _sizes(architecture).ithp
    del common["weight_site"]  # weights have no site there
    return ITHP(
        raw_widths=[sequences.features for sequences in inputs.values],
        hidden=sizes.hidden,
        bottleneck=sizes.bottleneck,
        anchor=inputs.names.index(ANCHOR),
        beta=sizes.beta,
        gamma=sizes.gamma,
        lambda_=sizes.decay,
        shift=sizes.shift,
        bottleneck_rate=sizes.bottleneck_dropout,
        rate=sizes.dropout,
        **common,
    )
