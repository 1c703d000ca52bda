"""One training step with a tuned text encoder: all of its layers against the last few.

A BERT of the folder given, or one of its size with random weights, on texts of random
ids whose lengths are spread as those of spoken utterances; the MoE of the preset
`paper` on text and one audio vector, batch 32, dropout as the encoder has it. CPU time
of one thread; of each case also what is counted: runs of a layer, tokens (padding
included) that these read, parameters that take a gradient.

    python -m benchmarks.finetune [folder] [--layers 1 2 4] [--repeats 5]
"""

import argparse
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import torch
from jaxtyping import Int
from torch import Generator, Tensor
from transformers import BertConfig, BertModel

from benchmarks.timing import alternating_medians, restart_with_process_settings
from repro.features.encoders.states import lower_layers, upper_layers
from repro.models.architecture import Architecture
from repro.models.batch import Inputs, Sequences, gather
from repro.models.predictor import Predictor, Randomness
from repro.models.tokens.text import FineTunedText, FineTuning
from repro.params.presets import LastState
from repro.training.optimization import StackedAdam

SAMPLES, BATCH, AUDIO = 256, 32, 73
LONGEST, SHORTEST, USUAL, SPREAD = 50, 4, 13.0, 0.55  # tokens; of a log-normal law
TOKENS = {"width": 128, "lstm_hidden": 16, "lstm_output": 64, "moments": 50}
MIXTURE = {"layers": 3, "expert_hidden": 512, "feed_forward": 512, "gate": "laplace"}
MIXTURE |= {"router": "per_modality", "expert_dropout": 0.1, "head_dropout": 0.1}
EXPERTS, TOP_K, BALANCE, CLIP, RATE, TEXT_RATE = 16, 2, 0.01, 0.8, 1e-4, 5e-5


class Counts(NamedTuple):
    """What one step does to the encoder."""

    layers: int  # runs of a layer
    tokens: int  # rows times time of these, padding included
    parameters: int  # of the encoder, with a gradient


def random_bert(hidden: int = 384, layers: int = 6, heads: int = 12) -> BertModel:
    """A BERT with random weights; by default of 22 million parameters."""
    torch.manual_seed(0)
    sizes = {"hidden_size": hidden, "num_hidden_layers": layers}
    sizes |= {"num_attention_heads": heads, "intermediate_size": 4 * hidden}
    return BertModel(BertConfig(**sizes), add_pooling_layer=False).eval()


def lengths(samples: int = SAMPLES) -> Int[Tensor, " samples"]:
    """Tokens of each text."""
    draw = torch.randn(samples, generator=Generator().manual_seed(0))
    return (USUAL * (SPREAD * draw).exp()).long().clamp(SHORTEST, LONGEST)


def samples(encoder: Any, upper: int | None) -> Inputs:
    """Texts as ids, or as states below the `upper` layers, and one audio vector."""
    draw, counts = Generator().manual_seed(1), lengths()
    size = encoder.config.vocab_size
    ids = [torch.randint(size, (int(n),), generator=draw) for n in counts]
    if upper is None:
        rows = [own[:, None].float() for own in ids]
    else:
        lower = lower_layers(encoder, upper)
        with torch.no_grad():
            rows = [lower(input_ids=own[None]).last_hidden_state[0] for own in ids]
    padding = torch.zeros(1, rows[0].shape[1])
    text = Sequences(
        torch.cat([*rows, padding]), torch.nn.functional.pad(counts.cumsum(0), (1, 0))
    )
    audio = torch.randn(SAMPLES + 1, AUDIO, generator=draw)
    audio[-1] = 0
    ones = torch.ones_like(counts)
    return Inputs(
        names=("text", "audio"),
        values=(text, Sequences(audio, torch.arange(SAMPLES + 1))),
        lengths=torch.stack([counts, ones], 1),
        present=torch.ones(SAMPLES, 2, dtype=torch.bool),
        y=torch.randn(SAMPLES, generator=draw),
    )


def model_of(encoder: Any, upper: int | None, inputs: Inputs) -> Predictor:
    """The MoE with all of an encoder, or with its `upper` layers, trained along."""
    text = FineTuning(
        modality="text",
        start=encoder if upper is None else upper_layers(encoder, upper),
        hidden=encoder.config.hidden_size,
        pooling="mean",
        lr=TEXT_RATE,
        reads_states=upper is not None,
    )
    shape = Architecture("moe", MIXTURE, LastState(**TOKENS), EXPERTS, TOP_K, text=text)
    model = Predictor(1, inputs, shape)
    model.initialize([Generator().manual_seed(0)])
    return model.train()


def step_of(model: Predictor, inputs: Inputs) -> Callable[[], None]:
    """A function that trains a model for one step."""
    optimizer = StackedAdam(
        model.stacked_parameters(),
        seeds=1,
        lr=RATE,
        weight_decay=0.0,
        clip=CLIP,
        own=model.own_parameters(),
        own_lr=TEXT_RATE,
    )
    noise, numbers = [Generator().manual_seed(2)], count()
    order = torch.randperm(SAMPLES, generator=Generator().manual_seed(3))

    def step() -> None:
        start = next(numbers) % (SAMPLES // BATCH) * BATCH
        batch = gather(inputs, order[None, start : start + BATCH])
        output = model(batch, None, Randomness(dropout=noise, router=noise))
        error = (output.logits[..., 0] - batch.y).abs().mean()
        optimizer.zero_grad()
        (error + BALANCE * output.losses["balance"].sum()).backward()
        optimizer.step()

    return step


def counted(model: Predictor, step: Callable[[], None]) -> Counts:
    """What a step does to the encoder of a model."""
    (text,) = (part for part in model.modules() if isinstance(part, FineTunedText))
    tokens: list[int] = []
    copy: Any = text.copies[0]
    hooks = [
        layer.register_forward_pre_hook(
            lambda _, given: tokens.append(given[0].shape[:2].numel())
        )
        for layer in copy.encoder.layer
    ]
    step()
    for hook in hooks:
        hook.remove()
    trained = [p.numel() for p in copy.parameters() if p.grad is not None]
    return Counts(len(tokens), sum(tokens), sum(trained))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print counts and seconds of every case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--layers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    encoder = random_bert()
    if given.folder:
        encoder = BertModel.from_pretrained(given.folder, local_files_only=True)
    cases: dict[str, Callable[[], None]] = {}
    print("trained     layer runs  tokens read  encoder parameters")
    for upper in (None, *given.layers):
        inputs = samples(encoder, upper)
        model = model_of(encoder, upper, inputs)
        name = "all" if upper is None else f"last {upper}"
        cases[name] = step_of(model, inputs)
        found = counted(model, cases[name])
        print(f"{name:10}  {found.layers:10}  {found.tokens:11}  {found.parameters:,}")
    seconds = alternating_medians(cases, given.repeats)
    for name, spent in seconds.items():
        ratio = seconds["all"] / spent
        print(f"{name:10}  {1000 * spent:6.0f} ms a step, {ratio:.2f} times as fast")


if __name__ == "__main__":
    restart_with_process_settings()
    main()
