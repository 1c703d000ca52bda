"""The few forms of a sentence about a difference; none comes without its numbers."""

from dataclasses import dataclass

from repro.findings.comparisons import Comparison
from repro.results.comparing import LEAST_SEEDS
from repro.tables.texts import SIGNIFICANT, p_text

# What a claim takes beside the difference, and what is said where it is missing.
TAKEN = {
    "lower": "no interval",
    "upper": "no interval",
    "se_seeds": "no seed standard error",
    "p_holm": "no p",
}


@dataclass(frozen=True)
class Tested:
    """The numbers of a claim, none of which may be missing."""

    mean: float
    lower: float
    upper: float
    n: int
    se_seeds: float
    p_holm: float

    @property
    def is_significant(self) -> bool:
        """Whether the adjusted p decides for a difference."""
        return self.p_holm < SIGNIFICANT


def untested(found: Comparison) -> str:
    """Why no claim can be made, or nothing where one can.

    Raises:
        ValueError: the difference itself is missing, or bounds are in disorder.
    """
    numbers = found.numbers
    if "mean" not in numbers or "n" not in numbers:
        raise ValueError(
            f"{found.where}: holds {sorted(numbers)}, without mean or n; write the "
            "table again"
        )
    if numbers["n"] < LEAST_SEEDS:
        return "one seed"
    for name, says in TAKEN.items():
        if name not in numbers:
            return says
    if not numbers["lower"] <= numbers["mean"] <= numbers["upper"]:
        raise ValueError(
            f"{found.where}: mean {numbers['mean']} lies outside [{numbers['lower']}, "
            f"{numbers['upper']}]; write the table again"
        )
    return ""


def sentence(found: Comparison) -> str:
    """What one comparison says: worse or better, no difference seen, or not tested.

    Where no direction is better: higher or lower.
    """
    if found.is_change:
        return _change(found)
    pair, title = f"{found.subject} and {found.reference}", found.metric.title
    if reason := untested(found):
        difference = _signed(found, found.numbers["mean"])
        return f"{pair}: not tested ({reason}); {title} {difference}."
    numbers = _tested(found)
    if not numbers.is_significant:
        told = f"{title} {_with_interval(found, numbers)}, {_evidence(found, numbers)}"
        return f"No difference seen between {pair}: {told}{_beside(numbers)}."
    word = "better" if is_better(found) else "worse"
    if found.metric.is_neutral:
        word = "higher" if numbers.mean > 0 else "lower"
    told = f"{_size(found, numbers)} ({_evidence(found, numbers)})"
    return f"{found.subject} is {word} than {found.reference} by {told}."


def control_sentence(control: Comparison) -> str:
    """What the oracle of a table shows, and so what the table can show."""
    if control.is_change:
        return f"Control: {_change(control)}"
    start = f"Control ({control.subject}): the oracle"
    if reason := untested(control):
        return f"{start} is not tested ({reason})."
    numbers = _tested(control)
    evidence = _evidence(control, numbers)
    if control.metric.is_neutral:
        return _neutral_control(control, numbers)
    if numbers.is_significant and is_better(control):
        told = f"{_size(control, numbers)} ({evidence})"
        return (
            f"{start} gains {told}: the table can show a good weighting in this metric."
        )
    told = f"{control.metric.title} {_with_interval(control, numbers)}, {evidence}"
    if is_better(control) and not numbers.lower <= 0 <= numbers.upper:
        return (
            f"{start} gains by its own interval, not after Holm ({told}): the table "
            "hardly shows a good weighting in this metric."
        )
    return (
        f"{start} shows no gain here ({told}): this table cannot tell a good weighting "
        "from a bad one in this metric."
    )


def _change(found: Comparison) -> str:
    """By how much more weights change a metric inside experts than without."""
    title, start = found.metric.title, f"The change of {found.metric.title} by weights"
    of, places = f"({found.subject})", "inside experts than without"
    if reason := untested(found):
        difference = _signed(found, found.numbers["mean"])
        return f"{start} {of} {places}: not tested ({reason}); {title} {difference}."
    numbers = _tested(found)
    evidence = _evidence(found, numbers)
    if not numbers.is_significant:
        told = f"{title} {_with_interval(found, numbers)}, {evidence}"
        return (
            f"{start} {of} is not seen to be other {places}: {told}{_beside(numbers)}."
        )
    word = "higher" if numbers.mean > 0 else "lower"
    return f"{start} {of} is {word} {places} by {_size(found, numbers)} ({evidence})."


def _neutral_control(control: Comparison, numbers: Tested) -> str:
    """Whether a table can show a difference of which no direction is better."""
    start, evidence = f"Control ({control.subject}):", _evidence(control, numbers)
    if not numbers.is_significant:
        told = f"{control.metric.title} {_with_interval(control, numbers)}, {evidence}"
        return f"{start} no difference seen ({told}): this table cannot show one."
    word = "higher" if numbers.mean > 0 else "lower"
    told = f"{word} than {control.reference} by {_size(control, numbers)}"
    return f"{start} {told} ({evidence}): the table can show such a difference."


def is_better(found: Comparison) -> bool:
    """Whether the difference is an improvement, by the direction of its metric."""
    return (found.numbers["mean"] < 0) == found.is_lower_better


def is_negative(found: Comparison) -> bool:
    """Whether a test found the row worse, or no different."""
    if untested(found):
        return False
    is_good = is_better(found) or found.metric.is_neutral
    return not (_tested(found).is_significant and is_good)


def _tested(found: Comparison) -> Tested:
    numbers = found.numbers
    return Tested(
        mean=numbers["mean"],
        lower=numbers["lower"],
        upper=numbers["upper"],
        n=int(numbers["n"]),
        se_seeds=numbers["se_seeds"],
        p_holm=numbers["p_holm"],
    )


def _size(found: Comparison, numbers: Tested) -> str:
    """How much, without sign: the word before it says which way."""
    low, high = sorted((numbers.lower, numbers.upper))
    if numbers.mean < 0:
        low, high = -high, -low
    digits = found.metric.digits
    told = f"{abs(numbers.mean):.{digits}f} {found.metric.title}"
    return f"{told} [{low:.{digits}f}, {high:.{digits}f}]"


def _with_interval(found: Comparison, numbers: Tested) -> str:
    ends = ", ".join(_signed(found, end) for end in (numbers.lower, numbers.upper))
    return f"{_signed(found, numbers.mean)} [{ends}]"


def _evidence(found: Comparison, numbers: Tested) -> str:
    error = f"{numbers.se_seeds:.{found.metric.digits}f}"
    p = p_text(numbers.p_holm)
    return f"{numbers.n} seeds, seed SE {error}, Holm p {p}"


def _beside(numbers: Tested) -> str:
    """A word where the interval, which is not adjusted, alone would say otherwise."""
    holds = numbers.lower <= 0 <= numbers.upper
    return "" if holds else "; its interval alone leaves out 0"


def _signed(found: Comparison, value: float) -> str:
    return f"{value:+.{found.metric.digits}f}"
