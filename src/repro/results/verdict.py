"""What may be said about a number beside the printed one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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
# Of Table 5, and of every other table.
PAPER_ENCODERS = MappingProxyType({"table5": "microsoft/deberta-v3-base"})
PAPER_ENCODER = "bert-base-uncased"
PAPER_ALPHA = 0.5
# The published hyper-parameters, as a report spells them (BTW app. F).
PAPER_SETTINGS: Mapping[str, int | str] = MappingProxyType(
    {
        "experts": 16,
        "top_k": 2,
        "expert_hidden": 512,
        "layers": 3,
        "router": "per_modality",
        "gate": "laplace",
        "epochs": 40,
        "batch": 32,
    }
)


@dataclass(frozen=True)
class Facts:
    """What decides whether a run can be set beside the paper.

    `settings` are the values in force of the names in `PAPER_SETTINGS`. `alpha` is
    None for a method without one and for a table that varies it.
    """

    dataset: str
    simulated: bool
    sizes: Mapping[str, int]
    dims: Mapping[str, int]
    modalities: Sequence[str]
    preset: str
    encoder_weights: str
    finetuned: bool
    n: int
    settings: Mapping[str, int | str]
    alpha: float | None = None
    paper_encoder: str = PAPER_ENCODER


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
    return compared(facts.n, mean, sd, published_mean, published_sd, decimals)


def compared(
    n: int,
    mean: float,
    sd: float | None,
    published_mean: float,
    published_sd: float | None,
    decimals: int,
) -> Verdict:
    """The verdict on a mean over `n` seeds that may be set beside the printed one.

    >>> compared(3, 43.1, 1.5, 43.67, 2.31, 2)
    Verdict(word='reproduced', condition='')
    """
    variance = (sd or 0.0) ** 2 / n + (published_sd or 0.0) ** 2 / PUBLISHED_RUNS
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
    if "text" not in facts.modalities:
        yield f"modalities {', '.join(facts.modalities)}, paper has text"
    for modality, features in PAPER_DIMS.get(facts.dataset, {}).items():
        found = facts.dims.get(modality)
        if found != features:
            yield f"{modality} features {found or 'none'}, paper {features}"
    if facts.preset != "paper":
        yield f"preset {facts.preset}, not paper"
    for name, printed in PAPER_SETTINGS.items():
        value = facts.settings.get(name, "none")
        if value != printed:
            yield f"{name} {value}, paper {printed}"
    if facts.alpha not in (None, PAPER_ALPHA):
        yield f"alpha {facts.alpha:g}, paper {PAPER_ALPHA:g}"
    wanted_encoder = facts.paper_encoder
    if facts.encoder_weights != wanted_encoder or not facts.finetuned:
        how = "fine-tuned" if facts.finetuned else "frozen"
        ours = f"encoder {facts.encoder_weights} {how}"
        yield f"{ours}, paper {wanted_encoder} fine-tuned"
    if facts.n < MINIMUM_RUNS:
        yield f"{facts.n} seed(s), at least {MINIMUM_RUNS} needed"


def _slashed(sizes: tuple[int, ...] | None) -> str:
    return "none printed" if sizes is None else "/".join(str(size) for size in sizes)
