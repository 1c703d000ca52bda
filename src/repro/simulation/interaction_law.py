"""What can be known of planted interactions: exact, by counting over codes and tags."""

from functools import reduce
from itertools import product

import numpy as np
from jaxtyping import Float, Int

from btw.decomposition import Decomposition
from btw.interpretation import bayes_auroc
from repro.params.mechanisms import InteractionSet
from repro.simulation.interactions import tied


def codes_of_mechanisms(
    planned: InteractionSet, redrawn: float
) -> Float[np.ndarray, "mechanisms classes ..."]:
    """Probability of label and codes given each mechanism, a code axis per modality."""
    classes, modalities = planned.classes, planned.modalities
    cells = np.array(list(product(range(classes), repeat=modalities + 1)))
    y, codes = cells[:, 0], cells[:, 1:]
    shape = (classes,) * (modalities + 1)
    laws = []
    for name in planned.mechanisms:
        counts = np.zeros(shape)
        # Every label and every set of codes is as probable before codes are tied to it.
        np.add.at(counts, (y, *tied(codes, y, name, classes).T), 1 / len(cells))
        laws.append((1 - redrawn) * counts + redrawn * counts.mean(axis=0))
    return np.stack(laws)


def bayes_accuracy(planned: InteractionSet, redrawn: float) -> dict[str, float]:
    """Greatest accuracy on the rows of each mechanism, for one who knows it.

    Units: share of rows.
    """
    laws = codes_of_mechanisms(planned, redrawn)
    best = laws.max(axis=1).reshape(len(laws), -1).sum(axis=1)
    return dict(zip(planned.mechanisms, best.tolist(), strict=True))


def auroc_ceilings(planned: InteractionSet) -> dict[str, float]:
    """Greatest AUROC of any score of codes and tags for each mechanism, without noise.

    The score may use all modalities and the law, but not the label, so that it is one
    whether labels are redrawn or not; NaN where the mix lacks the mechanism.
    """
    joint = _shares(planned)[:, None] * _seen(planned)
    found = bayes_auroc(joint)
    return dict(zip(planned.mechanisms, found.tolist(), strict=True))


def posterior(
    planned: InteractionSet,
    codes: Int[np.ndarray, "samples modalities"],
    tags: Int[np.ndarray, "samples modalities"],
) -> Float[np.ndarray, "samples mechanisms"]:
    """Probability of each mechanism given the codes and tags of a row, noise left out.

    Nothing that sees no label can rank rows better.

    >>> hidden = InteractionSet(
    ...     modalities=2, classes=2, visible=0.0,
    ...     shares={"unique_m1": 0.5, "redundancy": 0.5},
    ... )
    >>> posterior(hidden, np.array([[0, 1], [1, 1]]), np.zeros((2, 2), int)).round(3)
    array([[1.   , 0.   , 0.   , 0.   ],
           [0.333, 0.   , 0.   , 0.667]])
    """
    kinds = len(planned.mechanisms)
    place = np.zeros(len(codes), dtype=np.int64)
    for column, size in [(c, planned.classes) for c in codes.T] + [
        (t, kinds) for t in tags.T
    ]:
        place = place * size + column
    joint = (_shares(planned)[:, None] * _seen(planned))[:, place].T
    return joint / joint.sum(axis=1, keepdims=True)


def joint_of(
    planned: InteractionSet, redrawn: float, modality: int = 0
) -> Float[np.ndarray, "first second classes"]:
    """Probability of the label and what two sources show: a modality, and the rest.

    A source shows codes and tags.
    """
    kinds, classes = len(planned.mechanisms), planned.classes
    laws, tags = codes_of_mechanisms(planned, redrawn), _tags(planned)
    apart = np.moveaxis(laws, 2 + modality, 2).reshape(kinds, classes, classes, -1)
    others = reduce(_beside, [tags] * (planned.modalities - 1))
    joint = np.einsum("g,gyab,gs,gt->asbty", _shares(planned), apart, tags, others)
    return joint.reshape(classes * kinds, -1, classes)


def planted_decomposition(planned: InteractionSet, redrawn: float) -> Decomposition:
    """Decomposition of a mix of two modalities whose tags show, in closed form.

    A mix of rows that need one modality each is not a mix of unique information: what
    both modalities have of it in equal parts, min(u_1, u_2), counts as redundant and,
    for each row needs the other's tag to tell which, as synergistic as well.

    Units: bits.
    Raises:
        ValueError: the set has more modalities, or its tags do not show.

    >>> shares = {"unique_m1": 0.5, "unique_m2": 0.5}
    >>> mix = InteractionSet(modalities=2, classes=2, visible=1.0, shares=shares)
    >>> planted_decomposition(mix, 0.0)
    Decomposition(unique_1=0.0, unique_2=0.0, redundancy=0.5, synergy=0.5)
    """
    if planned.modalities != 2:
        raise ValueError(
            f"modalities={planned.modalities}: the closed form is that of two sources; "
            "use btw.decomposition of joint_of"
        )
    if planned.visible != 1:
        raise ValueError(
            f"visible={planned.visible}: the closed form is that of tags that always "
            "show; use btw.decomposition of joint_of"
        )
    told = information(planned.classes, redrawn)
    parts = (told * _shares(planned)).tolist()
    one, two, synergy, redundancy = parts
    moved = min(one, two)
    return Decomposition(one - moved, two - moved, redundancy + moved, synergy + moved)


def information(classes: int, redrawn: float) -> float:
    """What the codes of one mechanism tell of the label.

    Units: bits.

    >>> information(4, 0.0), information(4, 1.0)
    (2.0, 0.0)
    """
    wrong = redrawn / classes
    p = np.array([1 - redrawn + wrong, *[wrong] * (classes - 1)])
    known = p[p > 0]
    return float(np.log2(classes) + (known * np.log2(known)).sum())


def _shares(planned: InteractionSet) -> Float[np.ndarray, " mechanisms"]:
    return np.array([planned.shares.get(name, 0.0) for name in planned.mechanisms])


def _tags(planned: InteractionSet) -> Float[np.ndarray, "mechanisms tags"]:
    """Probability of every tag of a modality given the mechanism."""
    kinds = len(planned.mechanisms)
    return planned.visible * np.eye(kinds) + (1 - planned.visible) / kinds


def _seen(planned: InteractionSet) -> Float[np.ndarray, "mechanisms outcomes"]:
    """Probability of all codes and tags given each mechanism."""
    kinds = len(planned.mechanisms)
    codes = codes_of_mechanisms(planned, 0.0).sum(axis=1).reshape(kinds, -1)
    parts = [codes, *[_tags(planned)] * planned.modalities]
    return reduce(_beside, parts)


def _beside(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.einsum("ga,gb->gab", one, other).reshape(len(one), -1)
