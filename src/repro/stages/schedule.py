"""Stages side by side: each after those that make what it reads, once more if it fails.

Where they run is the business of an executor: forks of this process, or jobs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from repro.params import Params
from repro.stages.graph import Stage
from repro.stages.known import Known, slug
from repro.stages.progress import Display, progress_of, shown

LOGS = Path("build/logs")


@dataclass(frozen=True)
class Ended:
    """How a stage ended: `why` not, if it failed, and whether trying again may help."""

    name: str
    why: str | None = None
    again: bool = True


@runtime_checkable
class Executor(Protocol):
    """Where stages run, and how many at once."""

    most: int

    def start(self, stage: Stage, inputs: str) -> None:
        """Begin a stage; `inputs` is the checksum of what it reads.

        Raises:
            ValueError: no stage can be begun there.
        """

    def ended(self, seconds: float | None) -> list[Ended]:
        """What has ended, waited for at most so long; None: until something has."""

    def stop(self) -> None:
        """End everything that runs."""


@dataclass
class Run:
    """Where all stages are; `waiting` in the order in which they should start."""

    waiting: list[Stage]
    needed: Mapping[str, set[str]]
    executor: Executor
    display: Display
    known: Known | None
    running: dict[str, tuple[Stage, str]] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)
    tried: set[str] = field(default_factory=set)
    stale: set[str] = field(default_factory=set)

    def begin(self) -> None:
        """Start what can start; what is up to date counts as done."""
        while current := [s for s in self._ready() if self._is_current(s)]:
            for stage in current:
                self.waiting.remove(stage)
                self.done.add(stage.address)
                self.display.skipped(stage.address)
        for stage in self._ready()[: self.executor.most - len(self.running)]:
            self.waiting.remove(stage)
            inputs = self.known.inputs(stage) if self.known else ""
            self.executor.start(stage, inputs)
            self.running[stage.address] = stage, inputs
            self.display.begun(stage.address)

    def _ready(self) -> list[Stage]:
        return [s for s in self.waiting if self.needed[s.address] <= self.done]

    def _is_current(self, stage: Stage) -> bool:
        """Asked once: what a stage reads is final when its turn comes."""
        if self.known is None or stage.address in self.stale:
            return False
        if not stage.always and self.known.is_current(stage):
            return True
        self.stale.add(stage.address)
        return False

    def wait(self) -> None:
        """Wait for what runs; a stage that fails is tried once more, and named."""
        self.display.refresh()
        for end in self.executor.ended(self.display.wait):
            stage, inputs = self.running.pop(end.name)
            if end.why is None:
                self.done.add(end.name)
                if self.known:
                    self.known.record(stage, inputs)
                self.display.ended(end.name)
            elif end.again and end.name not in self.tried:
                self.tried.add(end.name)
                keep_log(end.name)
                self.waiting.insert(0, stage)
                self.display.failed(end.name, f"{end.why}; it is tried once more")
            else:
                self.failed[end.name] = end.why
                self.display.failed(end.name, end.why)


def run(
    every: Sequence[Stage],
    executor: Executor,
    known: Known | None = None,
    settings: Params | None = None,
) -> int:
    """Run stages side by side, each after those that make what it reads.

    Of those that can start, the one that most others wait for goes first. A stage that
    `known` tells to be up to date does not run; without it all do. With `settings` the
    time that is left is told from the sizes of the training cells. Stages that need
    none of those that failed go on. Gives how many ran.

    Raises:
        ValueError: stages failed twice; names each, its last word and its log.
    """
    needed = {stage.address: needs(stage, every) for stage in every}
    awaited = {name: len(descendants(name, needed)) for name in needed}
    waiting = sorted(every, key=lambda stage: -awaited[stage.address])
    try:
        progress = progress_of(every, needed, executor.most, settings)
        with shown(progress) as display:
            state = Run(waiting, needed, executor, display, known)
            state.begin()
            while state.running:
                state.wait()
                state.begin()
    finally:
        executor.stop()
    if state.failed:
        raise ValueError(_failures(state.failed, len(state.waiting)))
    if state.waiting:
        names = ", ".join(stage.address for stage in state.waiting)
        raise ValueError(f"stages that wait for each other: {names}")
    return len(progress.ended)


def needs(stage: Stage, every: Sequence[Stage]) -> set[str]:
    """Addresses of the stages whose outputs, or parts of them, a stage reads."""
    reads = [f"{dep}/" for dep in stage.deps]
    return {
        maker.address
        for maker in every
        for out in maker.cached
        if any(r.startswith(f"{out}/") or f"{out}/".startswith(r) for r in reads)
    }


def descendants(name: str, needed: Mapping[str, set[str]]) -> set[str]:
    """Everything that waits for a stage, directly or not.

    >>> sorted(descendants("a", {"a": set(), "b": {"a"}, "c": {"b"}, "d": set()}))
    ['b', 'c']
    """
    found: set[str] = set()
    fresh = {name}
    while fresh:
        fresh = {other for other, own in needed.items() if own & fresh} - found
        found |= fresh
    return found


def log_of(name: str) -> Path:
    """What a stage reports."""
    return LOGS / f"{slug(name)}.log"


def keep_log(name: str) -> None:
    """Put the log of a try that failed aside, before the next one writes its own."""
    if log_of(name).exists():
        log_of(name).replace(log_of(name).with_suffix(".first.log"))


def failure(name: str, code: int) -> str:
    """Why a stage ended: the last line of its log, and where the rest is."""
    log = Path.cwd() / log_of(name)
    if code < 0:
        return (
            f"stage {name}: ended from outside by signal {-code}, most often for want "
            f"of memory; free some and run again ({log})"
        )
    lines = log.read_text().splitlines() if log.exists() else []
    return f"stage {name}: {lines[-1] if lines else 'it ended without a word'} ({log})"


def _failures(failed: Mapping[str, str], waiting: int) -> str:
    """All that failed, each with its reason, and how many stages wait for them."""
    rest = f"; {waiting} stages that need them did not start" if waiting else ""
    return "; ".join(failed.values()) + rest
