"""Checked float64 views of what callers pass, and results of the kind they passed."""

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Integer
else:
    try:
        from jaxtyping import Bool, Float, Integer
    except ImportError:  # shapes are documentation then; NumPy and SciPy suffice

        class _Shape:
            def __class_getitem__(cls, item: tuple[Any, str]) -> Any:
                return item[0]

        Bool = Float = Integer = _Shape

Array = Any  # a NumPy array, a torch tensor or a (nested) list of numbers
TASKS = ("regression", "classification")
SUM_TOLERANCE = 1e-2  # half-precision softmax rows miss 1 by a few thousandths

__all__ = [
    "TASKS",
    "Array",
    "Bool",
    "Float",
    "Integer",
    "check_choice",
    "check_finite",
    "check_probabilities",
    "checked_predictions",
    "checked_present",
    "float64",
    "in_kind_of",
    "variances",
    "whole_numbers",
]


def check_choice(value: str, name: str, choices: tuple[str, ...]) -> None:
    """Raise unless the value is one of the choices."""
    if value not in choices:
        raise ValueError(f"{name}: got {value!r}; choose one of {', '.join(choices)}")


def as_numpy(values: Array) -> np.ndarray:
    """NumPy view of an array or tensor, whatever its device and gradient."""
    if hasattr(values, "detach"):
        tensor = values.detach().cpu()
        # NumPy has no bfloat16, so every floating tensor goes through float64.
        values = (tensor.double() if tensor.is_floating_point() else tensor).numpy()
    return np.asarray(values)


def float64(values: Array, name: str, axes: tuple[str, ...]) -> np.ndarray:
    """Contiguous float64 array with one dimension per named axis."""
    array = as_numpy(values)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name}: got values of type {array.dtype}; pass real numbers")
    if array.ndim != len(axes):
        raise ValueError(
            f"{name}: got shape {array.shape}; pass shape ({', '.join(axes)})"
        )
    return np.ascontiguousarray(array, dtype=np.float64)


def in_kind_of(reference: Array, values: np.ndarray) -> Array:
    """Values as the reference's kind: its tensor type (a mask: float32) and device."""
    if not hasattr(reference, "detach"):
        return values
    floating = reference.is_floating_point()
    return (reference if floating else reference.float()).detach().new_tensor(values)


def check_finite(
    values: np.ndarray, name: str, present: np.ndarray | None = None
) -> None:
    """Raise when a value that matters is NaN or infinite."""
    finite = np.isfinite(values)
    if finite.all():
        return
    if present is not None:
        absent = ~present.reshape(present.shape + (1,) * (values.ndim - present.ndim))
        finite |= absent
    if not finite.all():
        where = tuple(int(i) for i in np.argwhere(~finite)[0])
        remedy = "" if present is None else " or mark the modality absent"
        raise ValueError(
            f"{name}: {np.count_nonzero(~finite)} values are not finite, the first at "
            f"{where} is {values[where]}; remove them{remedy}"
        )


def check_probabilities(values: np.ndarray, name: str) -> None:
    """Raise unless the last axis holds distributions."""
    if values.size == 0:
        return
    low, high = values.min(), values.max()
    if low < 0 or high > 1 + SUM_TOLERANCE:
        raise ValueError(
            f"{name}: got values from {low} to {high}; "
            "pass probabilities in [0, 1], not logits"
        )
    off = np.abs(values.sum(-1) - 1).max()
    if off > SUM_TOLERANCE:
        raise ValueError(
            f"{name}: a row misses the sum 1 by {off:.3g}; "
            "pass class probabilities along the last axis"
        )


def whole_numbers(
    values: Array, name: str, samples: int
) -> Integer[np.ndarray, " samples"]:
    """One whole number from 0 per sample, such as that of an expert or a class."""
    numbers = as_numpy(values)
    if numbers.shape != (samples,):
        raise ValueError(f"{name}: got shape {numbers.shape}; pass shape ({samples},)")
    if numbers.dtype.kind not in "iu" or (numbers < 0).any():
        raise ValueError(f"{name}: pass whole numbers from 0, one per sample")
    return numbers


def checked_present(
    present: Array | None, samples: int, modalities: int
) -> Bool[np.ndarray, "samples modalities"]:
    """Presence mask as booleans; `None` means everything is present."""
    if present is None:
        return np.ones((samples, modalities), dtype=bool)
    mask = as_numpy(present)
    if mask.shape != (samples, modalities):
        raise ValueError(
            f"present: got shape {mask.shape}; pass shape ({samples}, {modalities})"
        )
    if mask.dtype != bool and not np.isin(mask, (0, 1)).all():
        raise ValueError("present: got values other than 0 and 1; pass booleans")
    return np.ascontiguousarray(mask, dtype=bool)


def checked_predictions(
    task: str, unimodal: Array, multimodal: Array, present: Array | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unimodal and multimodal predictions and the presence mask, all valid.

    Absent unimodal entries are replaced by the multimodal prediction, so that no
    stored value of an absent modality, NaN included, can reach a result. Unimodal
    probabilities may all be zero: a modality that counts but predicts nothing.

    Raises:
        ValueError: unknown task, wrong shape, a value that is not finite, or rows
            that are no distributions.
    """
    check_choice(task, "task", TASKS)
    classes = ("classes",) if task == "classification" else ()
    own = float64(unimodal, "unimodal", ("samples", "modalities", *classes))
    joint = float64(multimodal, "multimodal", ("samples", *classes))
    if own.shape[:1] + own.shape[2:] != joint.shape:
        raise ValueError(
            f"multimodal: got shape {joint.shape} beside unimodal {own.shape}; "
            "samples and classes must agree"
        )
    mask = checked_present(present, own.shape[0], own.shape[1])
    check_finite(joint, "multimodal")
    check_finite(own, "unimodal", mask)
    if not mask.all():
        visible = mask[..., None] if classes else mask
        own = np.where(visible, own, joint[:, None])
    if classes:
        check_probabilities(joint, "multimodal")
        # A row of zeros says that there is no prediction.
        check_probabilities(own[own.any(-1)], "unimodal")
    return own, joint, mask


def variances(values: Array, name: str, shapes: tuple[tuple[int, ...], ...]) -> Any:
    """Positive finite variances in one of the shapes, as float64."""
    array = np.asarray(as_numpy(values), dtype=np.float64)
    if array.shape not in shapes:
        accepted = " or ".join("a number" if s == () else str(s) for s in shapes)
        raise ValueError(f"{name}: got shape {array.shape}; pass {accepted}")
    valid = np.isfinite(array) & (array > 0)
    if not valid.all():
        raise ValueError(
            f"{name}: {np.count_nonzero(~valid)} values are not positive and finite, "
            f"the smallest is {array.min()}; floor the variances"
        )
    return array
