"""One score per kind of task: its metrics, its headline, and how methods compare."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from jaxtyping import Float

from repro.metrics.bootstrap import Statistic
from repro.metrics.classification import (
    CALIBRATION_BINS,
    accuracy,
    classification_metrics,
    confusion_matrix,
    macro_f1,
    weighted_f1,
)
from repro.metrics.log_loss import log_losses
from repro.metrics.multilabel import (
    headline_f1,
    multilabel_metrics,
    multilabel_statistics,
)
from repro.metrics.regression import sentiment_metrics
from repro.metrics.resampling import (
    auroc_statistic,
    confusion_statistic,
    mean_statistic,
)

# Statistics of a method by name, from its predictions, the labels and the groups.
Statistics = Callable[[np.ndarray, np.ndarray, np.ndarray], dict[str, Statistic]]


@dataclass(frozen=True)
class Metric:
    """What a metric is called in a heading and how many digits it shows.

    `name` of a metric of each class ends in its number: recall_0. `about` says below a
    table what it is, where its title does not. A detail stands in a table of its own.
    Ranks over samples of several models mean nothing, so that cross-validated runs have
    no metric that is `of_one_model`. Of a neutral one neither direction is better.
    """

    name: str
    title: str
    digits: int
    about: str = ""
    lower_is_better: bool = False
    is_detail: bool = False
    of_one_model: bool = False
    of_each_class: bool = False
    is_neutral: bool = False

    @property
    def label(self) -> str:
        """Title with the direction that is better, if one is.

        >>> Metric("mae", "MAE", 3, lower_is_better=True).label
        'MAE ↓'
        """
        if self.is_neutral:
            return self.title
        return f"{self.title} {'↓' if self.lower_is_better else '↑'}"


@dataclass(frozen=True)
class Score:
    """How predictions of one kind of task are measured and set against each other.

    `compute` gives the metrics of one seed; one without a value has no key.
    `headline_of` gives the metric that methods are chosen and compared by.
    `statistics` are the metrics in which methods are tested against a reference, with
    the headline first, for the bootstrap; those in `slow` take fewer resamples.
    `has_interval` says whether the headline of one method bears an interval, too.
    `about` says below a table what its units are.
    """

    metrics: tuple[Metric, ...]
    headline: Metric
    compute: Callable[[np.ndarray, np.ndarray], dict[str, float]]
    headline_of: Callable[[np.ndarray, np.ndarray], float]
    statistics: Statistics
    about: str
    slow: frozenset[str] = frozenset()
    has_interval: bool = False

    def metric(self, name: str) -> Metric | None:
        """The metric of a name, or None if the task has none such.

        >>> SCORES["classification"].metric("recall_3").title
        'recall'
        """
        whole = name.rpartition("_")[0]
        for metric in self.metrics:
            if metric.name == (whole if metric.of_each_class else name):
                return metric
        return None

    def notes(self, names: Iterable[str]) -> str:
        """What the metrics of these names are, or nothing where there is none.

        >>> REGRESSION.notes(["mae", "corr", "mae_vs_moe"])[-25:]
        'percent; Corr: of Pearson'
        >>> REGRESSION.notes(["stays"])
        ''
        """
        known = [self.metric(name) for name in names]
        shown = [metric for metric in self.metrics if metric in known]
        told = [f"{metric.title}: {metric.about}" for metric in shown if metric.about]
        return "; ".join([self.about, *told]) if shown else ""

    def best(self, values: Mapping[str, float]) -> str:
        """The name with the best headline; the first on a tie.

        >>> SCORES["regression"].best({"text": 1.0, "audio": 0.9, "video": 0.9})
        'audio'
        """
        choose = min if self.headline.lower_is_better else max
        return choose(values, key=values.__getitem__)


def mae(
    prediction: Float[np.ndarray, " samples"], y: Float[np.ndarray, " samples"]
) -> float:
    """Mean absolute error.

    Units: those of the label.
    """
    return float(np.abs(prediction - y).mean())


def regression_statistics(
    prediction: Float[np.ndarray, "seeds samples"],
    y: Float[np.ndarray, " samples"],
    group: np.ndarray,
) -> dict[str, Statistic]:
    """The error of a regression for the bootstrap.

    Units: those of the label.
    """
    return {"mae": mean_statistic(np.abs(prediction - y), group)}


def class_macro_f1(
    prediction: Float[np.ndarray, "samples classes"],
    y: Float[np.ndarray, " samples"],
) -> float:
    """Macro-F1 of the most probable classes, the lowest on a tie.

    Units: percent.
    """
    true, classes = y.astype(np.int64), prediction.shape[-1]
    return float(macro_f1(confusion_matrix(prediction.argmax(axis=-1), true, classes)))


def classification_statistics(
    prediction: Float[np.ndarray, "seeds samples classes"],
    y: Float[np.ndarray, " samples"],
    group: np.ndarray,
) -> dict[str, Statistic]:
    """The tested metrics of a classification for the bootstrap.

    Units: F1 and accuracy in percent, log-loss in nats, AUROC as a fraction.
    """
    chosen, true = prediction.argmax(axis=-1), y.astype(np.int64)
    of_confusion = {"macro_f1": macro_f1, "weighted_f1": weighted_f1}
    of_confusion["accuracy"] = accuracy
    found = {
        name: confusion_statistic(
            chosen, true, group, classes=prediction.shape[-1], of=of
        )
        for name, of in of_confusion.items()
    }
    found["auroc"] = auroc_statistic(prediction, true, group)
    found["log_loss"] = mean_statistic(log_losses(prediction, true), group)
    return found


BOTH_SIDES = "of both sides of zero, weighted by how often each is true"
MAE = Metric("mae", "MAE", 3, lower_is_better=True)
MACRO_F1 = Metric("macro_f1", "macro-F1", 2, "mean over classes")
REGRESSION = Score(
    metrics=(
        MAE,
        Metric("corr", "Corr", 3, "of Pearson"),
        Metric("acc7", "Acc-7", 2, "label and prediction alike, rounded, cut at ±3"),
        Metric("acc5", "Acc-5", 2, "the same cut at ±2"),
        Metric("acc2_has0", "Acc-2 has0", 2, "below zero against the rest"),
        Metric(
            "acc2_non0", "Acc-2 non0", 2, "above zero against the rest, labels of 0 out"
        ),
        Metric("f1_has0", "F1 has0", 2, BOTH_SIDES),
        Metric("f1_non0", "F1 non0", 2),
    ),
    headline=MAE,
    compute=sentiment_metrics,
    headline_of=mae,
    statistics=regression_statistics,
    about="MAE in units of the label, accuracies and F1 in percent",
)
CLASSIFICATION = Score(
    metrics=(
        Metric("accuracy", "accuracy", 2),
        MACRO_F1,
        Metric("weighted_f1", "weighted F1", 2, "by how often a class is true"),
        Metric("balanced_accuracy", "balanced accuracy", 2, "mean recall"),
        Metric(
            "auroc",
            "AUROC",
            3,
            "a class against the rest, mean",
            is_detail=True,
            of_one_model=True,
        ),
        Metric("log_loss", "log-loss", 3, lower_is_better=True, is_detail=True),
        Metric(
            "quadratic_kappa",
            "quadratic kappa",
            3,
            "beyond chance, by squared distance of classes",
            is_detail=True,
        ),
        Metric(
            "calibration_error",
            "calibration error",
            3,
            f"confidence against accuracy, {CALIBRATION_BINS} bins",
            lower_is_better=True,
            is_detail=True,
            of_one_model=True,
        ),
        Metric("recall", "recall", 2, is_detail=True, of_each_class=True),
    ),
    headline=MACRO_F1,
    compute=classification_metrics,
    headline_of=class_macro_f1,
    statistics=classification_statistics,
    about="accuracies, F1 and recall in percent, log-loss in nats",
    slow=frozenset({"auroc"}),
    has_interval=True,
)
MICRO_F1 = Metric("micro_f1", "micro-F1", 2)
MULTILABEL = Score(
    metrics=(
        MICRO_F1,
        MACRO_F1,
        Metric("exact_match", "exact match", 2),
        Metric("log_loss", "log-loss", 3, lower_is_better=True, is_detail=True),
    ),
    headline=MICRO_F1,
    compute=multilabel_metrics,
    headline_of=headline_f1,
    statistics=multilabel_statistics,
    about=(
        "F1 and exact match (all labels right) in percent, log-loss in nats, mean over "
        "labels; a label is predicted where its probability is above 0.5"
    ),
    has_interval=True,
)
SCORES: Mapping[str, Score] = MappingProxyType(
    {
        "regression": REGRESSION,
        "classification": CLASSIFICATION,
        "multilabel": MULTILABEL,
    }
)


# Of what a model says of itself, not of its predictions.
OF_EXPLANATIONS = (
    Metric("told", "mean AUROC of mechanisms", 3),
    Metric("top_one", "mean top-1 of mechanisms", 3),
    Metric("reliable", "mean AUROC of reliability", 3),
    Metric("largest", "mean AUROC of the largest part", 3),
    Metric("sure", "highest weight", 3, is_neutral=True),
    Metric("leaning", "leaning of uniqueness experts", 3),
    Metric("survival", "surviving share of uniqueness experts", 3, is_neutral=True),
    Metric("removal", "cost of removing the top expert (%)", 2, is_neutral=True),
)


def known_metric(name: str) -> Metric | None:
    """The metric of a name, of whatever task, or None.

    >>> known_metric("auroc").digits, known_metric("stays")
    (3, None)
    """
    found = (score.metric(name) for score in SCORES.values())
    own = (metric for metric in OF_EXPLANATIONS if metric.name == name)
    return next((metric for metric in (*found, *own) if metric is not None), None)


def metric_names() -> list[str]:
    """Names of all metrics, in the order of their columns."""
    scored = [m.name for score in SCORES.values() for m in score.metrics]
    return [*scored, *(metric.name for metric in OF_EXPLANATIONS)]
