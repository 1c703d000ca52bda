"""Runs of the clinical cohorts: metrics over seeds, the best modality, paired F1."""

import numpy as np
from jaxtyping import Int

from repro import paths
from repro.metrics.classification import (
    classification_metrics,
    confusion_matrix,
    macro_f1,
)
from repro.metrics.grouped_bootstrap import (
    Interval,
    grouped_difference,
    grouped_interval,
)
from repro.metrics.statistics import Difference, Summary, summary
from repro.params import Params, Statistics
from repro.results.runs import Predictions, Run, cell_run

GROUP_PREFIX = "icu_"
# Metrics that set probabilities of different samples against each other.
OF_ONE_MODEL = frozenset({"auroc", "calibration_error"})


def cohort_run(params: Params, cohort: str, folder: str) -> Run:
    """The run of the cell of params.yaml that writes runs/<cohort>/<folder>.

    Raises:
        ValueError: no cell does, or its report carries another alpha than the cell.
    """
    for group, cells in params.cells.items():
        if not group.startswith(GROUP_PREFIX):
            continue
        for key, cell in cells.items():
            named = paths.cell_folder(group, key, cell)
            if cell.dataset == cohort and named == folder:
                return cell_run(params, group, key)
    raise ValueError(
        f"params.yaml: no cell of cells.{GROUP_PREFIX}* writes {folder} of {cohort}; "
        f"add one named {cohort}_{folder}"
    )


def predicted_classes(predictions: Predictions) -> Int[np.ndarray, "seeds samples"]:
    """The most probable class of each sample, the lowest on a tie."""
    return predictions.prediction.argmax(axis=-1)


def class_metrics(
    predictions: Predictions, *, is_cross_validated: bool = False
) -> dict[str, Summary]:
    """Each metric over seeds; one that some seed leaves undefined has no key.

    Cross-validated predictions have none of `OF_ONE_MODEL`: the samples of each fold
    come from a model of its own, so ranks over all of them tell folds apart, too.

    Source: Forman and Scholz 2010 (pooled folds).
    """
    left_out = OF_ONE_MODEL if is_cross_validated else frozenset()
    y = predictions.y
    per_seed = [classification_metrics(p, y) for p in predictions.prediction]
    return {
        metric: summary(np.array([found[metric] for found in per_seed]))
        for metric in per_seed[0]
        if metric not in left_out and all(metric in found for found in per_seed)
    }


def best_modality(run: Run) -> str:
    """The modality whose model has the highest mean macro-F1 on valid; first on a tie.

    Valid rows of all folds count together; a stay may be in the valid of several.
    """
    modalities = run.report["data"]["modalities"]
    scores = {m: s for m in modalities if (s := _valid_score(run, m)) is not None}
    if not scores:
        raise ValueError(
            f"{paths.run(run.dataset, run.folder)}/predictions.parquet: no method is "
            f"one of the modalities {modalities}; train it again"
        )
    return max(scores, key=scores.__getitem__)


def _valid_score(run: Run, modality: str) -> float | None:
    rows = run.table
    rows = rows[(rows["method"] == modality) & (rows["split"] == "valid")]
    if rows.empty:
        return None
    columns = [c for c in rows if str(c).startswith("p_")]
    scores = []
    for _, part in rows.groupby("seed"):
        chosen = part[columns].to_numpy().argmax(axis=1)
        y = part["y"].to_numpy(np.int64)
        scores.append(float(macro_f1(confusion_matrix(chosen, y, len(columns)))))
    return float(np.mean(scores))


def refuse_unpaired(method: Predictions, reference: Predictions) -> None:
    """Stop at two methods that cannot be compared sample by sample.

    A method without randomness has one seed and may stand beside any seeds.

    Raises:
        ValueError: samples, labels or seeds differ.
    """
    same = np.array_equal(method.id, reference.id)
    if not same or not np.array_equal(method.y, reference.y):
        raise ValueError(
            f"{method.method} and {reference.method} hold different samples; "
            "train both cells again on the same prepared data"
        )
    same = np.array_equal(method.seeds, reference.seeds)
    if not same and len(method.seeds) > 1:
        raise ValueError(
            f"{method.method} has seeds {method.seeds.tolist()}, {reference.method} "
            f"{reference.seeds.tolist()}; train both cells with the same seeds"
        )


def macro_f1_difference(
    method: Predictions, reference: Predictions, statistics: Statistics
) -> Difference:
    """Macro-F1 of a method minus that of the reference, resampled by patient.

    Units: percentage points.
    Raises:
        ValueError: samples, labels or seeds differ.
    """
    refuse_unpaired(method, reference)
    return grouped_difference(
        predicted_classes(method),
        predicted_classes(reference),
        reference.y,
        reference.group,
        classes=reference.prediction.shape[-1],
        **statistics.model_dump(),
    )


def macro_f1_interval(predictions: Predictions, statistics: Statistics) -> Interval:
    """Macro-F1 of one method with its interval over patients.

    Units: percent.
    """
    return grouped_interval(
        predicted_classes(predictions),
        predictions.y,
        predictions.group,
        classes=predictions.prediction.shape[-1],
        **statistics.model_dump(),
    )
