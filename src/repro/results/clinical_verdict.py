"""What may be said about a number of the clinical side beside the printed one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from repro.results.verdict import (
    MINIMUM_RUNS,
    PAPER_ALPHA,
    PAPER_SETTINGS,
    Verdict,
    compared,
)

COMPLETE = "icu_complete"
PAPER_VERSION = "2.2-like"
PAPER_COUNTS = (1465, 2342, 923, 448)  # stays by class, complete (BTW Table 2)
PAPER_STAYS = 35131  # all stays; the paper prints no count, the released code gives it
PAPER_MODALITIES = ("timeseries", "text", "cxr", "ecg")
PAPER_TEXT = ("transformer", "emilyalsentzer/Bio_ClinicalBERT")
PAPER_DIMS = MappingProxyType({"text": 768, "cxr": 1024, "ecg": 256})
# Rules of params.yaml that decide which stays there are and what they hold.
PAPER_RULES: Mapping[str, str | float] = MappingProxyType(
    {
        "time_policy": "charttime",
        "variables": "published",
        "deaths": "keep",
        "labs_without_admission": "drop",
        "min_los_days": 2.0,
    }
)
# The published hyper-parameters; epochs and batch are those of the clinical side.
PAPER_CLINICAL: Mapping[str, int | str] = MappingProxyType(
    {**PAPER_SETTINGS, "epochs": 8, "batch": 32}
)


@dataclass(frozen=True)
class CohortFacts:
    """Where the stays come from and by which rules they were taken.

    `counts` are the stays of each class, all splits together. No `views` means that
    X-rays of every view are kept.
    """

    cohort: str
    simulated: bool
    source: str
    version: str
    variables: str
    time_policy: str
    deaths: str
    labs_without_admission: str
    min_los_days: float
    views: Sequence[str]
    split: str
    evaluation: str
    counts: Sequence[int]

    @property
    def is_cross_validated(self) -> bool:
        """Whether every stay is tested once, each fold by a model of its own."""
        return self.evaluation == "grouped_cv"


@dataclass(frozen=True)
class ClinicalFacts:
    """What decides whether a run can be set beside the paper.

    `dims` is the width of the features of each modality. `settings` are the values in
    force of the names in `PAPER_CLINICAL`. `alpha` is None for a method without one.
    """

    cohort: CohortFacts
    modalities: Sequence[str]
    dims: Mapping[str, int]
    missing: str
    count_absent: bool
    preset: str
    settings: Mapping[str, int | str]
    text_encoder: str
    text_weights: str
    n: int
    alpha: float | None = None


def clinical_verdict(
    facts: ClinicalFacts,
    mean: float,
    sd: float | None,
    published_mean: float,
    published_sd: float | None,
    decimals: int,
) -> Verdict | None:
    """The verdict on one number; None on simulated data, which never gets one."""
    if facts.cohort.simulated:
        return None
    failing = next(_failing_conditions(facts), None)
    if failing is not None:
        return Verdict("not comparable", failing)
    return compared(facts.n, mean, sd, published_mean, published_sd, decimals)


def count_verdict(facts: CohortFacts, count: int, published: int) -> Verdict | None:
    """The verdict on a number of stays (Table 2), which has no spread.

    None on simulated data.
    """
    if facts.simulated:
        return None
    failing = next(_failing_rules(facts), None)
    if failing is not None:
        return Verdict("not comparable", failing)
    if count == published:
        return Verdict("reproduced")
    return Verdict("higher" if count > published else "lower")


def _failing_rules(facts: CohortFacts) -> Iterator[str]:
    """Why the stays cannot be those of the paper, whatever their number."""
    if facts.simulated:
        yield "the data are simulated"
    if facts.source != "mimiciv":
        yield f"source {facts.source}, paper mimiciv"
    if facts.version != PAPER_VERSION:
        yield f"release {facts.version}, paper {PAPER_VERSION}"
    for name, published in PAPER_RULES.items():
        value = getattr(facts, name)
        if value != published:
            yield f"{name.replace('_', ' ')} {value}, paper {published}"
    if facts.views:
        yield f"X-ray views {', '.join(facts.views)}, paper all"


def _failing_conditions(facts: ClinicalFacts) -> Iterator[str]:
    """Every condition that fails, in the order in which they are reported."""
    cohort = facts.cohort
    yield from _failing_rules(cohort)
    if cohort.evaluation != "holdout":
        yield f"evaluation {cohort.evaluation}, paper holdout"
    yield from _failing_counts(cohort)
    if cohort.split != "published":
        yield f"split by {cohort.split}, paper by stay"
    if tuple(facts.modalities) != PAPER_MODALITIES:
        printed = ", ".join(PAPER_MODALITIES)
        yield f"modalities {', '.join(facts.modalities)}, paper {printed}"
    for modality, features in PAPER_DIMS.items():
        found = facts.dims.get(modality, "none")
        if found != features:
            yield f"{modality} features {found}, paper {features}"
    published_absence = facts.missing == "zero" and facts.count_absent
    if cohort.cohort != COMPLETE and not published_absence:
        yield f"absent modalities by {facts.missing}, paper counts them as zeros"
    yield from _failing_settings(facts)


def _failing_counts(cohort: CohortFacts) -> Iterator[str]:
    found = tuple(cohort.counts)
    if cohort.cohort == COMPLETE and found != PAPER_COUNTS:
        yield f"stays by class {_slashed(found)}, paper {_slashed(PAPER_COUNTS)}"
    if cohort.cohort != COMPLETE and sum(found) != PAPER_STAYS:
        yield f"{sum(found)} stays, released code {PAPER_STAYS}"


def _failing_settings(facts: ClinicalFacts) -> Iterator[str]:
    if facts.preset != "paper":
        yield f"preset {facts.preset}, not paper"
    for name, printed in PAPER_CLINICAL.items():
        value = facts.settings.get(name, "none")
        if value != printed:
            yield f"{name} {value}, paper {printed}"
    if facts.alpha not in (None, PAPER_ALPHA):
        yield f"alpha {facts.alpha:g}, paper {PAPER_ALPHA:g}"
    if (facts.text_encoder, facts.text_weights) != PAPER_TEXT:
        found = f"{facts.text_encoder} {facts.text_weights}"
        yield f"text encoder {found}, paper {' '.join(PAPER_TEXT)}"
    if facts.n < MINIMUM_RUNS:
        yield f"{facts.n} seed(s), at least {MINIMUM_RUNS} needed"


def _slashed(counts: Sequence[int]) -> str:
    return "/".join(str(count) for count in counts)
