"""What a table says when even weights of planted reliability do not help."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from repro.metrics.scores import known_metric
from repro.tables.labels import VERSUS
from repro.tables.rows import Entry
from repro.tables.texts import SIGNIFICANT

ORACLE, POSTERIOR = "oracle", "posterior"
ORACLE_NOTE = (
    "planted reliability = 1 or 0, unscaled, as the simulation made a modality of an "
    "instance: what leaving out the unreliable ones is worth; "
    "posterior reliability = the best guess of that from all that the modalities show"
)


def oracle_notes(
    references: Mapping[str, tuple[str, str]], differences: Sequence[Entry]
) -> list[str]:
    """A note for every oracle row that gains nothing over what it is set against.

    `references` has its name and that of the other, by oracle row. A gain is a
    difference in the better direction, in any tested metric, whose Holm-adjusted p is
    below 0.05; one whose own p alone is has a note of its own. A row without tests has
    none.

    >>> gain = Entry("oracle", "oracle", "mae_vs_moe", mean=-0.1, p=0.2, p_holm=0.4)
    >>> oracle_notes({"oracle": ("oracle", "MoE")}, [gain])[0][:25]
    'oracle: no gain over MoE,'
    """
    notes = []
    for row, (name, reference) in references.items():
        own = [e for e in differences if e.row == row and e.p_holm is not None]
        if not own or any(is_gain(entry) for entry in own):
            continue
        if any(is_gain(replace(entry, p_holm=entry.p)) for entry in own):
            notes.append(
                f"{name}: gains over {reference} by its own interval, not after Holm, "
                "so that such rows hardly show a good weighting"
            )
            continue
        notes.append(
            f"{name}: no gain over {reference}, so that such rows cannot tell a good "
            "weighting from a bad one"
        )
    return notes


def is_gain(entry: Entry) -> bool:
    """Whether a tested difference is significant and in the better direction.

    Raises:
        ValueError: it is no difference of a known metric.

    >>> is_gain(Entry("a", "a", "mae_vs_moe", mean=-0.1, p_holm=0.01))
    True
    >>> is_gain(Entry("a", "a", "auroc_vs_moe", mean=-0.1, p_holm=0.01))
    False
    """
    metric = known_metric(entry.metric.partition(VERSUS)[0])
    if metric is None or VERSUS not in entry.metric:
        raise ValueError(f"{entry.row}: {entry.metric} is no difference of a metric")
    if entry.mean is None or entry.p_holm is None or entry.p_holm >= SIGNIFICANT:
        return False
    return entry.mean < 0 if metric.lower_is_better else entry.mean > 0
