"""What may be said about a number beside the printed one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import sqrt
from types import MappingProxyType

PUBLISHED_RUNS = 3  # inferred from which averages 686 clips allow; not stated
MINIMUM_RUNS = 3

# Split sizes and frame features of the aligned MulT / MMSA files the paper used.
PAPER_SIZES = MappingProxyType({"mosi": (1284, 229, 686), "mosei": (16326, 1871, 4659)})
PAPER_DIMS = MappingProxyType(
    {
        "mosi": MappingProxyType({"audio": 5, "video": 20}),
        "mosei": MappingProxyType({"audio": 74, "video": 35}),
    }
)
PAPER_ENCODER = "bert-base-uncased"
PAPER_SETTINGS = MappingProxyType({"experts": 16.0, "top_k": 2.0, "alpha": 0.5})


@dataclass(frozen=True)
class Facts:
    """What decides whether a run can be set beside the paper.

    `settings` are the experts, top_k and alpha in force; alpha is left out for a
    method without one and for a table that varies it.
    """

    dataset: str
    simulated: bool
    sizes: Mapping[str, int]
    dims: Mapping[str, int]
    preset: str
    encoder_weights: str
    finetuned: bool
    n: int
    settings: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """`reproduced`, `higher`, `lower` or `not comparable`, then with its reason."""

    word: str
    condition: str = ""


def verdict(
    facts: Facts,
    mean: float,
    sd: float | None,
    published_mean: float,
    published_sd: float | None,
    decimals: int,
) -> Verdict | None:
    """The verdict on one number; None on simulated data, which never gets one.

    Reproduced means |ours - published| <= 2 sqrt(sd^2/n + sd_published^2/3) plus half
    of the last printed digit. A missing sd counts as zero.
    """
    if facts.simulated:
        return None
    failing = first_failing_condition(facts)
    if failing is not None:
        return Verdict("not comparable", failing)
    variance = (sd or 0.0) ** 2 / facts.n + (published_sd or 0.0) ** 2 / PUBLISHED_RUNS
    margin = 2 * sqrt(variance) + 0.5 * 10.0**-decimals
    difference = mean - published_mean
    if abs(difference) <= margin * (1 + 1e-12):
        return Verdict("reproduced")
    return Verdict("higher" if difference > 0 else "lower")


def first_failing_condition(facts: Facts) -> str | None:
    """Why a run cannot be set beside the paper, or None when it can."""
    return next(_failing_conditions(facts), None)


def _failing_conditions(facts: Facts) -> Iterator[str]:
    """Every condition that fails, in the order in which they are reported."""
    if facts.simulated:
        yield "the data are simulated"
    sizes = tuple(facts.sizes.get(split, 0) for split in ("train", "valid", "test"))
    wanted = PAPER_SIZES.get(facts.dataset)
    if sizes != wanted:
        yield f"split sizes {_slashed(sizes)}, paper {_slashed(wanted)}"
    for modality, features in PAPER_DIMS.get(facts.dataset, {}).items():
        found = facts.dims.get(modality)
        if found != features:
            yield f"{modality} features {found or 'none'}, paper {features}"
    if facts.preset != "paper":
        yield f"preset {facts.preset}, not paper"
    for name, value in facts.settings.items():
        if value != PAPER_SETTINGS[name]:
            yield f"{name} {value:g}, paper {PAPER_SETTINGS[name]:g}"
    if facts.encoder_weights != PAPER_ENCODER or not facts.finetuned:
        how = "fine-tuned" if facts.finetuned else "frozen"
        yield f"encoder {facts.encoder_weights} {how}, paper {PAPER_ENCODER} fine-tuned"
    if facts.n < MINIMUM_RUNS:
        yield f"{facts.n} seed(s), at least {MINIMUM_RUNS} needed"


def _slashed(sizes: tuple[int, ...] | None) -> str:
    return "none printed" if sizes is None else "/".join(str(size) for size in sizes)
