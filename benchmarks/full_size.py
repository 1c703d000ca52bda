"""Two training steps of every fusion at the sizes of the preset `paper`.

One seed, random samples, no text encoder (gpu_step has one): on files three modalities
of up to 50 steps and a score, on stays four modalities of up to 48 hours at 48 query
times and four classes. The fusions of I2MoE are also wrapped in its experts: one for
each modality, synergy and redundancy. Each case runs in a process of its own, on one
thread. Memory is the peak above what the process held before the model, CPU seconds
are those of the second step.

    python -m benchmarks.full_size [--batch 4]
"""

import argparse
import multiprocessing
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import NamedTuple

import torch
from ruamel.yaml import YAML
from torch import Generator, Tensor

from benchmarks import training_step
from benchmarks.mtand import resident_bytes
from benchmarks.timing import peak_memory_bytes, restart_with_process_settings
from repro import paths
from repro.models.architecture import Architecture, loss_weights
from repro.models.batch import Inputs, gather, unpadded
from repro.models.predictor import Predictor, Randomness, parameter_count
from repro.params.interactions import Interaction
from repro.params.presets import LastStateModels, QueryModels
from repro.training.optimization import StackedAdam
from repro.training.task import REGRESSION, Task

SAMPLES, CLASSES, HOURS, VARIABLES = 64, 4, 48, 31
OBJECTS = {"text": (5, 768), "cxr": (1, 1024), "ecg": (5, 256)}  # most, features
EXPERTS, TOP_K = 16, 2
TASKS = {"last_state": REGRESSION, "query": Task("classification", CLASSES)}
WRAPPED = ("concat_transformer", "interpretcc", "switchgate", "moe_plus_plus")


class Case(NamedTuple):
    """A fusion of one kind of tokens, alone or in interaction experts."""

    tokens: str
    fusion: str
    wrapped: bool = False

    def __str__(self) -> str:
        experts = ", interaction experts" if self.wrapped else ""
        return f"{self.tokens}: {self.fusion}{experts}"


class Found(NamedTuple):
    """What two steps of a case did; `bytes` are those of its peak."""

    parameters: int
    losses: tuple[float, float]
    seconds: float
    bytes: int


def models_of(tokens: str) -> LastStateModels | QueryModels:
    """What the preset `paper` states for a kind of tokens."""
    kind = {"last_state": LastStateModels, "query": QueryModels}[tokens]
    content = YAML(typ="safe").load(paths.preset("paper").read_text())
    return kind.model_validate(content[tokens])


def cases() -> Iterator[Case]:
    """Every fusion that the preset has, then those of I2MoE with their experts."""
    for tokens in TASKS:
        for fusion in models_of(tokens).fusions:
            yield Case(tokens, fusion)
            if fusion in WRAPPED:
                yield Case(tokens, fusion, wrapped=True)


def samples(tokens: str) -> Inputs:
    """Random samples with every modality present."""
    return training_step.samples(torch.float32) if tokens == "last_state" else stays()


def stays() -> Inputs:
    """An hourly series with its grid, and up to five notes, images and signals."""
    draw = Generator().manual_seed(0)
    most = [HOURS, *(most for most, _ in OBJECTS.values())]
    widths = [2 * VARIABLES, *(width for _, width in OBJECTS.values())]
    columns = [torch.randint(1, m + 1, (SAMPLES,), generator=draw) for m in most]
    values, times = [], []
    for m, width, own in zip(most, widths, columns, strict=True):
        values.append(unpadded(torch.randn(SAMPLES, m, width, generator=draw), own))
        moments = torch.rand(SAMPLES, m, 1, generator=draw).sort(1).values
        times.append(unpadded(moments, own).values[:, 0])
    grid = torch.randn(SAMPLES, HOURS, 2 * VARIABLES, generator=draw)
    lengths = torch.stack(columns, 1)
    return Inputs(
        names=("timeseries", *OBJECTS),
        values=tuple(values),
        lengths=lengths,
        present=lengths > 0,
        y=torch.randint(CLASSES, (SAMPLES,), generator=draw).float(),
        times=tuple(times),
        hourly=(grid, *(None for _ in OBJECTS)),
    )


def architecture_of(case: Case) -> Architecture:
    """The shape that the preset `paper` gives a case."""
    models = models_of(case.tokens)
    return Architecture(
        case.fusion,
        models.fusions[case.fusion],
        models.tokens,
        EXPERTS,
        TOP_K,
        outputs=TASKS[case.tokens].outputs,
        interaction=Interaction() if case.wrapped else None,
    )


def two_steps(case: Case, batch: int) -> Found:
    """Parameters, losses, seconds and memory of two steps with one batch."""
    before, inputs, shape = (
        resident_bytes(),
        samples(case.tokens),
        architecture_of(case),
    )
    training, draws = models_of(case.tokens).training, [Generator().manual_seed(1)]
    model = Predictor(1, inputs, shape)
    model.initialize([Generator().manual_seed(0)])
    optimizer = StackedAdam(
        model.stacked_parameters(),
        seeds=1,
        lr=training.lr,
        weight_decay=training.weight_decay,
        clip=training.clip,
    )
    rows, weights = gather(inputs, torch.arange(batch)[None]), loss_weights(shape)
    weights = {"balance": training.balance_loss, **weights}

    def step() -> float:
        output = model.train()(rows, None, Randomness(dropout=draws, router=draws))
        loss: Tensor = TASKS[case.tokens].losses(output.logits, rows.y).mean()
        for name, own in output.losses.items():
            loss = loss + weights[name] * own.sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    first, start = step(), time.process_time()
    losses, seconds = (first, step()), time.process_time() - start
    return Found(parameter_count(model), losses, seconds, peak_memory_bytes() - before)


def apart(case: Case, batch: int) -> Found:
    """`two_steps` in a fresh process.

    Raises:
        BrokenProcessPool: it was ended from outside, most often for its memory.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context, torch.set_num_threads, (1,)) as one:
        return one.submit(two_steps, case, batch).result()


def main() -> None:
    """Print a row for every case."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=4)
    batch = parser.parse_args().batch
    restart_with_process_settings()
    for case in cases():
        try:
            found = apart(case, batch)
        except BrokenProcessPool:
            print(f"{case!s:55} ended from outside; free memory for it", flush=True)
            continue
        print(
            f"{case!s:55} {found.parameters / 1e6:7.2f} M {found.seconds:7.2f} s "
            f"{found.bytes / 2**20:7.0f} MiB",
            flush=True,
        )


if __name__ == "__main__":
    main()
