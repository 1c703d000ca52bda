"""Token-level routing to a pool of experts, and the loss that balances the pool."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from repro.models.layers.gates import GATES, gate_logits
from repro.models.layers.stacked import (
    Generators,
    normal_draws,
    stacked_parameter,
    xavier_normal,
)

KINDS = ("per_modality", "joint", "disjoint")

SMALLEST_NOISE = 0.01
# Finite, so that a difference of two excluded logits is 0 and not NaN.
EXCLUDED = -1e30


@dataclass(frozen=True)
class Routing:
    """Where each token goes, and how evenly the pool is used.

    `chosen` is -1 and `gate` 0 for a masked token. `usage` is the share of a
    modality's gates that each expert received, without gradient; all 0 for a modality
    without tokens. `balance` has a gradient and is not scaled by any coefficient.
    """

    chosen: Int[Tensor, "seeds tokens k"]
    gate: Float[Tensor, "seeds tokens k"]
    usage: Float[Tensor, "seeds modalities experts"]
    balance: Float[Tensor, " seeds"]


def squared_variation(
    amount: Float[Tensor, "seeds routers experts"],
    allowed: Bool[Tensor, "routers experts"],
) -> Float[Tensor, "seeds routers"]:
    """Squared coefficient of variation over the allowed experts; 0 for one expert.

    Source: Shazeer et al. 2017, eq. (7); sample variance, and 1e-10 added to the
    squared mean, so that a modality without tokens gives 0.

    >>> allowed = torch.ones(1, 2, dtype=torch.bool)
    >>> squared_variation(torch.tensor([[[1.0, 3.0]]]), allowed).item()
    0.5
    """
    pool = allowed.sum(1)
    mean = (amount * allowed).sum(2) / pool
    deviation = (amount - mean.unsqueeze(2)) * allowed
    variance = deviation.square().sum(2) / (pool - 1).clamp(min=1)
    return variance / (mean.square() + 1e-10)


def _inclusion_probability(
    clean: Tensor, noise_scale: Tensor, noisy: Tensor, top: Tensor
) -> Tensor:
    """Chance that an expert stays in the top k when its own noise is drawn again.

    `top` holds the k + 1 largest noisy logits: an expert that is in must beat the
    last of them, an expert that is out the one before.

    Source: Shazeer et al. 2017, eq. (8) and (9).
    """
    rival_if_in, rival_if_out = top[..., -1:], top[..., -2:-1]
    rival = torch.where(noisy > rival_if_in, rival_if_in, rival_if_out)
    return torch.special.ndtr((clean - rival) / noise_scale)


class Router(nn.Module):
    """Noisy top-k routing of every token, by the router of its modality.

    `kind`: "per_modality", a router per modality over the whole pool; "joint", one
    router for all modalities; "disjoint", one router per modality over its own block
    of consecutive experts (sizes differ by at most one, the larger blocks first).

    Source: FuseMoE section 3.2; noise and balance loss of Shazeer et al. 2017.
    Raises:
        ValueError: an unknown kind or gate, or a block smaller than `top_k`.

    >>> from repro.models.layers.stacked import initialize
    >>> router = Router(1, 8, 4, 3, top_k=2)
    >>> initialize(router, [torch.Generator().manual_seed(0)])
    >>> routing = router(torch.ones(1, 6, 8), [2, 2, 2])
    >>> routing.gate.sum(2).tolist()
    [[1.0, 1.0, 1.0, 1.0, 1.0, 1.0]]
    """

    allowed: Tensor

    def __init__(
        self,
        seeds: int,
        width: int,
        experts: int,
        modalities: int,
        *,
        kind: str = "per_modality",
        gate: str = "laplace",
        top_k: int,
    ):
        super().__init__()
        _check_choice("kind", kind, KINDS)
        _check_choice("gate", gate, GATES)
        self.kind, self.gate, self.top_k = kind, gate, top_k
        self.modalities = modalities
        allowed = _allowed_experts(experts, modalities, kind)
        _check_pools(allowed, top_k)
        self.register_buffer("allowed", allowed, persistent=False)
        # A column of a disjoint router belongs to one modality: one matrix holds all.
        routers = modalities if kind == "per_modality" else 1
        self.centers = stacked_parameter(seeds, routers, width, experts)
        self.noise = stacked_parameter(seeds, routers, width, experts)
        self.initializers = {"centers": xavier_normal, "noise": xavier_normal}

    def forward(
        self,
        tokens: Float[Tensor, "seeds tokens width"],
        sizes: Sequence[int],
        mask: Bool[Tensor, "seeds tokens"] | None = None,
        generators: Generators | None = None,
    ) -> Routing:
        """Route tokens that lie one modality after the other, `sizes[m]` of each.

        `mask` is true for tokens to route (None: all). Noise is drawn only when
        `generators` is given, one per seed.

        Raises:
            ValueError: sizes, seed count or width do not fit the router.
        """
        self._check(tokens, sizes)
        masked = None if mask is None else ~mask.unsqueeze(2)
        tokens = _filled(tokens, masked, 0.0)
        clean = self._excluded(
            self._product(tokens, sizes, self.centers, self.gate), sizes
        )
        if generators is None:
            return self._routing(clean, None, clean, sizes, masked)
        raw = self._product(tokens, sizes, self.noise, "softmax")
        scale = nn.functional.softplus(raw) + SMALLEST_NOISE
        noisy = torch.addcmul(clean, normal_draws(clean, generators), scale)
        return self._routing(clean, scale, noisy, sizes, masked)

    def _product(
        self, tokens: Tensor, sizes: Sequence[int], matrix: Tensor, gate: str
    ) -> Tensor:
        """Logits of all tokens; one batched product where the sizes allow it."""
        seeds, routers, width, experts = matrix.shape
        if routers == 1:
            return gate_logits(tokens, matrix.squeeze(1), gate)
        if len(set(sizes)) == 1:
            grouped = tokens.reshape(seeds * routers, sizes[0], width)
            logits = gate_logits(grouped, matrix.flatten(0, 1), gate)
            return logits.view(seeds, routers * sizes[0], experts)
        parts = zip(tokens.split(list(sizes), 1), matrix.unbind(1), strict=True)
        return torch.cat([gate_logits(part, own, gate) for part, own in parts], 1)

    def _excluded(self, logits: Tensor, sizes: Sequence[int]) -> Tensor:
        """Logits with the experts of other modalities out of reach."""
        if self.kind != "disjoint":
            return logits
        counts = torch.tensor(sizes, device=logits.device)
        foreign = ~self.allowed.repeat_interleave(counts, 0)
        return logits.masked_fill(foreign, EXCLUDED)

    def _routing(
        self,
        clean: Tensor,
        scale: Tensor | None,
        noisy: Tensor,
        sizes: Sequence[int],
        masked: Tensor | None,
    ) -> Routing:
        k, experts = self.top_k, noisy.shape[2]
        top, chosen = noisy.topk(min(k + 1, experts), 2)
        chosen = chosen[..., :k].contiguous()
        gate = _filled(top[..., :k].softmax(2), masked, 0.0)
        dense = torch.zeros_like(noisy).scatter(2, chosen, gate)
        if scale is None:
            routed = (dense > 0).to(dense.dtype)
        else:
            top = top if k < experts else nn.functional.pad(top, (0, 1), value=EXCLUDED)
            chance = _inclusion_probability(clean, scale, noisy, top)
            routed = _filled(chance, masked, 0.0)
        importance, load = _sums(dense, sizes), _sums(routed, sizes)
        return Routing(
            _filled(chosen, masked, -1),
            gate,
            nn.functional.normalize(importance.detach(), p=1.0, dim=2),
            self._balance(importance, load),
        )

    def _balance(self, importance: Tensor, load: Tensor) -> Tensor:
        allowed = self.allowed
        if self.kind == "joint":
            allowed = allowed[:1]
            importance, load = importance.sum(1, True), load.sum(1, True)
        # Both in one call: at these sizes the number of operations is what costs.
        variation = squared_variation(torch.cat([importance, load]), allowed)
        return variation.mean(1).unflatten(0, (2, -1)).sum(0)

    def _check(self, tokens: Tensor, sizes: Sequence[int]) -> None:
        seeds, _, width, _ = self.centers.shape
        if tokens.shape[0] != seeds or tokens.shape[2] != width:
            raise ValueError(
                f"tokens: got shape {tuple(tokens.shape)}; this router takes "
                f"({seeds}, tokens, {width})"
            )
        if len(sizes) != self.modalities or sum(sizes) != tokens.shape[1]:
            raise ValueError(
                f"sizes: got {list(sizes)} for {tokens.shape[1]} tokens; pass the "
                f"number of tokens of each of the {self.modalities} modalities"
            )


def _sums(values: Tensor, sizes: Sequence[int]) -> Tensor:
    """Sum over the tokens of each modality: `(seeds, modalities, experts)`."""
    if len(set(sizes)) == 1:
        return values.unflatten(1, (len(sizes), sizes[0])).sum(2)
    return torch.stack([part.sum(1) for part in values.split(list(sizes), 1)], 1)


def _filled(values: Tensor, masked: Tensor | None, value: float | int) -> Tensor:
    return values if masked is None else values.masked_fill(masked, value)


def _allowed_experts(experts: int, modalities: int, kind: str) -> Tensor:
    """Which experts each modality may use, `(modalities, experts)`."""
    if kind != "disjoint":
        return torch.ones(modalities, experts, dtype=torch.bool)
    blocks = torch.arange(experts).tensor_split(modalities)
    sizes = torch.tensor([len(block) for block in blocks])
    owner = torch.arange(modalities).repeat_interleave(sizes)
    return owner == torch.arange(modalities).unsqueeze(1)


def _check_pools(allowed: Tensor, top_k: int) -> None:
    smallest = int(allowed.sum(1).min())
    if not 1 <= top_k <= smallest:
        raise ValueError(
            f"top_k: got {top_k}, but the smallest pool of a modality holds {smallest} "
            "experts; take a top_k between 1 and that, or more experts"
        )


def _check_choice(argument: str, value: str, choices: Sequence[str]) -> None:
    if value not in choices:
        raise ValueError(
            f"{argument}: got {value!r}; choose one of {', '.join(choices)}"
        )
