"""MoE++: the concat transformer with experts that compute little or nothing."""

from typing import Annotated

import torch
from jaxtyping import Bool, Float
from pydantic import AfterValidator
from torch import Generator, Tensor, nn

from repro.models.fusions.concat_transformer import ConcatTransformer, Routed
from repro.models.fusions.interface import FusionInput, FusionOutput, FusionShape
from repro.models.layers.experts import Experts
from repro.models.layers.load_balance import load_balance
from repro.models.layers.stacked import (
    StackedLinear,
    stacked_parameter,
    xavier_normal,
)
from repro.params.strict import Count, Few, Positive

CONSTANT, COPY, ZERO = 2, 1, 1  # experts without a network, of every layer
TOP = 2

_PerModality = Float[Tensor, "seeds modalities batch time width"]
_Mask = Bool[Tensor, "seeds modalities batch time"]


def _with_networks(experts: int) -> int:
    """A number of experts that leaves some for feed-forward networks."""
    fixed = CONSTANT + COPY + ZERO
    if experts <= fixed:
        raise ValueError(
            f"moe_plus_plus has no FFN expert then, for {CONSTANT} constant, {COPY} "
            f"copy and {ZERO} zero experts are always among them; take {fixed + 1} "
            "or more"
        )
    return experts


def _standard_normal(values: Tensor, generator: Generator) -> None:
    """Fill with standard normal draws, as the released constants are."""
    draws = torch.randn(
        values.shape, generator=generator, dtype=values.dtype, device=generator.device
    )
    values.copy_(draws)


class CheapExperts(nn.Module):
    """Two constant experts, a copy and a zero expert, and what a gate makes of them.

    zero(x) = 0, copy(x) = x, constant(x) = a x + b v with (a, b) = softmax(W x).

    Source: MoE++ (Jin et al. 2024), section 3.1.
    Shape: tokens `(seeds, tokens, width)`, gate `(seeds, tokens, 4)` in the order
    constant, constant, copy, zero.
    """

    def __init__(self, seeds: int, width: int):
        super().__init__()
        self.constants = stacked_parameter(seeds, CONSTANT, width)
        self.mixing = stacked_parameter(seeds, CONSTANT, width, 2)
        self.initializers = {"constants": _standard_normal, "mixing": xavier_normal}

    def forward(
        self,
        tokens: Float[Tensor, "seeds tokens width"],
        gate: Float[Tensor, "seeds tokens experts"],
    ) -> Float[Tensor, "seeds tokens width"]:
        scores = torch.einsum("snd,scdk->snck", tokens, self.mixing)
        constant, copy = gate[..., :CONSTANT], gate[..., CONSTANT]
        shares = scores.softmax(3) * constant.unsqueeze(3)
        kept = copy + shares[..., 0].sum(2)
        return kept.unsqueeze(2) * tokens + shares[..., 1] @ self.constants


class PathwayExperts(nn.Module):
    """Every token goes to two of the experts; the router knows where it was before.

    Router scores s = W2 tanh(W1 x) + V s', s' being those of the layer before (the
    first layer has no V). Of softmax(s) the two largest are kept, that of the zero
    expert is set to 0, and they are divided by their sum.

    Source: MoE++ (Jin et al. 2024), its code (SkyworkAI/MoE-plus-plus).
    """

    cost: Tensor

    def __init__(
        self, shape: FusionShape, sizes: "MoEPlusPlus.Sizes", *, is_first: bool
    ):
        super().__init__()
        seeds, width, experts = shape.seeds, shape.width, sizes.experts
        self.networks = experts - CONSTANT - COPY - ZERO
        self.narrow = StackedLinear(seeds, width, 8 * experts, bias=False)
        self.score = StackedLinear(seeds, 8 * experts, experts, bias=False)
        if not is_first:
            self.pathway = StackedLinear(seeds, experts, experts, bias=False)
        self.pool = Experts(seeds, self.networks, width, sizes.expert_hidden, width)
        self.cheap = CheapExperts(seeds, width)
        cost = torch.ones(experts)
        cost[self.networks :] = sizes.tau
        self.register_buffer("cost", cost, persistent=False)
        self.rate = sizes.dropout

    def forward(
        self,
        z: _PerModality,
        counts: _Mask,
        inputs: FusionInput,
        before: Routed | None,
    ) -> tuple[_PerModality, Routed]:
        tokens, routed = z.flatten(1, 3), counts.flatten(1)
        scores = self.score(torch.tanh(self.narrow(tokens)))
        if before is not None:
            scores = scores + self.pathway(before.scores.flatten(1, 3))
        probability = scores.softmax(2)
        largest, chosen = probability.topk(TOP, 2)
        gate = largest.masked_fill(chosen == scores.shape[2] - ZERO, 0.0)
        gate = gate / gate.sum(2, keepdim=True) * routed.unsqueeze(2)
        none = torch.zeros_like(probability)
        gates = none.scatter(2, chosen, gate)
        is_network = routed.unsqueeze(2) & (chosen < self.networks)
        mixed = self.cheap(tokens, gates[..., self.networks :]) + self.pool(
            tokens,
            torch.where(is_network, chosen, -1),
            gate,
            dropout=self.rate,
            generators=inputs.generators,
        )
        load = none.scatter(2, chosen, 1.0 / TOP)
        balance = load_balance(probability, load, routed, self.cost)
        layout = (*z.shape[:4], -1)
        return mixed.view(z.shape), Routed(
            balance, gates.view(layout), scores.view(layout)
        )


class MoEPlusPlus(nn.Module):
    """Concat transformer whose every layer has FFN and zero-computation experts.

    Of `experts` E, the last four are two constant experts, a copy and a zero expert,
    the others networks of D, `expert_hidden` and D units. A layer has (E - 4) (2 D h +
    h + D) parameters of networks, 6 D of constant experts and 8 D E + 8 E² of its
    router, behind the first layer E² more. `gates["layer_n"]`, of shape `(seeds,
    modalities, batch, time, experts)`, hold what each expert's output is multiplied
    with. The balance loss asks a zero-computation expert to be chosen 1 / `tau` times
    as often as a network, over the tokens of all modalities; it is the mean over
    layers, 1 where it has what it asks for.

    Source: MoE++ (Jin et al. 2024). Experts, gates and routers are those of its code;
    the loss, which that code lacks, and tau 0.75 are from memory of the paper.
    Departure: the released code of I2MoE drops what its experts give and feeds every
    layer the same input, so that neither they nor the first layers have an effect; with
    its E = 4 there is no network, which is refused here. Networks are those of the
    concat transformer (GELU, biases) instead of SwiGLU; the input of the experts is not
    doubled; no expert has a capacity, which would let an instance depend on its batch.
    """

    class Sizes(ConcatTransformer.Sizes):
        """Those of the concat transformer, and of its experts."""

        experts: Annotated[Few, AfterValidator(_with_networks)]
        expert_hidden: Count
        tau: Positive

    tokens = ConcatTransformer.tokens
    weight_sites = ConcatTransformer.weight_sites
    needs_text = ConcatTransformer.needs_text
    reads_raw = ConcatTransformer.reads_raw
    losses = ("balance",)
    auxiliary_loss = None

    def __init__(self, shape: FusionShape, sizes: Sizes, *, residual: str = "standard"):
        super().__init__()
        self.network = ConcatTransformer(
            shape,
            sizes,
            residual=residual,
            experts=lambda n: PathwayExperts(shape, sizes, is_first=n == 0),
        )

    def forward(self, inputs: FusionInput) -> FusionOutput:
        return self.network(inputs)


FUSION = MoEPlusPlus
