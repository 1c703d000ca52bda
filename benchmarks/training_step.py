"""One training step of the whole model: stacked seeds against a plain model.

Text vectors of 768, audio 74 and video 47 over up to 50 steps, width 128, three layers
of 16 experts, top 2, batch 32, clipping and Adam; one thread per process. The plain
model has the same parameter values and the same router noise; outputs and gradients
are first compared in float64. CPU time, but wall time where two processes train five
seeds each against one process with one plain model: nothing else should be running.

    python -m benchmarks.training_step [--repeats 15]
"""

import argparse
import multiprocessing
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor, nn

from benchmarks.plain_model import PlainModel, plain_values
from benchmarks.timing import (
    alternating_medians,
    peak_memory_bytes,
    restart_with_process_settings,
)
from repro.models.architecture import Architecture
from repro.models.batch import Inputs, gather, unpadded
from repro.models.predictor import Predictor, Randomness
from repro.params.presets import LastState
from repro.training.optimization import StackedAdam

SAMPLES, BATCH, STEPS, SHORTEST = 1284, 32, 50, 5
FEATURES = {"text": 768, "audio": 74, "video": 47}
EXPERTS, TOP_K = 16, 2
TOKENS = {"width": 128, "lstm_hidden": 16, "lstm_output": 64}
MIXTURE = {"layers": 3, "expert_hidden": 512, "feed_forward": 512}
SIZES = TOKENS | MIXTURE
BALANCE, CLIP, RATE, DECAY = 0.01, 0.8, 1e-4, 1e-4
SEVERAL, PROCESSES = 5, 2
TARGETS = {1: 2.5, SEVERAL: 2.9}
PROCESS_TARGET = 5.0
TOLERANCE = 1e-9


def samples(dtype: torch.dtype) -> Inputs:
    """Random samples with every modality present."""
    draw = Generator().manual_seed(0)
    lengths = torch.randint(SHORTEST, STEPS + 1, (SAMPLES, 3), generator=draw)
    lengths[:, 0] = 1
    values = []
    for size, own in zip(FEATURES.values(), lengths.T, strict=True):
        rows = torch.randn(SAMPLES, int(own.max()), size, generator=draw, dtype=dtype)
        values.append(unpadded(rows, own))
    return Inputs(
        names=tuple(FEATURES),
        values=tuple(values),
        lengths=lengths,
        present=lengths > 0,
        y=torch.randn(SAMPLES, generator=draw, dtype=dtype),
    )


def generators(seeds: int) -> list[Generator]:
    """A generator of router noise per seed."""
    return [Generator().manual_seed(100 + seed) for seed in range(seeds)]


def stacked_model(seeds: int, inputs: Inputs) -> Predictor:
    """The model of this repository, `seeds` of them side by side."""
    sizes = MIXTURE | {"router": "per_modality", "gate": "laplace"}
    sizes |= {"expert_dropout": 0.0, "head_dropout": 0.0}
    shape = Architecture("moe", sizes, LastState(**TOKENS, moments=1), EXPERTS, TOP_K)
    model = Predictor(seeds, inputs, shape)
    model.initialize([Generator().manual_seed(seed) for seed in range(seeds)])
    return model.to(inputs.y.dtype)


def plain_model(source: Predictor, seed: int) -> PlainModel:
    """The plain model with the values of one stacked seed."""
    model = PlainModel(
        list(FEATURES.values()), experts=EXPERTS, top_k=TOP_K, **SIZES
    ).to(next(source.parameters()).dtype)
    values = {name: p.detach()[seed] for name, p in source.named_parameters()}
    zeros = {n: torch.zeros_like(p) for n, p in model.named_parameters() if "_hh" in n}
    model.load_state_dict(zeros | plain_values(values, SIZES["layers"]))
    return model


def stacked_loss(
    model: Predictor, inputs: Inputs, index: Tensor, noise: list[Generator]
) -> tuple[Tensor, Tensor]:
    """Predictions `(seeds, batch)` and the loss of each seed."""
    batch = gather(inputs, index)
    output = model(batch, None, Randomness(router=noise))
    logits = output.logits[..., 0]
    errors = ((logits - batch.y).abs() * batch.real).sum(1)
    mean = errors / batch.real.sum(1).clamp(min=1)
    return logits, mean + BALANCE * output.losses["balance"]


def plain_loss(
    model: PlainModel, inputs: Inputs, index: Tensor, noise: Generator
) -> tuple[Tensor, Tensor]:
    """Predictions `(batch)` and the loss."""
    batch = gather(inputs, index.unsqueeze(0))
    logits, balance = model([v[0] for v in batch.values], batch.lengths[0], noise)
    return logits, (logits - batch.y[0]).abs().mean() + BALANCE * balance


def batches(seeds: int) -> Callable[[int], Tensor]:
    """Rows of a step, `(seeds, batch)`: each seed shuffles the samples on its own."""
    draw = Generator().manual_seed(1)
    orders = torch.stack([torch.randperm(SAMPLES, generator=draw) for _ in range(99)])
    steps = SAMPLES // BATCH

    def rows(number: int) -> Tensor:
        start = number % steps * BATCH
        return orders[:seeds, start : start + BATCH]

    return rows


def stacked_step(seeds: int, inputs: Inputs) -> Callable[[], None]:
    """A function that trains the stacked model for one step."""
    model, noise = stacked_model(seeds, inputs), generators(seeds)
    parameters = model.stacked_parameters()
    optimizer = StackedAdam(
        parameters, seeds=seeds, lr=RATE, weight_decay=DECAY, clip=CLIP
    )
    rows, numbers = batches(seeds), count()

    def step() -> None:
        _, loss = stacked_loss(model, inputs, rows(next(numbers)), noise)
        optimizer.zero_grad()
        loss.sum().backward()
        optimizer.step()

    return step


