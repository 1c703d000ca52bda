"""SwitchGate: the concat transformer with one expert per token in place of the MLP."""

from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from repro.models.fusions.concat_transformer import ConcatTransformer, Routed
from repro.models.fusions.interface import FusionInput, FusionOutput, FusionShape
from repro.models.layers.experts import Experts
from repro.models.layers.load_balance import load_balance
from repro.models.layers.modality import ModalityLinear
from repro.models.layers.stacked import Generators, check_generators
from repro.params.strict import Few, NotNegative, Rate

_PerModality = Float[Tensor, "seeds modalities batch time width"]
_Mask = Bool[Tensor, "seeds modalities batch time"]
_Choice = Float[Tensor, "seeds modalities batch time experts"]


class SwitchExperts(nn.Module):
    """Each token goes to its most probable expert, times that probability.

    Source: Switch Transformer (Fedus et al. 2022), eq. (1), (2) and (4) to (6), and its
    jitter: in training the router sees each number times a draw of [1 - j, 1 + j].
    """

    def __init__(self, shape: FusionShape, sizes: "SwitchGate.Sizes"):
        super().__init__()
        seeds, width, experts = shape.seeds, shape.width, sizes.experts
        routers = shape.modalities if sizes.router == "per_modality" else 1
        self.router = ModalityLinear(seeds, routers, width, experts)
        self.pool = Experts(seeds, experts, width, 2 * width, width)
        self.is_joint = routers == 1
        self.jitter, self.capacity = sizes.jitter, sizes.capacity
        self.rate = sizes.dropout

    def forward(
        self,
        z: _PerModality,
        counts: _Mask,
        inputs: FusionInput,
        before: Routed | None,
    ) -> tuple[_PerModality, Routed]:
        scores = self._scores(_jittered(z, self.jitter, inputs.router_generators))
        probability = scores.softmax(4)
        chosen = probability.argmax(4)
        load = functional.one_hot(chosen, scores.shape[4]).to(z.dtype)
        routed = counts & self._fits(load, counts, inputs.generators)
        gates = load * probability * routed.unsqueeze(4)
        mixed = self.pool(
            z.flatten(1, 3),
            torch.where(routed, chosen, -1).flatten(1).unsqueeze(2),
            gates.sum(4).flatten(1).unsqueeze(2),
            dropout=self.rate,
            generators=inputs.generators,
        )
        balance = load_balance(
            probability.flatten(1, 3), load.flatten(1, 3), counts.flatten(1)
        )
        return mixed.view(z.shape), Routed(balance, gates, scores)

    def _scores(self, z: _PerModality) -> _Choice:
        """Logits of every token, by one router or by that of its modality."""
        if not self.is_joint:
            return self.router(z)
        return self.router(z.flatten(1, 2).unsqueeze(1)).view(*z.shape[:4], -1)

    def _fits(
        self, load: _Choice, counts: _Mask, generators: Generators | None
    ) -> _Mask:
        """Whether an expert has room for a token; first come, first served."""
        if self.capacity == 0.0:
            return counts
        factor = self.capacity if generators is not None else 2 * self.capacity
        asked = (load * counts.unsqueeze(4)).flatten(2, 3)
        tokens = counts.flatten(2).sum(2).double()  # 1.2 * 10 / 4 is no more than 3
        room = (factor * tokens / load.shape[4]).ceil()
        place = (asked.cumsum(2) * asked).sum(3)
        return (place <= room.unsqueeze(2)).view(counts.shape)


def _jittered(
    z: _PerModality, jitter: float, generators: Generators | None
) -> _PerModality:
    """Every number times a draw around 1, slice `s` from generator `s`."""
    if generators is None or jitter == 0.0:
        return z
    check_generators(generators, z.shape[0])
    draws = [
        torch.rand(z.shape[1:], generator=g, dtype=z.dtype, device=g.device)
        for g in generators
    ]
    return z * (1.0 - jitter + 2.0 * jitter * torch.stack(draws).to(z.device))


def is_sparse(layer: int) -> bool:
    """Whether a layer has experts: the first one, and those of odd number.

    >>> [is_sparse(n) for n in range(5)]
    [True, True, False, True, False]
    """
    return layer == 0 or layer % 2 == 1


class SwitchGate(nn.Module):
    """Concat transformer with a pool of experts in layer 0 and in those of odd number.

    An expert is the MLP it stands for, so a sparse layer has E (4 D² + 3 D) parameters
    of experts and D E + E of its router. One router serves all modalities, or with
    `router: per_modality` one each. `gates["layer_n"]`, of shape `(seeds, modalities,
    batch, time, experts)`, hold the probability of the chosen expert, else zero. The
    balance loss is E sum f P over the tokens of all modalities, the mean over sparse
    layers: 1 where all experts are used alike.

    `capacity` 0 sends every token where it wants to go. The released 1.2 gives an
    expert room for 1.2 times its equal share of a modality's tokens in the batch, in
    evaluation for twice as many; what finds none skips the experts. Then a prediction
    depends on the batch, in evaluation too.

    Source: I2MoE, released code, after the Switch Transformer (Fedus et al. 2022).
    Departure: no capacity by default (released: `capacity: 1.2`); jitter multiplies
    what the router sees (released: a draw around 1 added to its logits, whose mean has
    no effect); the loss counts all modalities, and every token that asked (released:
    the last modality, those that found room); weights and dropout as in the concat
    transformer, of the hidden units of the experts too.
    """

    class Sizes(ConcatTransformer.Sizes):
        """Those of the concat transformer, and of its experts and routers."""

        experts: Few
        router: Literal["joint", "per_modality"]
        jitter: Rate
        capacity: NotNegative

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
            experts=lambda n: SwitchExperts(shape, sizes) if is_sparse(n) else None,
        )

    def forward(self, inputs: FusionInput) -> FusionOutput:
        return self.network(inputs)


FUSION = SwitchGate
