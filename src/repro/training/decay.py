"""Which parameters weight decay leaves alone."""

from torch import nn

# The last part of a name: gains and shifts of norms, places, times.
EXEMPT = frozenset(
    {"scale", "shift", "place", "positions", "modality", "frequency", "phase"}
)
# Of a fine-tuned text encoder: a part of the name.
EXEMPT_PARTS = ("LayerNorm.", "position_embeddings.", "rel_embeddings.")


def is_exempt(name: str) -> bool:
    """Whether a parameter of this name is not pulled towards zero.

    Zero is no neutral value for the gain of a norm, a position or a frequency of the
    time embedding; matrices, and the biases beside them, decay.

    Departure: BTW's released code decays every parameter, I2MoE's none.

    >>> is_exempt("fusion.layers.0.before_attention.scale"), is_exempt("head.weight")
    (True, False)
    """
    last = name.rpartition(".")[2]
    return last in EXEMPT or any(part in name for part in EXEMPT_PARTS)


def exempt_parameters(model: nn.Module) -> frozenset[int]:
    """Identities of the parameters of a model that do not decay."""
    return frozenset(id(p) for n, p in model.named_parameters() if is_exempt(n))
