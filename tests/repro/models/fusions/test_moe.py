"""The MoE fusion against plain loops over seeds, samples, modalities and tokens."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import erf, logsumexp, softmax
from torch import Tensor, nn

from repro.models.fusions.moe import MoEFusion
from tests.repro.models.fusions.fusion_cases import (
    BATCH,
    SEEDS,
    WIDTH,
    Case,
    drawn,
    in_double,
    moe,
    random_input,
)


def numbers(tensor: Tensor) -> np.ndarray:
    """Float64 copy."""
    return tensor.detach().double().numpy()


def normalized(x: np.ndarray, scale: Tensor, shift: Tensor) -> np.ndarray:
    """Layer normalization of one vector."""
    centered = x - x.mean()
    return centered / np.sqrt(x.var() + 1e-5) * numbers(scale) + numbers(shift)


def gated(router: nn.Module, z: np.ndarray, s: int, m: int) -> dict[int, float]:
    """Chosen experts of one token and their gates."""
    columns = numbers(router.centers[s, m if router.kind == "per_modality" else 0])
    distance = np.linalg.norm(z[:, None] - columns, axis=0)
    logits = {
        "laplace": -distance,
        "gaussian": -(distance**2),
        "softmax": z @ columns,
    }[router.gate]
    pool = list(range(len(logits)))
    if router.kind == "disjoint":
        pool = np.array_split(np.arange(len(logits)), router.modalities)[m].tolist()
    chosen = sorted(pool, key=lambda e: -logits[e])[: router.top_k]
    return dict(zip(chosen, softmax([logits[e] for e in chosen]), strict=True))


def mixture(layer: nn.Module, z: np.ndarray, s: int, m: int) -> np.ndarray:
    """What the experts make of one token: one slice per receiving modality."""
    own, pool = gated(layer.router, z, s, m), layer.experts
    outputs = []
    for e in own:
        hidden = z @ numbers(pool.weight_in[s, e]) + numbers(pool.bias_in[s, e])
        hidden = hidden * 0.5 * (1 + erf(hidden / np.sqrt(2)))
        outputs.append(
            hidden @ numbers(pool.weight_out[s, e]) + numbers(pool.bias_out[s, e])
        )
    gates = np.array(list(own.values()))[:, None]
    if layer.log_space:
        mixed = logsumexp(np.array(outputs), axis=0, b=gates)
    else:
        mixed = (gates * outputs).sum(0)
    return mixed.reshape(-1, len(z))


def feed_forward(layer: nn.Module, x: np.ndarray, s: int, m: int) -> np.ndarray:
    """The residual block after the exchange, for one token."""
    norm, widen, narrow = layer.before_feed_forward, layer.widen, layer.narrow
    z = normalized(x, norm.scale[s, m], norm.shift[s, m])
    hidden = np.maximum(z @ numbers(widen.weight[s, m]) + numbers(widen.bias[s, m]), 0)
    return x + hidden @ numbers(narrow.weight[s, m]) + numbers(narrow.bias[s, m])


def plain_logits(
    fusion: MoEFusion, tokens: np.ndarray, mask: np.ndarray, weights: np.ndarray, s: int
) -> np.ndarray:
    """Logits of one sample of one seed; tokens (modalities, time, width)."""
    modalities = range(len(tokens))
    x = {
        (m, t): tokens[m, t] * np.sqrt(WIDTH)
        for m in modalities
        for t in np.flatnonzero(mask[m])
    }
    for layer in fusion.layers:
        norm = layer.before_experts
        sent = {}
        for (m, t), value in x.items():
            z = normalized(value, norm.scale[s, m], norm.shift[s, m])
            sent[m, t] = weights[m] * mixture(layer, z, s, m)
        received = {}
        for m, t in x:
            received[m, t] = sent[m, t][m]
            for n in modalities:
                others = [sent[n, u][m] for o, u in x if o == n and n != m]
                if others:
                    received[m, t] = received[m, t] + np.mean(others, axis=0)
        x = {k: feed_forward(layer, x[k] + received[k], s, k[0]) for k in x}
    pooled = np.zeros((len(tokens), WIDTH))
    norm = fusion.after_layers
    for m in modalities:
        own = [
            normalized(v, norm.scale[s, m], norm.shift[s, m])
            for (n, _), v in x.items()
            if n == m
        ]
        if own:
            pooled[m] = weights[m] * np.mean(own, axis=0)
    hidden = pooled.reshape(-1)
    for number, head in enumerate(fusion.head):
        hidden = hidden @ numbers(head.weight[s]) + numbers(head.bias[s])
        hidden = np.tanh(hidden) if number < 2 else hidden
    return hidden


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"router": "joint", "gate": "softmax"},
        {"router": "disjoint", "gate": "gaussian"},
        {"log_space": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("time", [1, 3])
def test_moe_equals_plain_loops(changes: dict[str, object], time: int) -> None:
    case = in_double(Case(drawn(moe(SEEDS, 3, **changes)), random_input(3, time)))
    draw = torch.Generator().manual_seed(4)
    weights = 2 * torch.rand(SEEDS, BATCH, 3, generator=draw).double()
    for inputs in (case.inputs, replace(case.inputs, weights=weights)):
        found = numbers(case.fusion(inputs).logits)
        used = (
            numbers(weights)
            if inputs.weights is not None
            else np.ones((SEEDS, BATCH, 3))
        )
        for s in range(SEEDS):
            for b in range(BATCH):
                tokens, mask = numbers(inputs.tokens[s, :, b]), inputs.mask[s, :, b]
                expected = plain_logits(
                    case.fusion, tokens, mask.numpy(), used[s, b], s
                )
                assert np.allclose(found[s, b], expected, atol=1e-9, rtol=1e-9)
