"""The stacked optimizer against one torch.optim.Adam per member."""

import pytest
import torch
from torch import Tensor, nn

from repro.training.optimization import StackedAdam

SHAPES = [(4, 3), (5,), (2, 2, 2)]


def stacked(seeds: int) -> list[nn.Parameter]:
    """Parameters of several members."""
    draw = torch.Generator().manual_seed(1)
    return [nn.Parameter(torch.randn(seeds, *s, generator=draw)) for s in SHAPES]


def loss_of(parameters: list[Tensor], member: int, step: int) -> Tensor:
    """A loss whose gradient is large for odd members and small for even ones."""
    size = 50.0 if member % 2 else 0.05
    return size * sum(((p - 0.3 * step) ** 2).sum() for p in parameters)


@pytest.mark.parametrize("decay", [0.0, 0.01])
def test_equals_adam_with_clipping_per_member(decay: float) -> None:
    seeds, parameters = 3, stacked(3)
    own = [[nn.Parameter(p[s].detach().clone()) for p in parameters] for s in range(3)]
    plain = [torch.optim.Adam(group, lr=0.01, weight_decay=decay) for group in own]
    optimizer = StackedAdam(
        parameters, seeds=seeds, lr=0.01, weight_decay=decay, clip=0.8
    )
    for step in range(6):
        optimizer.zero_grad()
        losses = [loss_of([p[s] for p in parameters], s, step) for s in range(seeds)]
        torch.stack(losses).sum().backward()
        optimizer.step()
        for s in range(seeds):
            plain[s].zero_grad()
            loss_of(own[s], s, step).backward()
            nn.utils.clip_grad_norm_(own[s], 0.8)
            plain[s].step()
            for parameter, expected in zip(parameters, own[s], strict=True):
                assert torch.allclose(parameter[s], expected, atol=1e-6, rtol=1e-6)


def test_several_slices_of_a_member_are_clipped_and_moved_together() -> None:
    folded, plain = (
        stacked(6),
        [nn.Parameter(p.detach().clone().unflatten(0, (2, 3))) for p in stacked(6)],
    )
    settings = {"seeds": 2, "lr": 0.01, "weight_decay": 0.01, "clip": 0.8}
    one, other = (StackedAdam(group, **settings) for group in (folded, plain))  # type: ignore[arg-type]
    for step in range(3):
        for optimizer, group in ((one, folded), (other, plain)):
            optimizer.zero_grad()
            parts = [p.reshape(2, -1) for p in group]
            sum(loss_of([p[s] for p in parts], s, step) for s in range(2)).backward()
            optimizer.step()
        for wide, apart in zip(folded, plain, strict=True):
            assert torch.equal(wide.unflatten(0, (2, 3)), apart)


def test_a_member_is_clipped_by_its_own_norm_only() -> None:
    parameters = stacked(2)
    before = [p.detach().clone() for p in parameters]
    optimizer = StackedAdam(parameters, seeds=2, lr=0.1, weight_decay=0.0, clip=1.0)
    loss = (parameters[0][0] * 1e6).sum() + (parameters[0][1] * 1e-3).sum()
    loss.backward()
    optimizer.step()
    # The first step of Adam is lr whatever the size of a gradient.
    moved = (parameters[0] - before[0]).abs()
    assert torch.allclose(moved, torch.full_like(moved, 0.1), atol=1e-5)
    assert torch.equal(parameters[1], before[1])


def test_own_parameters_have_their_own_rate_and_share_the_clipping() -> None:
    parameters = stacked(2)
    own = [[nn.Parameter(torch.ones(3))] for _ in range(2)]
    twins = [
        [nn.Parameter(p[s].detach().clone()) for p in parameters]
        + [nn.Parameter(torch.ones(3))]
        for s in range(2)
    ]
    plain = [
        torch.optim.Adam(
            [{"params": t[:-1], "lr": 0.01}, {"params": t[-1:], "lr": 0.002}]
        )
        for t in twins
    ]
    optimizer = StackedAdam(
        parameters,
        seeds=2,
        lr=0.01,
        weight_decay=0.0,
        clip=0.8,
        own=own,
        own_lr=0.002,
    )
    for step in range(3):
        optimizer.zero_grad()
        for s in range(2):
            loss_of([*(p[s] for p in parameters), own[s][0]], s, step).backward()
        optimizer.step()
        for s in range(2):
            plain[s].zero_grad()
            loss_of(list(twins[s]), s, step).backward()
            nn.utils.clip_grad_norm_(twins[s], 0.8)
            plain[s].step()
            assert torch.allclose(own[s][0], twins[s][-1], atol=1e-6)
            assert torch.allclose(parameters[0][s], twins[s][0], atol=1e-6)