def plain_step(inputs: Inputs) -> Callable[[], None]:
    """A function that trains one plain model for one step."""
    model, (noise,) = plain_model(stacked_model(1, inputs), 0), generators(1)
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE, weight_decay=DECAY)
    rows, numbers = batches(1), count()

    def step() -> None:
        _, loss = plain_loss(model, inputs, rows(next(numbers))[0], noise)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()

    return step


def largest_difference(seeds: int = 2) -> float:
    """Largest relative difference of any prediction or gradient, in float64."""
    inputs = samples(torch.float64)
    model, rows = stacked_model(seeds, inputs), batches(seeds)(0)
    logits, loss = stacked_loss(model, inputs, rows, generators(seeds))
    loss.sum().backward()
    differences = []
    for seed, noise in enumerate(generators(seeds)):
        plain = plain_model(model, seed)
        expected, plain_error = plain_loss(plain, inputs, rows[seed], noise)
        plain_error.backward()
        own = {
            n: p.grad[seed] for n, p in model.named_parameters() if p.grad is not None
        }
        pairs = gradient_pairs(plain, plain_values(own, SIZES["layers"]))
        pairs.append((logits[seed].detach(), expected.detach()))
        differences += [relative_difference(*pair) for pair in pairs]
    return max(differences)


def gradient_pairs(
    plain: PlainModel, ours: Mapping[str, Tensor]
) -> list[tuple[Tensor, Tensor]]:
    """Our gradient and the plain one; zeros for an expert that no token reached."""
    pairs = []
    for name, parameter in plain.named_parameters():
        # `nn.LSTM` adds two biases, whose gradients are equal.
        own = ours[name.replace("bias_hh", "bias_ih")]
        reached = parameter.grad
        pairs.append((own, torch.zeros_like(own) if reached is None else reached))
    return pairs


def relative_difference(ours: Tensor, plain: Tensor) -> float:
    """Largest absolute difference, relative to the largest value."""
    largest = plain.abs().max().clamp(min=torch.finfo(plain.dtype).tiny)
    return float((ours - plain).abs().max() / largest)


class Rate(NamedTuple):
    """Seed steps per second by the wall clock, share of it on a core, peak memory."""

    speed: float
    share: float
    memory: int


def rate(seeds: int, steps: int, start: Any) -> Rate:
    """The rate of this process; `seeds` 0 is the plain model.

    All processes wait for one another before they start the clock.
    """
    torch.set_num_threads(1)
    inputs = samples(torch.float32)
    step = stacked_step(seeds, inputs) if seeds else plain_step(inputs)
    for _ in range(3):
        step()
    start.wait()
    began, used = time.perf_counter(), time.process_time()
    for _ in range(steps):
        step()
    seconds = time.perf_counter() - began
    share = (time.process_time() - used) / seconds
    return Rate(max(seeds, 1) * steps / seconds, share, peak_memory_bytes())


def combined_rate(processes: int, seeds: int, steps: int) -> Rate:
    """Rate of several processes together; smallest share, largest peak memory."""
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager, context.Pool(processes) as pool:
        start = manager.Barrier(processes)
        results = pool.starmap(rate, [(seeds, steps, start)] * processes)
    speeds, shares, memory = zip(*results, strict=True)
    return Rate(sum(speeds), min(shares), max(memory))


def is_fast_per_seed(repeats: int) -> bool:
    """Time and print one and several stacked seeds; whether both meet their target."""
    inputs = samples(torch.float32)
    steps: dict[str, Callable[[], object]] = {"plain": plain_step(inputs)}
    steps |= {str(seeds): stacked_step(seeds, inputs) for seeds in TARGETS}
    seconds = alternating_medians(steps, repeats)
    print(f"plain model, CPU time: {1e3 * seconds['plain']:.1f} ms per step")
    met = []
    for seeds, target in TARGETS.items():
        own = seconds[str(seeds)] / seeds
        met.append(seconds["plain"] / own >= target)
        print(
            f"{seeds} stacked: {1e3 * own:.1f} ms per step and seed, "
            f"{seconds['plain'] / own:.2f} x (target {target}) {verdict(met[-1])}"
        )
    return all(met)


def is_fast_in_processes(rounds: int = 3) -> bool:
    """Time and print the processes of several seeds; whether they meet the target."""
    settings = {"plain": (1, 0, 15), "ours": (PROCESSES, SEVERAL, 8)}
    measured: dict[str, list[Rate]] = {name: [] for name in settings}
    for _ in range(rounds):
        for name, setting in settings.items():
            measured[name].append(combined_rate(*setting))
    speeds = {}
    for name, rates in measured.items():
        speeds[name] = statistics.median(own.speed for own in rates)
        print(
            f"{name}, {settings[name][0]} processes: {speeds[name]:.1f} seed steps "
            f"per second, {max(own.memory for own in rates) / 2**30:.2f} GiB each, "
            f"on a core for {min(own.share for own in rates):.0%} of the time"
        )
    ratio = speeds["ours"] / speeds["plain"]
    met = ratio >= PROCESS_TARGET
    print(f"{ratio:.2f} x (target {PROCESS_TARGET}) {verdict(met)}")
    return met


def verdict(is_met: bool) -> str:
    """Met or missed, as printed."""
    return "met" if is_met else "MISSED"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=15)
    repeats = parser.parse_args().repeats
    restart_with_process_settings()
    torch.set_num_threads(1)
    difference = largest_difference()
    print(f"largest relative difference in float64: {difference:.1e}")
    met = [is_fast_per_seed(repeats), is_fast_in_processes()]
    return 0 if difference <= TOLERANCE and all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
