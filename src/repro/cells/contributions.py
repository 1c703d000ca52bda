"""What each expert of a weighted mixture does for the prediction of an instance."""

import numpy as np
from jaxtyping import Float

_Weights = Float[np.ndarray, "*parts rows experts"]
_Logits = Float[np.ndarray, "*parts rows experts outputs"]


def contribution_shares(weights: _Weights, logits: _Logits) -> _Weights:
    """Share of each expert in the logit of the predicted class, in absolute value.

    c_e = |w_e y_e,k| over its sum, where y_e is taken without its mean over classes,
    which predicts nothing, and k is the class that the mixture predicts. Of a score
    there is one output and no class. Zeros where no expert contributes.

    >>> weights = np.array([[0.75, 0.25]])
    >>> contribution_shares(weights, np.array([[[2.0], [-2.0]]])).tolist()
    [[0.75, 0.25]]
    """
    if logits.shape[-1] > 1:
        chosen = (weights[..., None] * logits).sum(-2).argmax(-1)
        centred = logits - logits.mean(-1, keepdims=True)
        own = np.take_along_axis(centred, chosen[..., None, None], -1)[..., 0]
    else:
        own = logits[..., 0]
    size = np.abs(weights * own)
    total = size.sum(-1, keepdims=True)
    shares: np.ndarray = np.divide(
        size, total, out=np.zeros_like(size), where=total > 0
    )
    return shares


def left_out_effects(
    weights: _Weights, logits: _Logits, y: Float[np.ndarray, " rows"]
) -> _Weights:
    """Loss of the mixture without each expert, minus its loss with all of them.

    The other weights are rescaled to sum to one. The loss is the absolute error of a
    score, or the negative log-probability of the class. Above zero: the expert helps.
    NaN where there is no other expert, or none with a weight.

    >>> weights = np.array([[0.5, 0.5]])
    >>> left_out_effects(weights, np.array([[[1.0], [0.0]]]), np.array([1.0])).tolist()
    [[0.5, -0.5]]
    """
    whole = _losses((weights[..., None] * logits).sum(-2), y)
    effects = np.full(weights.shape, np.nan)
    for e in range(weights.shape[-1]):
        kept = np.delete(weights, e, -1)
        total = kept.sum(-1, keepdims=True)
        share = np.divide(kept, total, out=np.full_like(kept, np.nan), where=total > 0)
        if share.shape[-1]:
            mixed = (share[..., None] * np.delete(logits, e, -2)).sum(-2)
            effects[..., e] = _losses(mixed, y) - whole
    return effects


def _losses(
    logits: Float[np.ndarray, "*parts rows outputs"], y: Float[np.ndarray, " rows"]
) -> Float[np.ndarray, "*parts rows"]:
    if logits.shape[-1] == 1:
        return np.abs(logits[..., 0] - y)
    highest = logits.max(-1, keepdims=True)
    total = np.log(np.exp(logits - highest).sum(-1)) + highest[..., 0]
    place = np.broadcast_to(y.astype(np.int64), logits.shape[:-1])[..., None]
    found: np.ndarray = total - np.take_along_axis(logits, place, -1)[..., 0]
    return found
