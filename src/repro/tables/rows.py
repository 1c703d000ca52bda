"""One number of a table, the block it stands in, and what is known beside it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd

from repro import paths
from repro.metrics.statistics import Difference, Summary, holm
from repro.results.runs import Run
from repro.results.verdict import PAPER_SETTINGS, Facts

NOTE_SEPARATOR = " | "
# Fields of a report in which the runs of one table have to agree.
ALIKE = (
    "training",
    "model",
    "weighting",
    "preset",
    "seeds",
    "experts",
    "top_k",
    "encoder",
    "text_encoder",
    "text_weights",
    "finetune",
)

# Columns of plots/<table>.csv in their order, with their types.
TYPES = {
    "block": "str",
    "dataset": "str",
    "source": "str",
    "protocol": "str",
    "simulated": "bool",
    "order": "int64",
    "row": "str",
    "name": "str",
    "remark": "str",
    "alpha": "float64",
    "metric": "str",
    "mean": "float64",
    "sd": "float64",
    "n": "Int64",
    "lower": "float64",
    "upper": "float64",
    "p": "float64",
    "p_holm": "float64",
    "published_mean": "float64",
    "published_sd": "float64",
    "difference": "float64",
    "verdict": "str",
    "condition": "str",
    "modalities": "str",
    "notes": "str",
}


@dataclass(frozen=True)
class Block:
    """A data set from one source under one protocol: the unit a run replaces."""

    dataset: str
    source: str
    protocol: str  # leak_free, published, switches, by_row; empty: nothing trained
    simulated: bool
    modalities: str
    notes: str

    @property
    def key(self) -> str:
        """Key of the block in metrics/*.json.

        >>> Block("mosi", "mmsa", "leak_free", False, "", "").key
        'mosi__mmsa'
        >>> Block("mosi", "mmsa", "published", False, "", "").key
        'mosi__mmsa__published'
        """
        plain = self.protocol in ("", "leak_free", "by_row")
        suffix = "" if plain else f"__{self.protocol}"
        return f"{self.dataset}__{self.source}{suffix}"


@dataclass(frozen=True)
class Entry:
    """One number of one row, ours or only printed; what is unknown is None."""

    row: str
    name: str
    metric: str
    mean: float | None = None
    sd: float | None = None
    n: int | None = None
    alpha: float | None = None
    lower: float | None = None
    upper: float | None = None
    p: float | None = None
    p_holm: float | None = None
    published_mean: float | None = None
    published_sd: float | None = None
    difference: float | None = None
    verdict: str = ""
    condition: str = ""
    remark: str = ""  # stands beside the name in the row's label, nowhere else


@dataclass(frozen=True)
class PlainTable:
    """A table of texts, and the notes under it."""

    rows: pd.DataFrame
    notes: Sequence[str]


def summary_entry(row: str, name: str, metric: str, found: Summary) -> Entry:
    """A mean over seeds without anything printed beside it."""
    return Entry(row, name, metric, mean=found.mean, sd=found.sd, n=found.n)


def difference_entry(
    row: str, name: str, metric: str, found: Difference, n: int
) -> Entry:
    """A paired difference with its interval and p."""
    return Entry(
        row,
        name,
        metric,
        mean=found.mean,
        n=n,
        lower=found.lower,
        upper=found.upper,
        p=found.p,
    )


def holm_adjusted(entries: Sequence[Entry]) -> list[Entry]:
    """The entries with Holm-adjusted p over all of them that have a p."""
    tested = [entry.p for entry in entries if entry.p is not None]
    adjusted = iter(holm(np.array(tested, dtype=np.float64)).tolist())
    return [
        entry if entry.p is None else replace(entry, p_holm=next(adjusted))
        for entry in entries
    ]


def frame(block: Block, entries: Sequence[Entry]) -> pd.DataFrame:
    """Entries of one block as a frame with the columns of plots/<table>.csv."""
    rows = pd.DataFrame([asdict(entry) for entry in entries])
    rows = rows.assign(
        block=block.key,
        dataset=block.dataset,
        source=block.source,
        protocol=block.protocol,
        simulated=block.simulated,
        modalities=block.modalities,
        notes=block.notes,
        order=range(len(rows)),
    )
    return rows[list(TYPES)].astype(TYPES)


def block_of(runs: Sequence[Run], *, varied: bool = False) -> Block:
    """The block that the runs of one data set belong to.

    `varied` is for tables whose rows differ in their switches, which each row tells.

    Raises:
        ValueError: the runs differ in source, protocol or a field of `ALIKE`.
    """
    sources = {source_of(run) for run in runs}
    protocols = {"by_row"} if varied else {protocol_of(run) for run in runs}
    if len(sources) != 1 or len(protocols) != 1:
        shown = {run.folder: (source_of(run), protocol_of(run)) for run in runs}
        raise ValueError(
            f"runs/{runs[0].dataset}: sources or protocols differ within one table "
            f"({shown}); train all of its cells again"
        )
    refuse_unlike(runs)
    return Block(
        dataset=runs[0].dataset,
        source=sources.pop(),
        protocol=protocols.pop(),
        simulated=runs[0].simulated,
        modalities=", ".join(runs[0].report["data"]["modalities"]),
        notes=joined_notes(setup_of(runs[0]), *data_notes(runs[0])),
    )


def refuse_unlike(runs: Sequence[Run]) -> None:
    """Stop at runs that were trained with different settings.

    The baselines have no settings and agree with every run.

    Raises:
        ValueError: two reports differ; the first field that does is named.
    """
    trained = [run for run in runs if not run.is_baseline]
    for run in trained[1:]:
        for field in ALIKE:
            here, first = run.report.get(field), trained[0].report.get(field)
            if here != first:
                places = [paths.run(r.dataset, r.folder) for r in (trained[0], run)]
                raise ValueError(
                    f"{places[0]} and {places[1]}: report.json, {field}: {first} and "
                    f"{here} cannot stand in one table; run dvc repro"
                )


def setup_of(run: Run) -> str:
    """Preset of a run and, where its data have text, the text encoder."""
    report = run.report
    if "text" not in report["data"]["modalities"]:
        return preset_note(report["preset"])
    encoder = report.get("text_encoder", report["encoder"])
    text = encoder_note(encoder, report["text_weights"], report["finetune"])
    return f"{preset_note(report['preset'])}, {text}"


def preset_note(preset: str) -> str:
    """Name of the preset; of the tiny one also that its numbers mean nothing.

    >>> preset_note("default")
    'preset default'
    """
    warning = " (seconds of training: the numbers mean nothing)"
    return f"preset {preset}{warning if preset == 'tiny' else ''}"


def encoder_note(encoder: str, weights: str, is_tuned: bool) -> str:
    """Text encoder, its weights, and whether they are trained along.

    >>> encoder_note("bert", "random", False)
    'text encoder bert (random, frozen)'
    """
    how = "fine-tuned" if is_tuned else "frozen"
    return f"text encoder {encoder} ({weights}, {how})"


def data_notes(run: Run) -> list[str]:
    """What the readers repaired or warned of, and how many samples are left out."""
    data = run.report["data"]
    excluded = data.get("excluded", 0)
    left_out = [f"{excluded} samples without any modality are excluded"]
    return [*data["notes"], *data["warnings"], *(left_out if excluded else [])]


def joined_notes(*notes: str) -> str:
    """Notes as one string for the csv; empty ones are left out.

    >>> joined_notes("frozen encoder", "")
    'frozen encoder'
    """
    return NOTE_SEPARATOR.join(note for note in notes if note)


def source_of(run: Run) -> str:
    """Reader of the raw files; simulated data keep their own name, whatever reads them.

    Simulated files have the layout of real ones, so their reader is a real one's.
    """
    return "simulated" if run.simulated else str(run.report["data"]["source"])


def protocol_of(run: Run) -> str:
    """leak_free, published, or the names of the switches that are on."""
    report = run.report
    if report["protocol"] == "published" or not report.get("switches"):
        return str(report["protocol"])
    return "_".join(sorted(report["switches"]))


def not_converged(run: Run, method: str) -> bool:
    """Whether the chosen epoch is the last one in more than half of the seeds."""
    report = run.report["methods"][method]
    at_end = [epoch == report["last_epoch"] for epoch in report["epochs"]]
    return 2 * sum(at_end) > len(at_end)


def facts(run: Run, n: int, alpha: float | None) -> Facts:
    """What decides whether the run can be set beside the paper."""
    report = run.report
    known = {**report, **report["model"], **report["training"]}
    return Facts(
        dataset=run.dataset,
        simulated=run.simulated,
        sizes=report["data"]["sizes"],
        dims=report["data"]["dims"],
        modalities=tuple(report["data"]["modalities"]),
        preset=report["preset"],
        encoder_weights=report["text_weights"],
        finetuned=report["finetune"],
        n=n,
        settings={name: known[name] for name in PAPER_SETTINGS},
        alpha=alpha,
    )
