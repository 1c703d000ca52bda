"""One training step at the paper's size, with its encoder: kernels, waits and time.

A fine-tuned encoder of 12 layers, audio 74 and video 47 over up to 50 steps, the MoE of
presets/paper.yaml, batch 32. Counted are the operations that start a kernel and the
reads of a device value by the host, during which a device idles; both are the same on
every device, as long as experts and encoder take the way of a GPU (every expert on
every token, a batch in one piece), which is asked for here. Times are of the device at
hand.

    python -m benchmarks.gpu_step [--seeds 1] [--device auto] [--repeats 5]
"""

import argparse
import contextlib
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import BertConfig, BertModel

from benchmarks import training_step
from benchmarks.training_step import BALANCE, CLIP, DECAY, RATE, generators
from repro.models.architecture import Architecture
from repro.models.batch import Inputs, Sequences, gather, unpadded
from repro.models.layers import experts
from repro.models.predictor import Predictor, Randomness
from repro.models.tokens.text import FineTunedText, FineTuning
from repro.params.presets import LastState
from repro.training.optimization import StackedAdam
from repro.training.selection import Selection

MOST_KERNELS, MOST_READS = 3000, 10
LAYERS, VOCABULARY, WORDS = 12, 30522, 50
ENCODER_RATE, DROPOUT = 5e-5, 0.1
# What changes how values are looked at and starts nothing on a device.
VIEWS = frozenset(
    f"aten::{name}"
    for name in (
        "_unsafe_view",
        "alias",
        "as_strided",
        "chunk",
        "detach",
        "empty.memory_format",
        "empty_like",
        "empty_strided",
        "expand",
        "lift_fresh",
        "narrow",
        "new_empty",
        "permute",
        "select.int",
        "slice.Tensor",
        "split.Tensor",
        "split_with_sizes",
        "squeeze.dim",
        "t",
        "transpose.int",
        "unbind.int",
        "unfold",
        "unsqueeze",
        "view",
    )
)
READS = frozenset({"aten::_local_scalar_dense", "aten::nonzero", "aten::equal"})


