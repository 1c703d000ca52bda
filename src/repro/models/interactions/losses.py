"""What each expert is to do when a modality is masked: lean on it, move, or stay.

`anchor` are outputs of experts for intact rows, `masked[..., m, :, :]` those with
modality m replaced, and `exists` says in which rows that was done. A mean is over the
rows in which what it compares exists; a modality without any such row is in no mean
over modalities.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from repro.models.layers.pooling import row_mean
from repro.params.interactions import Form

MARGIN, EPSILON = 1.0, 1e-7

_Anchor = Float[Tensor, "seeds experts batch outputs"]
_Masked = Float[Tensor, "seeds experts modalities batch outputs"]
_Exists = Bool[Tensor, "seeds modalities batch"]
_PerPass = Float[Tensor, "seeds experts modalities batch"]
_PerExpert = Float[Tensor, "seeds experts"]


class Measure(NamedTuple):
    """Which form of the losses, and the scale of a scalar output.

    `scalar`: the output is a score, not a vector of logits. `variance` is that of the
    labels of train, in whose units squared distances of scores are.
    """

    form: Form = "paper"
    scalar: bool = False
    variance: float = 1.0


def uniqueness(
    anchor: _Anchor,
    masked: _Masked,
    exists: _Exists,
    own: Sequence[int],
    measure: Measure,
) -> _PerExpert:
    """Masking its own modality must move an expert more than masking another one.

    For the expert of modality `own[e]` the mean over other modalities j of
    max(0, d(a, p_j) - d(a, p_own) + 1), with the Euclidean distance of logits, or the
    squared distance of scores in label variances.

    Source: I2MoE, section 3.4 and released code (triplet loss, margin 1, 1e-7 in the
    norm).
    Departure: released for scores it has no hinge and no bound. Undone by
    `losses: released`.

    >>> same = torch.ones(1, 1, 2, 3)
    >>> both = torch.ones(1, 2, 2, dtype=torch.bool)
    >>> uniqueness(same, same.expand(1, 2, 2, 3)[:, None], both, [0], Measure()).item()
    1.0
    """
    away = _distances(anchor, masked, measure)
    modality = torch.arange(masked.shape[2], device=masked.device)
    mine = modality == torch.tensor(own, device=masked.device).unsqueeze(1)
    gaps = away - away[:, range(len(own)), own].unsqueeze(2)
    if not (measure.scalar and measure.form == "released"):
        gaps = (gaps + MARGIN).clamp(min=0)
    pairs = exists.unsqueeze(1) & exists[:, own].unsqueeze(2) & ~mine.unsqueeze(2)
    return _mean(gaps, pairs)


def synergy(
    anchor: _Anchor, masked: _Masked, exists: _Exists, measure: Measure
) -> _PerExpert:
    """Masking any modality must change what an expert says.

    The mean cosine of logits; of scores max(0, 1 - squared distance).

    Source: I2MoE, section 3.4: masked outputs are negatives.
    Departure: released for scores it is the redundancy loss. Undone by
    `losses: released`. With `centred` a cosine below zero, the opposite answer, is no
    better than none.

    >>> a, both = torch.eye(2)[None, None], torch.ones(1, 2, 2, dtype=torch.bool)
    >>> synergy(a, -a.expand(1, 2, 2, 2)[:, None], both, Measure()).item()
    -1.0
    """
    if measure.scalar:
        away = _distances(anchor, masked, measure)
        near = away if measure.form == "released" else (MARGIN - away).clamp(min=0)
        return _mean(near, exists.unsqueeze(1))
    alike = _cosines(anchor, masked, measure)
    alike = alike.clamp(min=0) if measure.form == "centred" else alike
    return _mean(alike, exists.unsqueeze(1))


def redundancy(
    anchor: _Anchor, masked: _Masked, exists: _Exists, measure: Measure
) -> _PerExpert:
    """Masking any one modality must change nothing.

    The mean of 1 - cosine of logits; of scores the squared distance.

    Source: I2MoE, section 3.4.
    Departure: distances of scores are in label variances, here and in the other two,
    so that labels of another unit train alike. Undone by `losses: released`.

    >>> a, both = torch.eye(2)[None, None], torch.ones(1, 2, 2, dtype=torch.bool)
    >>> redundancy(a, -a.expand(1, 2, 2, 2)[:, None], both, Measure()).item()
    2.0
    """
    if measure.scalar:
        return _mean(_distances(anchor, masked, measure), exists.unsqueeze(1))
    return _mean(1.0 - _cosines(anchor, masked, measure), exists.unsqueeze(1))


def _distances(anchor: _Anchor, masked: _Masked, measure: Measure) -> _PerPass:
    if measure.scalar:
        scale = 1.0 if measure.form == "released" else measure.variance
        return (anchor.unsqueeze(2) - masked).squeeze(4).square() / scale
    anchor, masked = _compared(anchor, measure), _compared(masked, measure)
    return torch.linalg.vector_norm(anchor.unsqueeze(2) - masked + EPSILON, dim=4)


def _cosines(anchor: _Anchor, masked: _Masked, measure: Measure) -> _PerPass:
    anchor, masked = _compared(anchor, measure), _compared(masked, measure)
    return functional.cosine_similarity(anchor.unsqueeze(2), masked, dim=4)


def _compared(logits: Tensor, measure: Measure) -> Tensor:
    """The logits; `centred` without what all classes share, which predicts nothing."""
    is_centred = measure.form == "centred"
    return logits - logits.mean(-1, keepdim=True) if is_centred else logits


def _mean(
    values: _PerPass, exists: Bool[Tensor, "seeds _experts modalities batch"]
) -> _PerExpert:
    exists = exists.expand_as(values)
    return row_mean(row_mean(values, exists), exists.any(3))
