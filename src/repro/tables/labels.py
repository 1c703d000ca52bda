"""What tables, methods and metrics are called, and how many digits they show."""

import re

from repro.records import SPLITS
from repro.results.titles import CLASSES

AGAINST_FUSEMOE = "macro_f1_vs_fusemoe"
AGAINST_UNWEIGHTED = "mae_vs_unweighted"
TITLES = {
    "table2": "Table 2. Stays by length of stay",
    "table3": "Table 3. Sentiment regression",
    "table4": "Table 4. Length of stay, complete modalities",
    "table5": "Table 5. Another text encoder",
    "table6": "Table 6. Smoothing factor",
    "table7": "Table 7. Length of stay, absent modalities",
    "table8": "Table 8. Length of stay without one modality, complete modalities",
    "table9": "Table 9. Length of stay without one modality, all stays",
    "table10": "Table 10. Time",
    "attribution": "Attribution. What each shortcut is worth",
    "fusions": "BTW on other fusions",
    "noise": "Noise. Added modalities that carry nothing",
    "hyperparameters": "Hyper-parameters of the MoE",
}
LABELS = {
    "mae": "MAE ↓",
    "corr": "Corr ↑",
    "acc7": "Acc-7 ↑",
    "acc5": "Acc-5 ↑",
    "acc2_has0": "Acc-2 has0 ↑",
    "acc2_non0": "Acc-2 non0 ↑",
    "f1_has0": "F1 has0 ↑",
    "f1_non0": "F1 non0 ↑",
    "mae_vs_moe": "MAE minus MoE [interval], Holm p",
    AGAINST_UNWEIGHTED: "MAE minus unweighted [interval], Holm p",
    "accuracy": "accuracy ↑",
    "macro_f1": "macro-F1 ↑",
    "weighted_f1": "weighted F1 ↑",
    "balanced_accuracy": "balanced accuracy ↑",
    AGAINST_FUSEMOE: "macro-F1 minus FuseMoE [interval], Holm p",
    "auroc": "AUROC ↑",
    "quadratic_kappa": "quadratic kappa ↑",
    "calibration_error": "calibration error ↓",
    **{f"recall_{k}": f"recall, {name} ↑" for k, name in enumerate(CLASSES)},
    "stays": "stays",
    "share": "share (%)",
    **{f"stays_{split}": split for split in SPLITS},
    "main_training_s": "main training (s)",
    "total_s": "total (s)",
    "peak_memory_mib": "peak memory (MiB)",
}
METHOD_LABELS = {
    "moe": "MoE",
    "averaged_instance": "BTW-global (KL)",
    "modality": "BTW-global (MI)",
    "instance": "BTW-local (KL)",
    "bi_level": "BTW",
    "uniform": "uniform",
}
SUFFIX_LABELS = {
    "_mae": "MAE ↓",
    "_gain": "gain ↑ [interval], Holm p",
    "_noise_share": "noise share",
}
HOLM_P = ", Holm p"  # end of the label of a tested difference
TESTED = re.compile(r"\d+ test stays of \d+ patients")
OVERHEAD = "_overhead_s"  # after the name of a modality
# Metrics of a second table in the same block, so that neither is too wide.
DETAILS = frozenset(
    {
        "auroc",
        "quadratic_kappa",
        "calibration_error",
        *(f"recall_{k}" for k in range(len(CLASSES))),
    }
)
PERCENT = frozenset(
    {
        *("accuracy", "macro_f1", "weighted_f1", "balanced_accuracy"),
        *(f"recall_{k}" for k in range(len(CLASSES))),
        AGAINST_FUSEMOE,
    }
)


def size_note(stays: int, patients: int) -> str:
    """The note that stands in the title of a clinical table.

    >>> TESTED.fullmatch(size_note(31, 24)) is not None
    True
    """
    return f"{stays} test stays of {patients} patients"


def metric_label(metric: str) -> str:
    """Column heading of a metric.

    >>> metric_label("text_overhead_s"), metric_label("instance_gain")
    ('text (s)', 'BTW-local (KL) gain ↑ [interval], Holm p')
    """
    if metric in LABELS:
        return LABELS[metric]
    if metric.endswith(OVERHEAD):
        return f"{metric.removesuffix(OVERHEAD)} (s)"
    for suffix, label in SUFFIX_LABELS.items():
        method = metric.removesuffix(suffix)
        if method != metric and method in METHOD_LABELS:
            return f"{METHOD_LABELS[method]} {label}"
    raise ValueError(f"metric {metric!r} has no label; add it to labels.LABELS")


def digits(metric: str) -> int:
    """Digits shown after the point.

    >>> digits("mae"), digits("macro_f1"), digits("stays"), digits("total_s")
    (3, 2, 0, 1)
    """
    if metric.startswith("stays"):
        return 0
    if metric.endswith(("_s", "_mib")) or metric == "share":
        return 1
    percent = metric in PERCENT or metric.startswith(("acc", "f1"))
    return 2 if percent else 3
