"""What the columns of a table are called, in which order, and with how many digits."""

import re
from collections.abc import Mapping, Sequence

from repro.metrics.scores import known_metric, metric_names
from repro.records import SPLITS

# Of explanations, in a second table.
DETAILS = {
    "told_contribution": "AUROC of contributions ↑",
    "told_effect": "AUROC of effects ↑",
    "agreement": "agreement of seeds ↑",
    "deletion": "deletion ↑",
    "named": "specialisation ↑",
    "relabelled": "by the best names ↑",
    "gap": "gap ↓",
    "total_variation": "total variation ↓",
}
# Of experts under masks.
PROBES = {
    "random_moves": "moves by noise",
    "shuffled_moves": "by other rows",
    "mean_moves": "by the mean",
    "zero_moves": "by zeros",
    "dropout_moves": "floor",
    "probe_share": "survives",
    "probe_own": "survives in its rows",
    "probe_leaning": "leaning ↑",
}
# Numbers that are no score of predictions, in the order of their columns.
LABELS = {
    "stays": "stays",
    "share": "share (%)",
    **{f"stays_{split}": split for split in SPLITS},
    "main_training_s": "main training (s)",
    "total_s": "total (s)",
    "peak_memory_mib": "peak memory (MiB)",
    "information": "information (bits)",
    "disagree_right": "disagree, right (%)",
    "disagree_wrong": "disagree, wrong (%)",
    "agree_right": "agree, right (%)",
    "agree_wrong": "agree, wrong (%)",
    "epoch_s": "train, an epoch (s)",
    "inference_s": "inference (s)",
    "parameters": "parameters",
    **DETAILS,
    **PROBES,
    "contrast": "highest weight (of 1/E)",
}
# Of them those that have two digits behind the point.
TWO_DIGITS = frozenset(
    ("disagree_right", "disagree_wrong", "agree_right", "agree_wrong")
)
SHORT = {"epoch_s": 3, "inference_s": 4}  # digits of times below a second
GAIN = "_gain"  # after the name of a method: what it is better by than the MoE
# Numbers of a method that stand in the row of a run: after the name of the method.
SUFFIX_LABELS = {
    "_mae": "MAE ↓",
    GAIN: "gain ↑ [interval] seed SE, Holm p",
    "_noise_share": "noise share",
    "_reliability": "reliability AUROC ↑",
    "_part": "",  # of a mechanism, whose name is the heading
    "_told": "AUROC ↑",
    "_rows": "accuracy in its rows (%)",
    "_follows": "follows its share ↑",
    "_survives": "survives",
    "_largest": "largest part AUROC ↑",
    "_likeness": "likeness to I2MoE",
    "_tops": "weighs most",
}
OVERHEAD = "_overhead_s"  # after the name of a modality
VERSUS = "_vs_"  # between the headline of a score and what it is set against
# Ends of the label of a difference: of a tested one both, one without p the first.
INTERVAL, HOLM_P = " [interval] seed SE", ", Holm p"
UNWEIGHTED = "unweighted"
WITHOUT_EXPERTS = "without_experts"
OWN = (UNWEIGHTED, WITHOUT_EXPERTS)  # set against the row that its code starts with
TESTED = re.compile(r"\d+ test \w+ of \d+ .+")
# What a star tells that a row differs from, where the name alone reads badly.
DIFFERS_FROM = {
    "moe": "the MoE",
    "named": "rows that have an expert",
    UNWEIGHTED: "its unweighted fusion",
    WITHOUT_EXPERTS: "the same fusion without experts",
    "outside": "what the same weights change without experts",
}


def difference_metric(headline: str, against: str) -> str:
    """Name of the difference of a headline to that of the row it is set against.

    >>> difference_metric("mae", "moe")
    'mae_vs_moe'
    """
    return f"{headline}{VERSUS}{against}"


def is_difference(metric: str) -> bool:
    """Whether a metric is set against another row.

    >>> [is_difference(name) for name in ("mae", "mae_vs_moe", "instance_gain")]
    [False, True, True]
    """
    return VERSUS in metric or metric.endswith(GAIN)


def size_note(samples: int, noun: str, groups: int, group_noun: str) -> str:
    """The note that stands in the title of a table.

    >>> size_note(31, "stays", 24, "patients")
    '31 test stays of 24 patients'
    """
    return f"{samples} test {noun} of {groups} {group_noun}"


def is_detail(metric: str) -> bool:
    """Whether a metric stands in a second table, so that neither is too wide."""
    known = known_metric(metric)
    if known is None:
        return metric in DETAILS or metric.endswith(("_rows", "_survives", "_likeness"))
    return known.is_detail


def metric_label(
    metric: str, names: Mapping[str, str], classes: Sequence[str] = ()
) -> str:
    """Column heading of a metric.

    >>> names = {"instance": "BTW-local (KL)", "moe": "MoE"}
    >>> metric_label("text_overhead_s", names), metric_label("instance_gain", names)
    ('text (s)', 'BTW-local (KL) gain ↑ [interval] seed SE, Holm p')
    >>> metric_label("mae_vs_moe", names), metric_label("recall_1", {}, ["a", "b"])
    ('MAE minus MoE [interval] seed SE, Holm p', 'recall, b ↑')
    """
    if metric in LABELS:
        return LABELS[metric]
    headline, _, against = metric.partition(VERSUS)
    known = known_metric(headline)
    if known is not None and against:
        other = names.get(against, against.replace("_", " "))
        return f"{known.title} minus {other}{INTERVAL}{HOLM_P}"
    if known is not None and known.of_each_class:
        number = int(metric.rpartition("_")[2])
        shown = classes[number] if number < len(classes) else f"class {number}"
        return known.label.replace(known.title, f"{known.title}, {shown}")
    if known is not None:
        return known.label
    if metric.endswith(OVERHEAD):
        return f"{metric.removesuffix(OVERHEAD)} (s)"
    for suffix, label in SUFFIX_LABELS.items():
        if metric.endswith(suffix):
            method = metric.removesuffix(suffix)
            return f"{names.get(method, method)} {label}".rstrip()
    raise ValueError(f"metric {metric!r} has no label; add it to labels.LABELS")


def rank(metric: str) -> int:
    """Place of a column: those without a fixed one first, differences last of a score.

    >>> rank("instance_gain") < rank("mae") < rank("corr") < rank("mae_vs_moe")
    True
    """
    scored = metric_names()
    known = known_metric(metric)
    if known is not None:
        return 1 + scored.index(known.name)
    if VERSUS in metric:
        return 1 + len(scored) + scored.index(metric.partition(VERSUS)[0])
    return 2 + 2 * len(scored) + list(LABELS).index(metric) if metric in LABELS else 0


def digits(metric: str) -> int:
    """Digits shown after the point.

    >>> digits("mae_vs_moe"), digits("macro_f1"), digits("stays"), digits("total_s")
    (3, 2, 0, 1)
    """
    known = known_metric(metric.partition(VERSUS)[0])
    if known is not None:
        return known.digits
    if metric.startswith("stays") or metric == "parameters":
        return 0
    if metric in TWO_DIGITS:
        return 2
    if metric in SHORT:
        return SHORT[metric]
    return 1 if metric.endswith(("_s", "_mib", "_rows")) or metric == "share" else 3
