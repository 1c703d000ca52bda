"""Adam over a stack of models: clipping and step sizes per member, fused."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class StackedAdam:
    """One fused Adam per stacked member, with the gradient norm clipped per member.

    The clip factor travels inside the fused step (as a gradient scale), so
    gradients are not read and written once more for it.

    Source: Kingma and Ba 2015; weight decay as L2, the released setting (BTW code).
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
    ) -> None:
        self._stacked = list(stacked)
        self._own = [list(group) for group in own] or [[] for _ in range(seeds)]
        self._clip = clip
        self._slices = [[p.detach()[s] for p in self._stacked] for s in range(seeds)]
        self._optimizers = [
            _fused_adam(slices, group, lr, own_lr, weight_decay)
            for slices, group in zip(self._slices, self._own, strict=True)
        ]

    def zero_grad(self) -> None:
        """Drop all gradients, so that the next backward pass writes fresh ones."""
        for parameter in self._stacked:
            parameter.grad = None
        for group in self._own:
            for parameter in group:
                parameter.grad = None

    def step(self) -> None:
        """Clip each member's gradient norm and take one Adam step."""
        used = [p.grad is not None for p in self._stacked]
        for s, optimizer in enumerate(self._optimizers):
            for slice_, parameter, is_used in zip(
                self._slices[s], self._stacked, used, strict=True
            ):
                slice_.grad = parameter.grad[s] if is_used else None  # type: ignore[index]
            gradients = [p.grad for p in (*self._slices[s], *self._own[s])]
            norm = nn.utils.get_total_norm([g for g in gradients if g is not None])
            # The fused kernel divides by grad_scale.
            optimizer.grad_scale = (norm / self._clip).clamp(min=1.0)  # type: ignore[attr-defined]
            optimizer.step()


def _fused_adam(
    slices: list[Tensor],
    own: list[nn.Parameter],
    lr: float,
    own_lr: float,
    weight_decay: float,
) -> torch.optim.Adam:
    groups = [{"params": slices, "lr": lr}]
    if own:
        groups.append({"params": own, "lr": own_lr})
    optimizer = torch.optim.Adam(groups, lr=lr, weight_decay=weight_decay, fused=True)
    optimizer.found_inf = torch.zeros((), device=slices[0].device)  # type: ignore[attr-defined]
    return optimizer