class Counts(TorchDispatchMode):
    """Counts operations by name while it is entered, and reads by the host."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: Counter[str] = Counter()
        self.lists = 0

    def __torch_dispatch__(
        self, function: Any, types: Any, arguments: Any = (), named: Any = None
    ) -> Any:
        self.operations[function.name()] += 1
        return function(*arguments, **(named or {}))

    @property
    def kernels(self) -> int:
        """Operations that start at least one kernel."""
        return sum(n for name, n in self.operations.items() if name not in VIEWS)

    @property
    def reads(self) -> int:
        """Times the host waited for a value."""
        return self.lists + sum(self.operations[name] for name in READS)


@contextlib.contextmanager
def counted() -> Iterator[Counts]:
    """Count what happens inside; `tolist` is seen by no dispatcher."""
    counts, as_list = Counts(), Tensor.tolist

    def tolist(values: Tensor) -> Any:
        counts.lists += 1
        with torch._C._DisableTorchDispatch():
            return as_list(values)

    with mock.patch.object(Tensor, "tolist", tolist), counts:
        yield counts


def samples(device: torch.device) -> Inputs:
    """Random samples: token ids, audio and video."""
    made = training_step.samples(torch.float32)
    draw = torch.Generator().manual_seed(1)
    lengths = made.lengths.clone()
    lengths[:, 0] = torch.randint(5, WORDS + 1, (len(lengths),), generator=draw)
    ids = torch.randint(VOCABULARY, (len(lengths), WORDS, 1), generator=draw)
    text = unpadded(ids.float(), lengths[:, 0])
    return Inputs(
        names=made.names,
        values=tuple(
            Sequences(own.values.to(device), own.offsets.to(device))
            for own in (text, *made.values[1:])
        ),
        lengths=lengths.to(device),
        present=made.present.to(device),
        y=made.y.to(device),
    )


def predictor(seeds: int, inputs: Inputs, hidden: int) -> Predictor:
    """The model of the preset `paper`, its encoder from a random start."""
    start = BertModel(
        BertConfig(
            vocab_size=VOCABULARY,
            hidden_size=hidden,
            num_hidden_layers=LAYERS,
            num_attention_heads=12,
            intermediate_size=4 * hidden,
        )
    )
    sizes = training_step.MIXTURE | {"router": "per_modality", "gate": "laplace"}
    sizes |= {"expert_dropout": DROPOUT, "head_dropout": DROPOUT}
    shape = Architecture(
        "moe",
        sizes,
        LastState(**training_step.TOKENS, moments=1),
        training_step.EXPERTS,
        training_step.TOP_K,
        text=FineTuning("text", start, hidden, "first", ENCODER_RATE),
    )
    model = Predictor(seeds, inputs, shape)
    model.initialize([torch.Generator().manual_seed(seed) for seed in range(seeds)])
    return model.to(inputs.y.device)


Parts = dict[str, Callable[[], object]]


def parts_of(seeds: int, inputs: Inputs, hidden: int) -> Parts:
    """The parts of a step by name, in their order; each goes on from the last."""
    model, rows = predictor(seeds, inputs, hidden), training_step.batches(seeds)
    optimizer = StackedAdam(
        model.stacked_parameters(),
        seeds=seeds,
        lr=RATE,
        weight_decay=DECAY,
        clip=CLIP,
        own=model.own_parameters(),
        own_lr=ENCODER_RATE,
    )
    draws = [g.manual_seed(0) for g in _on(inputs.y.device, seeds)]
    noise, numbers, loss = Randomness(draws, draws), count(), [torch.zeros(())]
    selection = Selection(seeds, 0, "last")

    def forward() -> None:
        model.train()
        batch = gather(inputs, rows(next(numbers)).to(inputs.y.device))
        output = model(batch, None, noise)
        errors = (output.logits[..., 0] - batch.y).abs().mean(1)
        loss[0] = (errors + BALANCE * output.losses["balance"]).sum()

    def backward() -> None:
        optimizer.zero_grad()
        loss[0].backward()

    @torch.no_grad()
    def evaluation() -> None:
        model.eval()
        model(gather(inputs, rows(0).to(inputs.y.device)))

    def kept() -> None:
        selection.consider(1, torch.zeros(seeds).numpy(), model, None)

    return {
        "forward": forward,
        "backward": backward,
        "optimizer": optimizer.step,
        "evaluation of a batch": evaluation,
        "selection of an epoch": kept,
    }


def _on(device: torch.device, seeds: int) -> list[torch.Generator]:
    return (
        generators(seeds)
        if device.type == "cpu"
        else [torch.Generator(device) for _ in range(seeds)]
    )


@contextlib.contextmanager
def as_on_a_gpu() -> Iterator[None]:
    """Experts and the encoder take the way that they take on a GPU."""

    def whole(text: FineTunedText, member: int, given: Tensor, mask: Tensor, _: Tensor):
        return text._encoded(member, given, mask)

    with (
        mock.patch.object(experts, "is_cheaper", lambda *of: True),
        mock.patch.object(FineTunedText, "_in_parts", whole),
    ):
        yield


def counts_of(seeds: int, hidden: int, device: torch.device) -> dict[str, Counts]:
    """What each part of the second step starts and waits for."""
    parts, found = parts_of(seeds, samples(device), hidden), {}
    with as_on_a_gpu():
        for part in parts.values():
            part()
        for name, part in parts.items():
            with counted() as found[name]:
                part()
    return found


def milliseconds(
    seeds: int, hidden: int, device: torch.device, repeats: int
) -> dict[str, float]:
    """Median wall time of each part, the device waited for."""
    parts = parts_of(seeds, samples(device), hidden)
    seconds: dict[str, list[float]] = {name: [] for name in parts}
    for _ in range(repeats + 1):
        for name, part in parts.items():
            start = time.perf_counter()
            part()
            if device.type == "cuda":
                torch.cuda.synchronize()
            seconds[name].append(time.perf_counter() - start)
    return {name: 1e3 * statistics.median(own[1:]) for name, own in seconds.items()}


def main() -> None:
    """Print counts and times of every part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--hidden", type=int, default=768)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="float32", choices=["float32", "tf32"])
    parser.add_argument("--repeats", type=int, default=5)
    chosen = parser.parse_args()
    found = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(found if chosen.device == "auto" else chosen.device)
    torch.backends.cuda.matmul.allow_tf32 = chosen.precision == "tf32"
    counts = counts_of(chosen.seeds, chosen.hidden, device)
    times = milliseconds(chosen.seeds, chosen.hidden, device, chosen.repeats)
    print(f"{device}, {chosen.precision}, {chosen.seeds} seeds")
    for name, own in counts.items():
        print(f"{name}: {own.kernels} kernels, {own.reads} reads, {times[name]:.1f} ms")
    step = ("forward", "backward", "optimizer")
    kernels, reads = (sum(getattr(counts[n], k) for n in step) for k in KINDS)
    print(f"step: {kernels} kernels (aim {MOST_KERNELS}), {reads} reads ({MOST_READS})")


KINDS = ("kernels", "reads")

if __name__ == "__main__":
    main()
