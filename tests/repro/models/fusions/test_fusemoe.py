"""FuseMoE against plain loops and its messages in time."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import softmax
from torch import nn

from repro.models.fusions.fusemoe import FuseMoE
from tests.repro.models.fusions.fusion_cases import (
    BATCH,
    SEEDS,
    WIDTH,
    Case,
    drawn,
    fuse_moe,
    in_double,
    random_input,
)
from tests.repro.models.fusions.test_moe import (
    feed_forward,
    mixture,
    normalized,
    numbers,
)

HEADS = 2
States = dict[tuple[int, int], np.ndarray]


def affine(module: nn.Module, x: np.ndarray, *which: int) -> np.ndarray:
    """One of the stacked maps of a module on one vector."""
    return x @ numbers(module.weight[which]) + numbers(module.bias[which])


def attended(layer: nn.Module, x: States, s: int, m: int, t: int) -> np.ndarray:
    """What token t of modality m gathers from its own modality."""
    norm, attention = layer.before_attention, layer.attention
    own = {u: value for (n, u), value in x.items() if n == m}
    z = {u: normalized(v, norm.scale[s, m], norm.shift[s, m]) for u, v in own.items()}
    parts = {
        u: affine(attention.project, v, s, m).reshape(3, HEADS, -1)
        for u, v in z.items()
    }
    heads = []
    for h in range(HEADS):
        keys = np.array([parts[u][1, h] for u in z])
        scores = keys @ parts[t][0, h] / np.sqrt(keys.shape[1])
        heads.append(softmax(scores) @ np.array([parts[u][2, h] for u in z]))
    return affine(attention.output, np.concatenate(heads), s, m)


def exchanged(layer: nn.Module, x: States, weights: np.ndarray, s: int) -> States:
    """Experts between the tokens of one time, then the feed-forward blocks."""
    norm = layer.before_experts
    sent = {}
    for (m, t), value in x.items():
        z = normalized(value, norm.scale[s, m], norm.shift[s, m])
        sent[m, t] = weights[m] * mixture(layer, z, s, m)
    moved = {}
    for m, t in x:
        messages = [slices[m] for (_, u), slices in sent.items() if u == t]
        moved[m, t] = feed_forward(layer, x[m, t] + sum(messages), s, m)
    return moved


def plain_logits(
    fusion: FuseMoE, tokens: np.ndarray, mask: np.ndarray, weights: np.ndarray, s: int
) -> np.ndarray:
    """Logits of one instance of one seed; tokens (modalities, time, width)."""
    kind, place = numbers(fusion.positions.modality[s]), numbers(fusion.positions.place)
    x = {
        (m, t): (tokens[m, t] + kind[m]) * np.sqrt(WIDTH) + place[s, t]
        for m, t in zip(*np.nonzero(mask), strict=True)
    }
    for layer in fusion.layers:
        x = {(m, t): v + attended(layer, x, s, m, t) for (m, t), v in x.items()}
        x = exchanged(layer.mixture, x, weights, s)
    pooled = np.zeros((len(tokens), WIDTH))
    norm = fusion.after_layers
    for m in {m for m, _ in x}:
        own = [v for (n, _), v in x.items() if n == m]
        own = [normalized(v, norm.scale[s, m], norm.shift[s, m]) for v in own]
        pooled[m] = weights[m] * np.mean(own, axis=0)
    h = pooled.reshape(-1)
    first, second, last = fusion.head
    z = h + affine(second, np.maximum(affine(first, h, s), 0), s)
    return affine(last, z, s)


def test_fusemoe_equals_plain_loops() -> None:
    case = in_double(Case(drawn(fuse_moe(SEEDS, 3)), random_input(3, 4)))
    draw = torch.Generator().manual_seed(4)
    weights = 2 * torch.rand(SEEDS, BATCH, 3, generator=draw).double()
    ones = torch.ones_like(weights)
    for given, used in ((None, ones), (weights, weights)):
        found = numbers(case.fusion(replace(case.inputs, weights=given)).logits)
        for s in range(SEEDS):
            for b in range(BATCH):
                tokens = numbers(case.inputs.tokens[s, :, b])
                mask = case.inputs.mask[s, :, b].numpy()
                expected = plain_logits(
                    case.fusion, tokens, mask, numbers(used[s, b]), s
                )
                assert found[s, b].shape == (4,)
                assert np.allclose(found[s, b], expected, atol=1e-9, rtol=1e-9)


def test_messages_go_to_tokens_of_the_same_time() -> None:
    case = in_double(Case(drawn(fuse_moe(SEEDS, 3)), random_input(3, 4)))
    inputs = replace(case.inputs, mask=torch.ones_like(case.inputs.mask))
    layer = case.fusion.layers[0].mixture
    changed = inputs.tokens.clone()
    changed[:, 1, :, 2] += torch.arange(WIDTH)
    before, after = (layer(x, inputs)[0] for x in (inputs.tokens, changed))
    moved = (before != after).any(4).all(2)  # (seeds, modalities, time)
    assert moved[:, :, 2].all()
    assert not moved[:, :, [0, 1, 3]].any()


def test_attention_stays_within_a_modality() -> None:
    case = Case(drawn(fuse_moe(SEEDS, 3)), random_input(3, 4))
    attention = case.fusion.layers[0].attention
    mask = torch.ones_like(case.inputs.mask)
    changed = case.inputs.tokens.clone()
    changed[:, 1, :, 2] += 1.0
    moved = attention(case.inputs.tokens, mask) != attention(changed, mask)
    assert moved[:, 1].flatten(2).any(2).all()
    assert not moved[:, [0, 2]].any()


def test_bad_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"tokens: got 7 .* time=6"):
        drawn(fuse_moe(SEEDS, 2))(random_input(2, 7))
    with pytest.raises(ValueError, match=r"heads: got 4 for a width of 6"):
        fuse_moe(SEEDS, 2, heads=4)
