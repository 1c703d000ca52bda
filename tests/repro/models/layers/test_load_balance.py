"""The balance loss by hand, at its least, per seed and with its gradient."""

import pytest
import torch

from repro.models.layers.load_balance import load_balance

PROBABILITY = torch.tensor([[[0.8, 0.2], [0.6, 0.4], [0.1, 0.9]]])
LOAD = torch.tensor([[[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]])
EVERY = torch.ones(1, 3, dtype=torch.bool)


def test_unequal_loads_by_hand() -> None:
    found = load_balance(PROBABILITY, LOAD, EVERY)
    assert found.tolist() == pytest.approx([2 * (2 / 3 * 0.5 + 1 / 3 * 0.5)])
    first_two = torch.tensor([[True, True, False]])
    assert load_balance(PROBABILITY, LOAD, first_two).tolist() == pytest.approx([1.4])


def test_costs_by_hand_and_one_at_the_loads_that_they_ask_for() -> None:
    cost = torch.tensor([1.0, 0.25])
    found = load_balance(PROBABILITY, LOAD, EVERY, cost)
    assert found.tolist() == pytest.approx([5 * (2 / 3 * 0.5 + 0.25 / 3 * 0.5)])
    asked = torch.tensor([0.2, 0.8]).expand(1, 3, 2)
    assert load_balance(asked, asked, EVERY, cost).tolist() == pytest.approx([1.0])


def test_the_gradient_lowers_the_probability_of_the_expert_with_more_load() -> None:
    scores = torch.zeros(1, 3, 2, requires_grad=True)
    load_balance(scores.softmax(2), LOAD, EVERY).sum().backward()
    assert scores.grad is not None
    assert (scores.grad[..., 0] > 0).all() and (scores.grad[..., 1] < 0).all()


def test_seeds_are_apart_and_no_token_gives_zero() -> None:
    both = [torch.cat([x, x.flip(1)[:, :, [1, 0]] ** 2]) for x in (PROBABILITY, LOAD)]
    counts = torch.tensor([[True, True, True], [True, False, True]])
    together = load_balance(*both, counts)
    for s in range(2):
        alone = load_balance(*(x[s : s + 1] for x in both), counts[s : s + 1])
        assert alone.item() == together[s].item()
    nothing = torch.full_like(PROBABILITY, torch.nan)
    assert load_balance(nothing, LOAD, ~EVERY).tolist() == [0.0]
