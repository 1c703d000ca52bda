"""Sentiment tokens over time: a few moments of each modality, for attention."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from repro.models.batch import Batch, Inputs
from repro.models.layers.stacked import StackedLinear
from repro.models.tokens.text import FineTunedText, FineTuning
from repro.params.presets import LastState


def moments(
    values: Float[Tensor, "seeds batch time features"],
    lengths: Int[Tensor, "seeds batch"],
    most: int,
) -> Float[Tensor, "seeds batch moments features"]:
    """Means over equal parts of each sequence; a short sequence keeps its rows.

    >>> x = torch.tensor([1.0, 3.0, 5.0, 0.0]).view(1, 1, 4, 1)
    >>> moments(x, torch.tensor([[3]]), 2).flatten().tolist()
    [2.0, 5.0]
    >>> moments(x, torch.tensor([[2]]), 2).flatten().tolist()
    [1.0, 3.0]
    """
    time = values.shape[2]
    if time <= most:
        return values
    row = torch.arange(time, device=values.device)
    own = lengths.unsqueeze(2)
    part = torch.where(own > most, row * most // own.clamp(min=1), row)
    part = part.masked_fill(row >= own, most)  # dropped below
    belongs = nn.functional.one_hot(part, most + 1)[..., :most].to(values.dtype)
    sums = belongs.transpose(2, 3) @ values
    return sums / belongs.sum(2).clamp(min=1).unsqueeze(3)


class SeriesTokens(nn.Module):
    """A linear map of at most `moments` means over time per modality.

    A fine-tuned text is one moment, its pooled vector.

    Source: MulT (Tsai et al. 2019); the map is its convolution with kernel 1.
    Departure: a longer sequence is averaged over equal parts first. Undone by
    `moments: 50`.
    """

    def __init__(
        self,
        seeds: int,
        inputs: Inputs,
        sizes: LastState,
        text: FineTuning | None = None,
    ):
        super().__init__()
        tuned = [text is not None and name == text.modality for name in inputs.names]
        self.encoders = nn.ModuleList(
            FineTunedText(seeds, text) if is_tuned and text else nn.Identity()
            for is_tuned in tuned
        )
        self.projections = nn.ModuleList(
            StackedLinear(
                seeds,
                text.hidden if is_tuned and text else values.features,
                sizes.width,
            )
            for is_tuned, values in zip(tuned, inputs.values, strict=True)
        )
        self.most = sizes.moments

    def forward(
        self, batch: Batch, generators: object = None
    ) -> Float[Tensor, "seeds modalities batch time width"]:
        made = []
        parts = zip(self.encoders, self.projections, strict=True)
        for m, (encoder, projection) in enumerate(parts):
            values, lengths = batch.values[m], batch.lengths[..., m]
            if isinstance(encoder, FineTunedText):
                made.append(projection(encoder(values, lengths).unsqueeze(2)))
            else:
                made.append(projection(moments(values, lengths, self.most)))
        longest = max(tokens.shape[2] for tokens in made)
        pad = nn.functional.pad
        return torch.stack([pad(t, (0, 0, 0, longest - t.shape[2])) for t in made], 1)

    def filled(
        self, batch: Batch, time: int
    ) -> Bool[Tensor, "seeds modalities batch time"]:
        """Which tokens stand for something."""
        lengths = batch.lengths.transpose(1, 2).clone()
        for m, encoder in enumerate(self.encoders):
            if isinstance(encoder, FineTunedText):
                lengths[:, m].clamp_(max=1)
        row = torch.arange(time, device=lengths.device)
        return row < lengths.unsqueeze(3)
