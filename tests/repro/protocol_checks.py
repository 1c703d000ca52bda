"""Everything that a trained study says, compared bit for bit after a relabeling."""

import numpy as np

from repro.cells import fits
from repro.cells.result import Result
from repro.cells.study import Study
from repro.training.weighting.evidence import unimodal_variance
from tests.repro.small_study import ALL_METHODS, Trained, relabeled, trained

FIXED = {"selection": "last", "multimodal_variance": "train"}


def arrays_of(result: Result) -> dict[str, np.ndarray]:
    """Everything that a result says: predictions, weights, epochs, checkpoint."""
    named = {f"predictions.{s}": p for s, p in result.predictions.items()}
    named |= {f"weights.{s}": w for s, w in result.weights.items()}
    named |= {f"checkpoint.{n}": a for n, a in result.checkpoint.items()}
    named["epochs"] = np.array(result.epochs)
    rows = [list(row.values())[2:] for row in result.trajectory]
    named["trajectory"] = np.array([[str(v) for v in row] for row in rows])
    return {f"{result.method}.{name}": array for name, array in named.items()}


def everything(study: Study, models: Trained) -> dict[str, np.ndarray]:
    """Arrays of all results, and the variances behind the weights."""
    named = {}
    for result in (*models.unimodal, models.unweighted, *models.weighted.values()):
        named |= arrays_of(result)
    for position, seed in enumerate(study.seeds):
        plan = fits.plan(study, "instance")
        rows = np.concatenate([study.rows["train"], study.rows["valid"]])
        variance = unimodal_variance(models.evidence, plan, position)
        if variance is not None:
            one = variance.ndim == 1
            named[f"variance.{seed}"] = variance if one else variance[rows]
    return named


def changed(
    study: Study,
    split: str,
    methods: tuple[str, ...] = ALL_METHODS,
    known: Trained | None = None,
) -> set[str]:
    """Names of what differs in any bit once the labels of a split are permuted."""
    before = everything(study, known or trained(study, methods))
    other = relabeled(study, split)
    after = everything(other, trained(other, methods))
    assert before.keys() == after.keys()
    return {n for n in before if before[n].tobytes() != after[n].tobytes()}
