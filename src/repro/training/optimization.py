"""Adam over a stack of models: clipping and step sizes per member, fused."""

from collections.abc import Collection, Sequence

import torch
from torch import Tensor, nn

from repro.models.layers.stacked import by_seed

BETAS, EPSILON = (0.9, 0.999), 1e-8


class StackedAdam:
    """One fused Adam per stacked member, with the gradient norm clipped per member.

    The clip factor travels inside the fused step (as a gradient scale), so
    gradients are not read and written once more for it. The kernel of
    `torch.optim.Adam(fused=True)` is called directly: with many small parameters the
    optimizer object around it costs more than the step.

    Source: Kingma and Ba 2015; weight decay as L2, the released setting (BTW code), but
    not of the parameters whose identities are `exempt`.
    Departure: no learning-rate schedule; the released one practically never fires.
    """

    def __init__(
        self,
        stacked: Sequence[nn.Parameter],
        *,
        seeds: int,
        lr: float,
        weight_decay: float,
        clip: float,
        own: Sequence[Sequence[nn.Parameter]] = (),
        own_lr: float = 0.0,
        exempt: Collection[int] = (),
    ) -> None:
        self._stacked = list(stacked)
        self._own = [list(group) for group in own] or [[] for _ in range(seeds)]
        self._clip = clip
        slices = [by_seed(p.detach(), seeds).unbind() for p in self._stacked]
        decays = [0.0 if id(p) in exempt else weight_decay for p in self._stacked]
        self._moments = [
            _Moments(member, lr, decays) for member in zip(*slices, strict=True)
        ]
        self._own_moments = [
            _Moments(g, own_lr, [0.0 if id(p) in exempt else weight_decay for p in g])
            for g in self._own
        ]

    def zero_grad(self) -> None:
        """Drop all gradients, so that the next backward pass writes fresh ones."""
        for parameter in self._stacked:
            parameter.grad = None
        for group in self._own:
            for parameter in group:
                parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Clip each member's gradient norm and take one Adam step."""
        members = range(len(self._own))
        stacked = [p.grad for p in self._stacked]
        gradients = _by_member(stacked, len(members))
        own = [[p.grad for p in group] for group in self._own]
        # The fused kernel divides by its scale.
        scales = (self._norms(stacked, own) / self._clip).clamp(min=1.0).unbind()
        for s in members:
            self._moments[s].step(gradients[s], scales[s])
            if own[s]:
                self._own_moments[s].step(own[s], scales[s])

    def _norms(
        self, stacked: list[Tensor | None], own: list[list[Tensor | None]]
    ) -> Tensor:
        """Norm of all gradients of each member."""
        parts = [
            torch.linalg.vector_norm(by_seed(g, len(own)).flatten(1), dim=1)
            for g in stacked
            if g is not None
        ]
        if any(own):
            norms = [
                nn.utils.get_total_norm([g for g in group if g is not None])
                for group in own
            ]
            parts.append(torch.stack(norms))
        return torch.linalg.vector_norm(torch.stack(parts), dim=0)


class _Moments:
    """What Adam remembers of one member's parameters, and its step."""

    def __init__(
        self, parameters: Sequence[Tensor], lr: float, decays: Sequence[float]
    ) -> None:
        self._parameters = [p.detach() for p in parameters]
        self._means = [torch.zeros_like(p) for p in self._parameters]
        self._squares = [torch.zeros_like(p) for p in self._parameters]
        device = parameters[0].device if parameters else None
        self._steps = torch.zeros(len(parameters), device=device)
        self._own_steps = self._steps.unbind()
        self._lr, self._decays = lr, list(decays)

    def step(self, gradients: Sequence[Tensor | None], scale: Tensor) -> None:
        """Update every parameter that has a gradient."""
        used = [i for i, gradient in enumerate(gradients) if gradient is not None]
        if len(used) == len(gradients):
            self._steps += 1
        else:
            self._steps[used] += 1
        for decay in dict.fromkeys(self._decays):
            alike = [i for i in used if self._decays[i] == decay]
            if alike:
                self._fused(alike, gradients, scale, decay)

    def _fused(
        self,
        used: Sequence[int],
        gradients: Sequence[Tensor | None],
        scale: Tensor,
        decay: float,
    ) -> None:
        torch._fused_adam_(
            [self._parameters[i] for i in used],
            [gradients[i] for i in used],  # type: ignore[misc]
            [self._means[i] for i in used],
            [self._squares[i] for i in used],
            [],
            [self._own_steps[i] for i in used],
            lr=self._lr,
            beta1=BETAS[0],
            beta2=BETAS[1],
            weight_decay=decay,
            eps=EPSILON,
            amsgrad=False,
            maximize=False,
            grad_scale=scale,
        )


def _by_member(
    stacked: Sequence[Tensor | None], seeds: int
) -> list[tuple[Tensor | None, ...]]:
    """One sequence of slices per member; None stays None."""
    slices = [
        (None,) * seeds if values is None else by_seed(values.detach(), seeds).unbind()
        for values in stacked
    ]
    return list(zip(*slices, strict=True))
