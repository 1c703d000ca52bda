import pytest
import torch
from torch import Generator, Tensor

from repro.models.layers.gates import GATES, gate_logits


def normal(*shape: int) -> Tensor:
    generator = Generator().manual_seed(0)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def plain_logits(tokens: Tensor, matrix: Tensor, gate: str) -> Tensor:
    if gate == "softmax":
        return torch.einsum("gtw,gwe->gte", tokens, matrix)
    difference = tokens.unsqueeze(3) - matrix.unsqueeze(1)
    squares = difference.square().sum(2)
    return -squares.sqrt() if gate == "laplace" else -squares


@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("scale", [1e-6, 1.0, 100.0])
def test_equals_the_plain_formula_and_its_gradients(gate, scale):
    # Tokens close to the centers too: there an expanded square would lose digits.
    matrix = normal(2, 8, 4)
    tokens = matrix.transpose(1, 2).repeat(1, 10, 1) + scale * normal(2, 40, 8)
    results = []
    for logits in (gate_logits, plain_logits):
        x, m = (v.clone().requires_grad_() for v in (tokens, matrix))
        out = logits(x, m, gate)
        out.backward(normal(*out.shape))
        results.append((out.detach(), x.grad, m.grad))
    for value, expected in zip(*results, strict=True):
        torch.testing.assert_close(value, expected, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("gate", ["laplace", "gaussian"])
def test_the_gradient_at_distance_zero_is_zero(gate):
    x = torch.ones(1, 1, 3, requires_grad=True)
    matrix = torch.ones(1, 3, 1, requires_grad=True)
    out = gate_logits(x, matrix, gate)
    out.sum().backward()
    assert out.item() == 0.0
    assert x.grad.abs().max().item() == 0.0
    assert matrix.grad.abs().max().item() == 0.0


@pytest.mark.parametrize("gate", GATES)
def test_gradcheck(gate):
    inputs = (normal(2, 3, 4).requires_grad_(), normal(2, 4, 5).requires_grad_())
    assert torch.autograd.gradcheck(lambda x, m: gate_logits(x, m, gate), inputs)
