"""How far many stages are and how long the others may take, on a terminal and off."""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from tqdm import tqdm

from repro.params import Params
from repro.stages.graph import Stage

# Seconds on two cores, default preset. What counts is how they compare: the stages that
# have ended tell how fast this machine and this preset are.
OF_A_METHOD, OF_A_METHOD_ON_STAYS, OF_ANOTHER_STAGE = 8.0, 16.0, 5.0
TICK = 1.0  # seconds between two looks at the clock on a terminal
_TRAIN = "repro.stages.train"
_BAR = "{n}/{total} stages |{bar}| {desc}"


def expected_seconds(stage: Stage, params: Params) -> float:
    """About how long a stage takes where and as the constants were measured."""
    words = stage.cmd.split()
    if _TRAIN not in words:
        return OF_ANOTHER_STAGE
    recipes = params.runs_of(words[-1]).values()
    return sum(
        len(recipe.trains)
        * (
            OF_A_METHOD_ON_STAYS
            if recipe.dataset in params.datasets.stays
            else OF_A_METHOD
        )
        for recipe in recipes
    )


def spoken(seconds: float) -> str:
    """A time as people say it.

    >>> spoken(41.2), spoken(89.0), spoken(150.0)
    ('41 s', '89 s', '2.5 min')
    """
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.1f} min"


@dataclass
class Progress:
    """What has begun and ended, and from it what is left.

    `expected` is in the units of `expected_seconds`, `needed` names what every stage
    waits for, and `most` run side by side.
    """

    expected: dict[str, float]
    needed: Mapping[str, set[str]]
    most: int
    started: float
    begun: dict[str, float] = field(default_factory=dict)
    ended: dict[str, float] = field(default_factory=dict)

    def begin(self, name: str) -> None:
        """A stage starts now."""
        self.begun[name] = time.monotonic()

    def skip(self, name: str) -> None:
        """A stage has nothing to do."""
        del self.expected[name]

    def fail(self, name: str) -> None:
        """A stage has failed: how long it took tells nothing."""
        del self.begun[name]

    def end(self, name: str) -> None:
        """A stage has ended now."""
        self.ended[name] = time.monotonic() - self.begun.pop(name)

    def left(self) -> float | None:
        """Seconds until all have ended; None before anything has.

        No less than all that is left shared by those that run side by side, nor than
        the longest chain of stages that wait for each other.
        """
        told = sum(self.expected[name] for name in self.ended)
        if not told:
            return None
        pace, now = sum(self.ended.values()) / told, time.monotonic()
        rest = {
            name: max(seconds * pace - (now - self.begun.get(name, now)), 0.0)
            for name, seconds in self.expected.items()
            if name not in self.ended
        }
        return max(sum(rest.values()) / self.most, longest_chain(rest, self.needed))

    def times(self) -> str:
        """Time since the start, and about how much is to come."""
        left, spent = self.left(), spoken(time.monotonic() - self.started)
        return spent if left is None else f"{spent}, about {spoken(left)} left"


def longest_chain(rest: Mapping[str, float], needed: Mapping[str, set[str]]) -> float:
    """Seconds of those stages that run one after another however many run at once.

    >>> longest_chain({"b": 2.0, "c": 1.0}, {"b": {"a"}, "c": {"b"}})
    3.0
    """
    found: dict[str, float] = {}

    def until(name: str) -> float:
        if name not in found:
            before = [until(other) for other in needed[name] if other in rest]
            found[name] = rest[name] + max(before, default=0.0)
        return found[name]

    return max((until(name) for name in rest), default=0.0)


@dataclass
class Display:
    """A bar that moves on a terminal, plain lines elsewhere."""

    progress: Progress
    bar: tqdm | None = None

    @property
    def wait(self) -> float | None:
        """Seconds after which to look again; None: when something happens."""
        return None if self.bar is None else TICK

    def begun(self, name: str) -> None:
        """A stage starts now."""
        self.progress.begin(name)

    def skipped(self, name: str) -> None:
        """A stage is up to date, and no longer counted."""
        self.progress.skip(name)
        if self.bar is not None:
            self.bar.total = len(self.progress.expected)

    def failed(self, name: str, why: str) -> None:
        """Tell at once that a stage has failed."""
        self.progress.fail(name)
        tqdm.write(why, file=sys.stdout)

    def refresh(self) -> None:
        """Show the time and what runs."""
        if self.bar is not None:
            running = ", ".join(name.rpartition(":")[2] for name in self.progress.begun)
            self.bar.set_description_str(f"{self.progress.times()}: {running}")

    def ended(self, name: str) -> None:
        """Tell that a stage has ended."""
        self.progress.end(name)
        if self.bar is not None:
            self.bar.update()
            self.refresh()
            return
        count, total = len(self.progress.ended), len(self.progress.expected)
        print(f"{count}/{total} {name} ({self.progress.times()})", flush=True)


@contextmanager
def shown(progress: Progress) -> Iterator[Display]:
    """The progress on standard output, as long as the block runs."""
    if not sys.stdout.isatty():
        yield Display(progress)
        return
    total = len(progress.expected)
    with tqdm(total=total, file=sys.stdout, bar_format=_BAR, dynamic_ncols=True) as bar:
        display = Display(progress, bar)
        display.refresh()
        yield display


def progress_of(
    every: Sequence[Stage],
    needed: Mapping[str, set[str]],
    most: int,
    params: Params | None = None,
) -> Progress:
    """The progress of stages none of which has begun; without params all are alike."""
    expected = {
        stage.address: 1.0 if params is None else expected_seconds(stage, params)
        for stage in every
    }
    return Progress(expected, needed, most, time.monotonic())
