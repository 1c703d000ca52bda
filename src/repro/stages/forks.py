"""Stages as forks of one process that has imported everything."""

import importlib
import multiprocessing
import multiprocessing.connection
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from repro import process
from repro.stages.graph import Stage
from repro.stages.schedule import Ended, failure, log_of

# What stages import only where they need it, and that takes long.
SLOW = ("repro.cells.recipes", "repro.baselines.boosted", "repro.features.ecg_encoder")
Process = multiprocessing.process.BaseProcess


@dataclass
class Forks:
    """As many forks of this process at once as `most`.

    Before the first it imports what all stages in `every` will, for forks to find.
    """

    most: int
    every: Sequence[Stage] = ()
    running: dict[str, Process] = field(default_factory=dict)

    def start(self, stage: Stage, inputs: str) -> None:
        """Fork for a stage; a fork that its maker leaves alone ends, so no `inputs`."""
        import_all(self.every)
        child = multiprocessing.get_context("fork").Process(
            target=_stage, args=(stage, os.getpid())
        )
        child.start()
        self.running[stage.address] = child

    def ended(self, seconds: float | None) -> list[Ended]:
        """What has ended, waited for no longer than that."""
        sentinels = [child.sentinel for child in self.running.values()]
        multiprocessing.connection.wait(sentinels, seconds)
        found = [name for name, child in self.running.items() if _has_ended(child)]
        return [self._end(name) for name in found]

    def _end(self, name: str) -> Ended:
        code = self.running.pop(name).exitcode
        return Ended(name, failure(name, code) if code else None)

    def stop(self) -> None:
        """End everything that runs."""
        for child in self.running.values():
            child.terminate()
            child.join()


def import_all(every: Sequence[Stage]) -> None:
    """Import what the stages will; costs nothing the second time."""
    modules = {module_of(stage) for stage in every}
    if "repro.stages.train" in modules:
        modules.update(SLOW)
    for module in sorted(modules):
        importlib.import_module(module)


def module_of(stage: Stage) -> str:
    """The module behind `python -m`."""
    return stage.cmd.split()[2]


def clear(stage: Stage) -> None:
    """Remove what an earlier run of a stage left, as DVC does before a stage."""
    for out in set(stage.cached) - stage.kept:
        remove = shutil.rmtree if Path(out).is_dir() else Path.unlink
        if Path(out).exists():
            remove(Path(out))


def _has_ended(child: Process) -> bool:
    """Whether a process has ended; its status is then known."""
    child.join(0)
    return child.exitcode is not None


def _stage(stage: Stage, parent: int) -> None:
    process.die_with_parent(parent)
    log_of(stage.address).parent.mkdir(parents=True, exist_ok=True)
    with log_of(stage.address).open("w") as log:
        os.dup2(log.fileno(), sys.stdout.fileno())
        os.dup2(log.fileno(), sys.stderr.fileno())
    clear(stage)
    sys.argv = stage.cmd.split()[2:]
    process.run_stage(importlib.import_module(module_of(stage)).main)
