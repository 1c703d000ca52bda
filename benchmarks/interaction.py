"""Interaction experts in one call against a plain loop over experts and masks.

Forward and backward of cross-entropy and interaction losses, on one thread, with the
dropout of the preset `default`. The loop holds a fusion per expert, calls it for the
intact rows and once for every masked modality, and takes the losses from
`torch.nn.functional`. The floor is one call of the fusion alone with as many slices and
rows. Outputs of the loop are first compared bit for bit without dropout, gradients in
float64. Without interaction losses no masked pass is made: that time is printed, too.

    python -m benchmarks.interaction [--repeats 15]
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from benchmarks.timing import alternating_medians, restart_with_process_settings
from repro.models.fusions.interface import (
    FusionInput,
    FusionShape,
    fusion_class,
)
from repro.models.interactions.experts import InteractionExperts
from repro.models.layers.stacked import by_seed, initialize
from repro.params.interactions import Interaction, Reweighting

TOLERANCE, CLASSES = 1e-8, 4
SETTINGS = Interaction(reweighting=Reweighting(dropout=0.0))
SIZES: dict[str, dict[str, Any]] = {
    "concat_transformer": {"heads": 4, "layers": 1, "dropout": 0.1},
    "early_fusion": {"hidden": 64, "dropout": 0.1},
}


class Setting(NamedTuple):
    """Sizes of one comparison, and how many times faster than the loop it must be.

    `floor`: how many times the floor it may take.
    """

    fusion: str
    modalities: int
    time: int
    target: float | None = None
    floor: float | None = None
    seeds: int = 3
    batch: int = 64
    width: int = 32


CASES = (
    Setting("concat_transformer", 2, 2, 1.2, 1.15),
    Setting("concat_transformer", 3, 1, 1.2, 1.15),
    Setting("concat_transformer", 3, 4, 1.2, 1.15),
    # Noise, losses and weights cost as much as so small a fusion: no aim for the floor.
    Setting("early_fusion", 2, 1),
    Setting("early_fusion", 3, 1, 1.4),
)


def generators(seeds: int) -> list[Generator]:
    """A generator per seed."""
    return [Generator().manual_seed(seed) for seed in range(seeds)]


def vanilla(setting: Setting, slices: int, sizes: Mapping[str, Any]) -> nn.Module:
    """The fusion alone, not drawn yet."""
    made = fusion_class(setting.fusion)
    shape = FusionShape(
        slices, setting.modalities, setting.width, CLASSES, time=setting.time
    )
    return made(shape, made.Sizes(**sizes))


def experts_of(
    setting: Setting, settings: Interaction, rate: float, dtype: torch.dtype
) -> InteractionExperts:
    """Drawn experts of a fusion."""
    sizes = SIZES[setting.fusion] | {"dropout": rate}
    shape = FusionShape(
        setting.seeds, setting.modalities, setting.width, CLASSES, time=setting.time
    )
    names = [f"m{m}" for m in range(setting.modalities)]
    independent = settings.model_copy(update={"initial": "independent"})
    model = InteractionExperts(
        shape, lambda wide: vanilla(setting, wide.seeds, sizes), independent, names
    )
    initialize(model, generators(setting.seeds))
    return model.to(dtype)


def random_input(setting: Setting, dtype: torch.dtype) -> FusionInput:
    """Random tokens; all count, and every row has every modality."""
    draw = Generator().manual_seed(3)
    shape = (setting.seeds, setting.modalities, setting.batch, setting.time)
    tokens = torch.randn(*shape, setting.width, generator=draw, dtype=dtype)
    mask = torch.ones(shape, dtype=torch.bool)
    return FusionInput(tokens.requires_grad_(), mask)


def split(model: InteractionExperts, build: Callable[[int], nn.Module]) -> list[Any]:
    """A fusion per expert, with the values that the experts have."""
    plain = []
    for e in range(len(model.names)):
        one = build(model.seeds)
        for own, all_of_them in zip(
            one.parameters(), model.experts.parameters(), strict=True
        ):
            own.data = by_seed(all_of_them.detach(), model.seeds)[:, e].clone()
        plain.append(one.to(next(model.parameters()).dtype))
    return plain


def looped(
    plain: Sequence[Any], inputs: FusionInput, put: Tensor | None
) -> tuple[Tensor, list[list[Tensor]]]:
    """Logits `(seeds, experts, batch, outputs)`, and those of each expert and mask."""
    anchors, masked = [], []
    for e, fusion in enumerate(plain):
        anchors.append(fusion(inputs).logits)
        masked.append([])
        for m in range(inputs.tokens.shape[1]) if put is not None else ():
            assert put is not None
            slots = list(inputs.tokens.unbind(1))
            slots[m] = torch.where(inputs.mask[:, m, ..., None], put[:, e, m], slots[m])
            masked[e].append(
                fusion(replace(inputs, tokens=torch.stack(slots, 1))).logits
            )
    return torch.stack(anchors, 1), masked


def plain_losses(anchors: Tensor, masked: Sequence[Sequence[Tensor]]) -> Tensor:
    """The interaction loss of every seed, expert by expert."""
    found = []
    for s in range(len(anchors)):
        terms = []
        for e, own in enumerate(masked):
            a, p = anchors[s, e], [one[s] for one in own]
            if e < len(p):
                pairs = [
                    functional.triplet_margin_loss(a, p[j], p[e], eps=1e-7)
                    for j in range(len(p))
                    if j != e
                ]
                terms.append(torch.stack(pairs).mean())
                continue
            alike = torch.stack([functional.cosine_similarity(a, q).mean() for q in p])
            terms.append(alike.mean() if e == len(p) else (1 - alike).mean())
        found.append(torch.stack(terms).mean())
    return torch.stack(found)


def folded_step(model: InteractionExperts, inputs: FusionInput) -> Tensor:
    """Logits; gradients are left in the parameters and in the tokens."""
    model.zero_grad(set_to_none=True)
    inputs.tokens.grad = None
    output = model(replace(inputs, generators=generators(model.seeds)))
    losses = sum(output.losses.values(), torch.zeros(()))
    (output.logits.square().mean((1, 2)) + losses).sum().backward()
    return output.logits.detach()


def plain_step(
    model: InteractionExperts, plain: Sequence[Any], inputs: FusionInput
) -> Tensor:
    """The same by the loop, with the same noise."""
    model.zero_grad(set_to_none=True)
    for one in plain:
        one.zero_grad(set_to_none=True)
    inputs.tokens.grad = None
    noise = generators(model.seeds)
    put = noise_of(model, inputs, noise)
    anchors, masked = looped(plain, replace(inputs, generators=noise), put)
    assert model.weighting is not None
    pooled = inputs.tokens.mean(3).transpose(1, 2).flatten(2)
    shares = model.weighting(pooled, noise).transpose(1, 2).unsqueeze(3)
    logits = (shares * anchors).sum(1)
    losses = plain_losses(anchors, masked)
    (logits.square().mean((1, 2)) + losses).sum().backward()
    return logits.detach()


def noise_of(
    model: InteractionExperts, inputs: FusionInput, noise: Sequence[Generator]
) -> Tensor:
    """What replaces each modality, for every expert."""
    shape = (len(model.names), *inputs.tokens.shape[1:])
    dtype = inputs.tokens.dtype
    return torch.stack([torch.randn(shape, generator=g, dtype=dtype) for g in noise])


def floor_step(fusion: nn.Module, inputs: FusionInput, seeds: int) -> None:
    """One call of the fusion alone, with as many slices and rows."""
    fusion.zero_grad(set_to_none=True)
    inputs.tokens.grad = None
    each = [g for g in generators(seeds) for _ in range(len(inputs.tokens) // seeds)]
    fusion(replace(inputs, generators=each)).logits.square().mean().backward()


def difference(setting: Setting) -> float:
    """Largest relative difference of a gradient in float64."""
    model = experts_of(setting, SETTINGS, 0.0, torch.float64)
    inputs = random_input(setting, torch.float64)
    plain = split(model, partial(vanilla, setting, sizes=_undropped(setting)))
    folded_step(model, inputs)
    assert inputs.tokens.grad is not None
    tokens = inputs.tokens.grad.clone()
    ours = [p.grad.clone() for p in model.experts.parameters() if p.grad is not None]
    plain_step(model, plain, inputs)
    pairs = [(tokens, inputs.tokens.grad)]
    for k, found in enumerate(ours):
        theirs = [list(one.parameters())[k].grad for one in plain]
        pairs.append((by_seed(found, setting.seeds), torch.stack(theirs, 1)))
    return max(float((a - b).abs().max() / b.abs().max()) for a, b in pairs)


def is_bit_equal(setting: Setting) -> bool:
    """Whether the logits of a training step are, in float32 without dropout."""
    model = experts_of(setting, SETTINGS, 0.0, torch.float32)
    inputs = random_input(setting, torch.float32)
    plain = split(model, partial(vanilla, setting, sizes=_undropped(setting)))
    return torch.equal(folded_step(model, inputs), plain_step(model, plain, inputs))


def _undropped(setting: Setting) -> dict[str, Any]:
    return SIZES[setting.fusion] | {"dropout": 0.0}


def milliseconds(setting: Setting, repeats: int) -> dict[str, float]:
    """Of a step in every form."""
    rate, dtype = SIZES[setting.fusion]["dropout"], torch.float32
    model = experts_of(setting, SETTINGS, rate, dtype)
    without = Interaction(variant="no_interaction", reweighting=SETTINGS.reweighting)
    unmasked = experts_of(setting, without, rate, dtype)
    inputs = random_input(setting, dtype)
    build = partial(vanilla, setting, sizes=SIZES[setting.fusion])
    count, variants = len(model.names), 1 + setting.modalities
    large = setting._replace(
        seeds=setting.seeds * count, batch=setting.batch * variants
    )
    alone = build(large.seeds)
    initialize(alone, generators(large.seeds))
    runs: dict[str, Callable[[], object]] = {
        "folded": partial(folded_step, model, inputs),
        "loop": partial(plain_step, model, split(model, build), inputs),
        "floor": partial(floor_step, alone, random_input(large, dtype), setting.seeds),
        "unmasked": partial(folded_step, unmasked, inputs),
    }
    return {n: 1e3 * t for n, t in alternating_medians(runs, repeats).items()}


def is_fast_enough(setting: Setting, repeats: int) -> bool:
    """Time and print one setting; whether it meets its targets."""
    spent = milliseconds(setting, repeats)
    ratio, over = spent["loop"] / spent["folded"], spent["folded"] / spent["floor"]
    met = ratio >= (setting.target or 0.0)
    met &= setting.floor is None or over <= setting.floor
    print(
        f"{setting.fusion:20s}{setting.modalities:11d}{setting.time:8d}"
        + "".join(f"{spent[n]:10.1f}" for n in ("folded", "loop", "floor", "unmasked"))
        + f"{ratio:8.2f} (aim {setting.target or 'none'})"
        + f"{over:8.2f} (aim {setting.floor or 'none'})   "
        + ("met" if met else "MISSED")
    )
    return met


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=15)
    arguments = parser.parse_args()
    restart_with_process_settings()
    torch.set_num_threads(1)
    worst = max(difference(setting) for setting in CASES)
    equal = [is_bit_equal(setting) for setting in CASES]
    print(f"largest relative difference of gradients in float64: {worst:.1e}")
    print(f"outputs bit-equal: {sum(equal)} of {len(equal)} settings")
    print(
        "fusion               modalities  tokens    folded      loop     floor"
        "  unmasked   loop / folded   folded / floor   (ms)"
    )
    met = [is_fast_enough(setting, arguments.repeats) for setting in CASES]
    return 0 if worst <= TOLERANCE and all(met) and all(equal) else 1


if __name__ == "__main__":
    sys.exit(main())
