"""What may be said about a number beside the printed one: conditions are data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

from repro.report import Report, tuning_note
from repro.results.published import contents
from repro.results.runs import Run

# What is known of a run or a cohort, in words; a fact that is None is not checked.
Facts = Mapping[str, str | None]
UNKNOWN = "none"


@dataclass(frozen=True)
class Condition:
    """What a fact must be, of one `method` or of all; `says` tells where it is not."""

    fact: str
    says: str = "{fact} {found}, paper {paper}"
    paper: str | None = None
    has: str | None = None
    at_least: int | None = None
    method: str | None = None

    def failing(self, facts: Facts) -> str | None:
        """The sentence, or None when it holds or has no say.

        >>> Condition("batch", paper="32").failing({"batch": "64"})
        'batch 64, paper 32'
        """
        found = facts.get(self.fact, UNKNOWN)
        if found is None or self._holds(found):
            return None
        told = {**facts, "fact": self.fact, "found": found, "paper": self.paper}
        return self.says.format_map(told)

    def _holds(self, found: str) -> bool:
        if self.has is not None:
            return self.has in found.split(", ")
        if self.at_least is not None:
            return int(found) >= self.at_least
        return self.paper is None or found == self.paper


@dataclass(frozen=True)
class Verdict:
    """`reproduced`, `higher`, `lower` or `not comparable`, then with its reason."""

    word: str
    condition: str = ""


@dataclass(frozen=True)
class Conditions:
    """All that a table of a paper asks for; `unstated` has reasons by method."""

    every: Sequence[Condition]
    unstated: Mapping[str, str]
    printed_runs: int

    def failing(self, facts: Facts, method: str = "") -> str | None:
        """Why a number cannot be set beside the paper, or None when it can."""
        if method in self.unstated:
            return self.unstated[method]
        asked = (c for c in self.every if c.method in (None, method))
        found = (condition.failing(facts) for condition in asked)
        return next((sentence for sentence in found if sentence is not None), None)


def conditions(paper: str, table: str, dataset: str) -> Conditions:
    """The conditions of a table of a paper, for one data set.

    Raises:
        ValueError: the file of the paper is missing.
    """
    told = contents(paper)["conditions"]
    rows = [
        row for name in told["tables"].get(table, ()) for row in told["lists"][name]
    ]
    return Conditions(
        every=[_condition(row, table, dataset) for row in rows],
        unstated=told["unstated"].get(table, {}),
        printed_runs=told["printed_runs"],
    )


def _condition(row: Mapping[str, Any], table: str, dataset: str) -> Condition:
    paper = row.get("paper")
    if isinstance(paper, Mapping):
        by = (table, dataset, "other")
        paper = next((paper[key] for key in by if key in paper), None)
    return Condition(**{**row, "paper": paper})


def verdict(
    asked: Conditions,
    facts: Facts,
    method: str,
    ours: tuple[float, float | None, int],
    printed: tuple[float, float | None],
    decimals: int,
) -> Verdict:
    """The verdict on a number from real data; simulated data never get one.

    `ours` is mean, sd and number of seeds, `printed` mean and sd.
    """
    failing = asked.failing(facts, method)
    if failing is not None:
        return Verdict("not comparable", failing)
    (mean, sd, n), (published, published_sd) = ours, printed
    runs = asked.printed_runs
    margin = _margin(sd, n, published_sd, runs) + 0.5 * 10.0**-decimals
    return compared(mean - published, margin * (1 + 1e-12))


def compared(difference: float, margin: float = 0.0) -> Verdict:
    """Reproduced within the margin, else higher or lower.

    >>> compared(-2.7, 2.67).word
    'lower'
    """
    if abs(difference) <= margin:
        return Verdict("reproduced")
    return Verdict("higher" if difference > 0 else "lower")


def _margin(sd: float | None, n: int, published_sd: float | None, runs: int) -> float:
    """Two standard errors of the difference; a missing sd counts as zero."""
    return 2 * sqrt((sd or 0.0) ** 2 / n + (published_sd or 0.0) ** 2 / runs)


def printed_decimals(digits: int, mean: float, sd: float | None) -> int:
    """Digits printed after the point: of the metric, without sd as few as it takes.

    >>> printed_decimals(2, 46.0, 0.0), printed_decimals(2, 46.0, None)
    (2, 0)
    >>> printed_decimals(2, 33.5, None), printed_decimals(3, 0.723, None)
    (1, 3)
    """
    if sd is not None:
        return digits
    return next(k for k in range(digits + 1) if k == digits or mean == round(mean, k))


def run_facts(
    run: Run, base: Run, method: str, n: int, alpha: float | None
) -> dict[str, str | None]:
    """What decides whether a row of a table can be set beside the paper.

    A predictor without a network has no settings; those of the unweighted model that
    the table compares with, `base`, stand for it. So do the features of a modality
    that was removed, and the sizes of experts beside a fusion that has none.
    """
    report = base.report if run.report.setup is None else run.report
    setup, data = report.setup, base.report.data
    if setup is None:
        raise ValueError(
            f"{base.folder}: holds predictors without a network only; name a trained "
            "run to compare with"
        )
    sizes = [str(report.data.sizes.get(s, 0)) for s in ("train", "valid", "test")]
    settings = _settings(report, method) or _settings(base.report, base.report.fusion)
    how = tuning_note(setup.finetune)
    dims = {**data.dims, **run.report.data.dims}
    counted = "counted" if report.count_absent else "masked"
    known: dict[str, object] = {
        **setup.training,
        **settings,
        "experts": setup.experts,
        "top_k": setup.top_k,
        "preset": setup.preset,
        "split sizes": "/".join(sizes),
        "modalities": ", ".join(data.modalities),
        "missing": report.missing,
        "absence": f"{counted} {report.missing}",
        "encoder": f"{setup.text_weights} {how}",
        "text encoder": f"{setup.text_encoder} {setup.text_weights}",
        "seeds": n,
        **{f"{name} features": width for name, width in dims.items()},
    }
    told = {name: str(value) for name, value in known.items()}
    return told | {"alpha": None if alpha is None else f"{alpha:g}"}


def _settings(report: Report, method: str) -> Mapping[str, Any]:
    """Sizes of the experts behind a method; empty if its fusion is another one."""
    found = report.methods.get(method)
    return found.settings if found and found.fusion == report.fusion else {}
