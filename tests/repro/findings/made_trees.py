"""Made-up contents of metrics/*.json: numbers of differences by table."""

from typing import Any

LOSS, SCORE = "mae_vs_moe", "auroc_vs_fusemoe"


def numbers(mean: float, p_holm: float, **changes: Any) -> dict[str, float]:
    """A tested difference of six seeds."""
    told = {
        "mean": mean,
        "lower": mean - 0.02,
        "upper": mean + 0.02,
        "se_seeds": 0.004,
        "n": 6,
        "p": p_holm / 2,
        "p_holm": p_holm,
    }
    return told | changes


def tree(
    own: dict[str, float], oracle: dict[str, float] | None = None, metric: str = LOSS
) -> dict[str, Any]:
    """One block of Table 3 or 7 with a row of BTW and, if given, an oracle."""
    block = "mosi__simulated" if metric == LOSS else "icu_all__simulated"
    reference = metric.partition("_vs_")[2]
    rows: dict[str, Any] = {reference: {}, "bi_level": {metric: own}}
    if oracle is not None:
        rows["oracle"] = {metric: oracle}
    return {block: rows}
