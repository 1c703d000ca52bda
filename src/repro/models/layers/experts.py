"""A pool of expert networks and the mixture of those that a token chose."""

from jaxtyping import Float, Int
from torch import Tensor, nn

from repro.models.layers.dense_experts import dense_mixture, is_cheaper
from repro.models.layers.sorted_experts import sorted_mixture
from repro.models.layers.stacked import (
    Generators,
    check_rate,
    stacked_parameter,
    xavier_normal,
    zeros,
)


class Experts(nn.Module):
    """Pool of two-layer GELU networks; a token gets the mixture of its chosen ones.

    A slot with `chosen` -1 is not routed, whatever its gate; a token without a routed
    slot gives 0, in log space too, and its values have no influence. In log space the
    gates of a routed token must not all be 0.

    Source: FuseMoE eq. (4); Shazeer et al. 2017, eq. (1); GELU of Hendrycks and
    Gimpel 2016 (exact form).
    Shape: tokens `(seeds, tokens, width)`, chosen and gate `(seeds, tokens, k)`, result
    `(seeds, tokens, outputs)`.

    >>> import torch
    >>> from repro.models.layers.stacked import initialize
    >>> pool = Experts(1, 4, 8, 16, 8)
    >>> initialize(pool, [torch.Generator().manual_seed(0)])
    >>> chosen = torch.tensor([[[0, 3], [-1, -1]]])
    >>> gate = torch.tensor([[[0.25, 0.75], [0.0, 0.0]]])
    >>> pool(torch.ones(1, 2, 8), chosen, gate)[0, 1].abs().sum().item()
    0.0
    """

    def __init__(self, seeds: int, experts: int, width: int, hidden: int, outputs: int):
        super().__init__()
        self.weight_in = stacked_parameter(seeds, experts, width, hidden)
        self.bias_in = stacked_parameter(seeds, experts, hidden)
        self.weight_out = stacked_parameter(seeds, experts, hidden, outputs)
        self.bias_out = stacked_parameter(seeds, experts, outputs)
        self.initializers = {
            "weight_in": xavier_normal,
            "bias_in": zeros,
            "weight_out": xavier_normal,
            "bias_out": zeros,
        }

    def forward(
        self,
        tokens: Float[Tensor, "seeds tokens width"],
        chosen: Int[Tensor, "seeds tokens k"],
        gate: Float[Tensor, "seeds tokens k"],
        *,
        dropout: float = 0.0,
        generators: Generators | None = None,
        log_space: bool = False,
    ) -> Float[Tensor, "seeds tokens outputs"]:
        """Mixture of the chosen experts, or in log space its logarithm.

        `dropout` acts on the hidden activations when `generators` is given.

        Raises:
            ValueError: an expert id outside the pool, a seed count or width that is not
                the pool's, or a dropout rate outside [0, 1).
        """
        self._check(tokens, chosen, dropout)
        dense = is_cheaper(tokens.device, tokens.shape[1], self.weight_in.shape)
        return (dense_mixture if dense else sorted_mixture)(
            tokens,
            chosen,
            gate,
            [(self.weight_in, self.bias_in), (self.weight_out, self.bias_out)],
            dropout=dropout,
            generators=generators,
            log_space=log_space,
        )

    def _check(self, tokens: Tensor, chosen: Tensor, rate: float) -> None:
        check_rate(rate)
        seeds, experts, width, _ = self.weight_in.shape
        if tokens.shape[0] != seeds or tokens.shape[2] != width:
            raise ValueError(
                f"tokens: got shape {tuple(tokens.shape)}; this pool takes "
                f"({seeds}, tokens, {width})"
            )
        if chosen.device.type != "cpu":
            return  # to look would wait for the device; a wrong id fails there
        highest = int(chosen.max()) if chosen.numel() else -1
        if highest >= experts:
            raise ValueError(
                f"chosen: got expert {highest} for a pool of {experts}; ids run from 0 "
                f"to {experts - 1}, and -1 marks a slot that is not routed"
            )
