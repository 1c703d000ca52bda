"""Where the variances of a regression come from, and which labels that takes."""

from dataclasses import dataclass

import numpy as np

from btw.arrays import Array, as_numpy, check_choice, check_finite, float64
from btw.divergence import VARIANCE_FLOOR, pooled_variance, squared_residuals

PROTOCOLS = ("leak_free", "published")


@dataclass(frozen=True)
class Labels:
    """Labels of the rows at hand, and predictions with labels of rows held out."""

    targets: Array | None = None
    held_out: Array | None = None
    held_out_targets: Array | None = None


def protocol_defaults(protocol: str) -> tuple[str, str]:
    """Scale and initial weights of a protocol."""
    check_choice(protocol, "protocol", PROTOCOLS)
    return "sum_one", "ones" if protocol == "published" else "weights"


def refuse_labels(labels: Labels, task: str, protocol: str, remedy: str = "") -> None:
    """Raise when labels are passed that the task or the protocol does not use.

    `remedy` says what to do instead of passing targets under the leak-free protocol;
    empty where they are welcome.
    """
    given = [name for name, value in vars(labels).items() if value is not None]
    if given and task == "classification":
        raise ValueError(f"{given[0]}: classification uses no labels; leave it out")
    if protocol == "leak_free" and remedy and "targets" in given:
        raise ValueError(f"targets: protocol 'leak_free' refuses them here; {remedy}")
    if protocol == "published" and (set(given) & {"held_out", "held_out_targets"}):
        raise ValueError(
            f"{given[-1]}: protocol 'published' uses the labels of each instance; "
            "pass targets instead"
        )


def unimodal_spread(
    own: np.ndarray, mask: np.ndarray, targets: Array | None, protocol: str
) -> np.ndarray:
    """Variances of the unimodal predictions of train from its targets.

    Pooled per modality (leak free), or the squared residual of each (published).

    Raises:
        ValueError: the targets are missing.
    """
    if targets is None:
        raise ValueError(
            "targets: missing; a regression needs the training labels to find its "
            "variances, or pass unimodal_variance and multimodal_variance"
        )
    if protocol == "published":
        return squared_residuals(own, targets)
    return pooled_variance(own, targets, mask)


def multimodal_spread(
    joint: np.ndarray, labels: Labels, train_targets: Array | None, protocol: str
) -> np.ndarray | float:
    """Variance of the multimodal predictions: of held-out rows, or of each row.

    The leak-free one is floored at 1e-3 of the variance of the training labels.

    Raises:
        ValueError: what the protocol needs is missing.
    """
    if protocol == "published":
        targets = labels.targets if labels.targets is not None else train_targets
        if targets is None:
            raise ValueError(
                "targets: missing; protocol 'published' needs the label of every "
                "instance, or pass multimodal_variance"
            )
        return squared_residuals(joint, targets)
    if labels.held_out is None or labels.held_out_targets is None:
        name = "held_out" if labels.held_out is None else "held_out_targets"
        raise ValueError(
            f"{name}: missing; pass multimodal predictions and labels of rows not "
            "trained on as held_out and held_out_targets, or multimodal_variance"
        )
    floor = None
    if train_targets is not None:
        floor = VARIANCE_FLOOR * float(np.var(as_numpy(train_targets)))
    held = float64(labels.held_out, "held_out", ("rows",))
    theirs = float64(labels.held_out_targets, "held_out_targets", ("rows",))
    if len(held) != len(theirs) or not len(held):
        raise ValueError(
            f"held_out_targets: got {len(theirs)} beside {len(held)} held_out; pass "
            "one label per row, at least one"
        )
    check_finite(held, "held_out")
    check_finite(theirs, "held_out_targets")
    return pooled_variance(held, theirs, floor=floor)


def own_label_spread(
    unimodal: Array, multimodal: Array, targets: Array
) -> dict[str, np.ndarray]:
    """Squared residuals of unimodal and multimodal predictions, by argument name."""
    return {
        "unimodal_variance": squared_residuals(as_numpy(unimodal), targets),
        "multimodal_variance": squared_residuals(as_numpy(multimodal), targets),
    }
