"""The whole model for one seed, written the plain way: a loop wherever there is one.

`nn.LSTM` on packed sequences, one module per modality and per expert, noise and
balance loss of Shazeer et al. 2017. The baseline of the training-step benchmark.
"""

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence


class SequenceEncoder(nn.Module):
    """Last state of a packed LSTM, then an affine map."""

    def __init__(self, features: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(features, hidden, batch_first=True)
        self.output = nn.Linear(hidden, outputs)

    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        packed = pack_padded_sequence(
            values, lengths, batch_first=True, enforce_sorted=False
        )
        _, (state, _) = self.lstm(packed)
        return self.output(state[0])


class VectorEncoder(nn.Module):
    """The one vector of a sample."""

    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        return values[:, 0]


class Router(nn.Module):
    """Noisy top-k Laplace gate of one modality."""

    def __init__(self, width: int, experts: int, top_k: int) -> None:
        super().__init__()
        self.centers = nn.Parameter(torch.zeros(width, experts))
        self.noise = nn.Parameter(torch.zeros(width, experts))
        self.top_k = top_k

    def forward(self, z: Tensor, draws: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Chosen experts, their gates, and the balance loss."""
        k = self.top_k
        clean = -torch.cdist(z, self.centers.t())
        scale = functional.softplus(z @ self.noise) + 0.01
        noisy = clean + draws * scale
        top, chosen = noisy.topk(k + 1)
        chosen, gate = chosen[:, :k], top[:, :k].softmax(1)
        importance = torch.zeros_like(noisy).scatter(1, chosen, gate).sum(0)
        rival = torch.where(noisy > top[:, k:], top[:, k:], top[:, k - 1 : k])
        load = torch.special.ndtr((clean - rival) / scale).sum(0)
        return chosen, gate, squared_variation(importance) + squared_variation(load)


def squared_variation(amount: Tensor) -> Tensor:
    """Squared coefficient of variation."""
    return amount.var() / (amount.mean().square() + 1e-10)


class Layer(nn.Module):
    """Experts shared by all modalities, then a feed-forward network for each."""

    def __init__(
        self,
        modalities: int,
        width: int,
        *,
        experts: int,
        top_k: int,
        expert_hidden: int,
        feed_forward: int,
    ) -> None:
        super().__init__()
        each = range(modalities)
        outputs = modalities * width
        self.before_experts = nn.ModuleList(nn.LayerNorm(width) for _ in each)
        self.routers = nn.ModuleList(Router(width, experts, top_k) for _ in each)
        self.experts = nn.ModuleList(
            nn.Sequential(
                nn.Linear(width, expert_hidden),
                nn.GELU(),
                nn.Linear(expert_hidden, outputs),
            )
            for _ in range(experts)
        )
        self.before_feed_forward = nn.ModuleList(nn.LayerNorm(width) for _ in each)
        self.feed_forward = nn.ModuleList(
            nn.Sequential(
                nn.Linear(width, feed_forward),
                nn.ReLU(),
                nn.Linear(feed_forward, width),
            )
            for _ in each
        )

    def forward(
        self, x: Sequence[Tensor], generator: Generator
    ) -> tuple[list[Tensor], Tensor]:
        mixed, balance = [], []
        shape = (len(x), len(x[0]), len(self.experts))
        draws = torch.randn(shape, generator=generator, dtype=x[0].dtype)
        for m, z in enumerate(x):
            normal = self.before_experts[m](z)
            chosen, gate, loss = self.routers[m](normal, draws[m])
            mixed.append(self.mixture(normal, chosen, gate))
            balance.append(loss)
        received = torch.stack(mixed).sum(0).chunk(len(x), 1)
        result = []
        for m, z in enumerate(x):
            summed = z + received[m]
            network = self.feed_forward[m]
            result.append(summed + network(self.before_feed_forward[m](summed)))
        return result, torch.stack(balance).mean()

    def mixture(self, z: Tensor, chosen: Tensor, gate: Tensor) -> Tensor:
        """Loop over experts: take their rows, run them, add to the rows."""
        out = z.new_zeros(len(z), len(z[0]) * len(self.routers))
        for number, expert in enumerate(self.experts):
            rows, slot = torch.where(chosen == number)
            if len(rows):
                part = expert(z[rows]) * gate[rows, slot].unsqueeze(1)
                out.index_add_(0, rows, part)
        return out


class PlainModel(nn.Module):
    """Encoders, projections, layers and head; prediction and balance loss."""

    def __init__(
        self,
        features: Sequence[int],
        *,
        lstm_hidden: int,
        lstm_output: int,
        width: int,
        layers: int,
        **layer: int,
    ) -> None:
        super().__init__()
        text, *series = features
        modalities = len(features)
        self.encoders = nn.ModuleList(
            [
                VectorEncoder(),
                *(SequenceEncoder(n, lstm_hidden, lstm_output) for n in series),
            ]
        )
        self.projections = nn.ModuleList(
            nn.Sequential(nn.Linear(n, width), nn.ReLU(), nn.Linear(width, width))
            for n in [text, *(lstm_output for _ in series)]
        )
        self.layers = nn.ModuleList(
            Layer(modalities, width, **layer) for _ in range(layers)
        )
        self.after_layers = nn.ModuleList(nn.LayerNorm(width) for _ in features)
        self.head = nn.Sequential(
            nn.Linear(modalities * width, width),
            nn.Tanh(),
            nn.Linear(width, width),
            nn.Tanh(),
            nn.Linear(width, 1),
        )
        self.scale = width**0.5

    def forward(
        self, values: Sequence[Tensor], lengths: Tensor, generator: Generator
    ) -> tuple[Tensor, Tensor]:
        x = [
            self.projections[m](encoder(values[m], lengths[:, m])) * self.scale
            for m, encoder in enumerate(self.encoders)
        ]
        balances = []
        for layer in self.layers:
            x, balance = layer(x, generator)
            balances.append(balance)
        pooled = [norm(z) for norm, z in zip(self.after_layers, x, strict=True)]
        logits = self.head(torch.cat(pooled, 1))[:, 0]
        return logits, torch.stack(balances).mean()


def plain_values(stacked: Mapping[str, Tensor], layers: int) -> dict[str, Tensor]:
    """Values (or gradients) of one stacked member under the names of `PlainModel`.

    The stacked LSTM has one bias where `nn.LSTM` adds two: the second is left out.
    """
    return dict(_pairs(stacked, layers))


def _pairs(stacked: Mapping[str, Tensor], layers: int) -> Iterator[tuple[str, Tensor]]:
    for m in range(3):
        if m:
            own = f"encoders.{m}"
            yield from _lstm(f"{own}.lstm", stacked, f"tokens.{own}.lstm")
            yield from _linear(f"{own}.output", stacked, f"tokens.{own}.output")
        for place, name in ((0, "first"), (2, "second")):
            own = f"projections.{m}"
            yield from _linear(f"{own}.{place}", stacked, f"tokens.{own}.{name}")
    for number in range(layers):
        yield from _layer(f"layers.{number}", stacked, f"fusion.layers.{number}")
    yield from _norms("after_layers", stacked, "fusion.after_layers")
    for place in range(3):
        yield from _linear(f"head.{2 * place}", stacked, f"fusion.head.{place}")


def _layer(
    name: str, stacked: Mapping[str, Tensor], source: str
) -> Iterator[tuple[str, Tensor]]:
    for norm in ("before_experts", "before_feed_forward"):
        yield from _norms(f"{name}.{norm}", stacked, f"{source}.{norm}")
    for matrix in ("centers", "noise"):
        for m, own in enumerate(stacked[f"{source}.router.{matrix}"]):
            yield f"{name}.routers.{m}.{matrix}", own
    for place, side in ((0, "in"), (2, "out")):
        for e, own in enumerate(stacked[f"{source}.experts.weight_{side}"]):
            yield f"{name}.experts.{e}.{place}.weight", own.t()
        for e, own in enumerate(stacked[f"{source}.experts.bias_{side}"]):
            yield f"{name}.experts.{e}.{place}.bias", own
    for place, part in ((0, "widen"), (2, "narrow")):
        for m, own in enumerate(stacked[f"{source}.{part}.weight"]):
            yield f"{name}.feed_forward.{m}.{place}.weight", own.t()
        for m, own in enumerate(stacked[f"{source}.{part}.bias"]):
            yield f"{name}.feed_forward.{m}.{place}.bias", own


def _linear(
    name: str, stacked: Mapping[str, Tensor], source: str
) -> Iterator[tuple[str, Tensor]]:
    yield f"{name}.weight", stacked[f"{source}.weight"].t()
    yield f"{name}.bias", stacked[f"{source}.bias"]


def _norms(
    name: str, stacked: Mapping[str, Tensor], source: str
) -> Iterator[tuple[str, Tensor]]:
    for m, own in enumerate(stacked[f"{source}.scale"]):
        yield f"{name}.{m}.weight", own
    for m, own in enumerate(stacked[f"{source}.shift"]):
        yield f"{name}.{m}.bias", own


def _lstm(
    name: str, stacked: Mapping[str, Tensor], source: str
) -> Iterator[tuple[str, Tensor]]:
    yield f"{name}.weight_ih_l0", _torch_order(stacked[f"{source}.weight_input"].t())
    yield f"{name}.weight_hh_l0", _torch_order(stacked[f"{source}.weight_hidden"].t())
    yield f"{name}.bias_ih_l0", _torch_order(stacked[f"{source}.bias"])


def _torch_order(values: Tensor) -> Tensor:
    """Gates reordered from (candidate, input, forget, output) to those of torch."""
    candidate, enter, forget, leave = values.chunk(4)
    return torch.cat([enter, forget, candidate, leave])
