"""Ten small unimodal models: stacked along a seed dimension against one by one.

LSTM 74 -> 16 and a linear head, batch 32, 50 steps with lengths 5 to 50; forward,
backward and Adam on one thread. One by one is `nn.LSTM` on a packed sequence.

    python -m benchmarks.unimodal [--seeds 10]
"""

import argparse
import sys
from functools import partial

import torch
from torch import Generator, Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from benchmarks.timing import alternating_medians, restart_with_process_settings
from repro.models.layers.stacked import StackedLinear, initialize
from repro.models.tokens.lstm import StackedLSTM

INPUTS, HIDDEN, BATCH, STEPS, SHORTEST = 74, 16, 32, 50, 5
LEARNING_RATE = 1e-3
TARGET = 3.0


class Stacked(nn.Module):
    """All seeds in one model."""

    def __init__(self, seeds: int) -> None:
        super().__init__()
        self.lstm = StackedLSTM(seeds, INPUTS, HIDDEN)
        self.head = StackedLinear(seeds, HIDDEN, 1)
        initialize(self, [Generator().manual_seed(seed) for seed in range(seeds)])

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        return self.head(self.lstm(x, lengths)).squeeze(-1)


class Single(nn.Module):
    """One seed, with the values of that seed in the stacked model."""

    def __init__(self, source: Stacked, seed: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(INPUTS, HIDDEN, batch_first=True)
        self.head = nn.Linear(HIDDEN, 1)
        lstm, head = source.lstm, source.head
        values = {
            "lstm.weight_ih_l0": torch_order(lstm.weight_input[seed].t()),
            "lstm.weight_hh_l0": torch_order(lstm.weight_hidden[seed].t()),
            "lstm.bias_ih_l0": torch_order(lstm.bias[seed]),
            "lstm.bias_hh_l0": torch.zeros(4 * HIDDEN),
            "head.weight": head.weight[seed].t(),
            "head.bias": head.bias[seed],
        }
        self.load_state_dict(values)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        packed = pack_padded_sequence(
            x, lengths, batch_first=True, enforce_sorted=False
        )
        _, (state, _) = self.lstm(packed)
        return self.head(state[0]).squeeze(-1)


def torch_order(values: Tensor) -> Tensor:
    """Gates reordered from (candidate, input, forget, output) to those of torch."""
    candidate, enter, forget, leave = values.chunk(4)
    return torch.cat([enter, forget, candidate, leave])


def step(
    model: nn.Module, adam: torch.optim.Adam, x: Tensor, lengths: Tensor, y: Tensor
) -> Tensor:
    """One training step with the mean absolute error per seed."""
    adam.zero_grad()
    out = model(x, lengths)
    (out - y).abs().mean(-1).sum().backward()
    adam.step()
    return out.detach()


def batch(seeds: int) -> tuple[Tensor, Tensor, Tensor]:
    """Inputs, lengths and labels; each seed has its own."""
    generator = Generator().manual_seed(0)
    x = torch.randn(seeds, BATCH, STEPS, INPUTS, generator=generator)
    lengths = torch.randint(SHORTEST, STEPS + 1, (seeds, BATCH), generator=generator)
    return x, lengths, torch.randn(seeds, BATCH, generator=generator)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    seeds = parser.parse_args().seeds
    restart_with_process_settings()
    torch.set_num_threads(1)
    x, lengths, y = batch(seeds)
    stacked = Stacked(seeds)
    singles = [Single(stacked, seed) for seed in range(seeds)]
    adam = partial(torch.optim.Adam, lr=LEARNING_RATE, fused=True)
    adams = [adam(single.parameters()) for single in singles]
    stacked_step = partial(step, stacked, adam(stacked.parameters()), x, lengths, y)

    def single_steps() -> Tensor:
        parts = zip(singles, adams, x, lengths, y, strict=True)
        return torch.stack([step(*part) for part in parts])

    difference = float((stacked_step() - single_steps()).abs().max())
    seconds = alternating_medians({"ours": stacked_step, "plain": single_steps}, 20)
    per_seed = {name: 1e3 * value / seeds for name, value in seconds.items()}
    ratio = per_seed["plain"] / per_seed["ours"]
    print(f"largest difference of the first outputs: {difference:.1e}")
    print(
        f"{seeds} seeds: {per_seed['ours']:.2f} ms per seed stacked, "
        f"{per_seed['plain']:.2f} one by one: {ratio:.2f} x (target {TARGET})"
    )
    return 0 if difference < 1e-5 and ratio >= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
