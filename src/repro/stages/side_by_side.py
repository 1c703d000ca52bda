"""Run every stage, side by side: `python -m repro.stages.side_by_side [--quick]`.

DVC runs one stage after another and starts a process for each, which imports for
longer than many a stage works. Here one process imports everything once and forks for
each stage, as many side by side as there are cores. Stages read and write what DVC
would have them read and write; `dvc commit` then tells DVC.
"""

from repro import process

process.prepare()

import argparse  # noqa: E402
import importlib  # noqa: E402
import multiprocessing  # noqa: E402
import multiprocessing.connection  # noqa: E402
import os  # noqa: E402
import shutil  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from collections.abc import Mapping, Sequence  # noqa: E402
from pathlib import Path  # noqa: E402

from ruamel.yaml import YAML  # noqa: E402

from repro import params, paths  # noqa: E402
from repro.params import Params  # noqa: E402
from repro.stages.graph import Stage, stages  # noqa: E402
from repro.stages.progress import Display, progress_of, shown  # noqa: E402

COPIED = ("dvc.yaml", "pipelines", "params.yaml", "presets", "none", "data/published")
OWN_FILES = ("data/raw", "data/labels", "data/weights")  # no stage writes there
# What stages import only where they need it, and that takes long.
SLOW = ("repro.cells.recipes", "repro.baselines.boosted", "repro.features.ecg_encoder")
Process = multiprocessing.process.BaseProcess


def main() -> None:
    """Run all stages here or, quickly, on the tiny preset in build/quick."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true")
    if parser.parse_args().quick:
        copied(Path.cwd(), paths.QUICK)
        os.chdir(paths.QUICK)
    every = stages(Path())
    for module in [*sorted({module_of(stage) for stage in every}), *SLOW]:
        importlib.import_module(module)
    started = time.monotonic()
    run(every, process.cores(), params.load())
    spent = time.monotonic() - started
    print(f"{len(every)} stages in {spent:.0f} s; tables: {Path.cwd()}/plots/*/*.md")
    print(f"every table and figure on one page: {Path.cwd() / paths.PAGE}")


def copied(source: Path, folder: Path) -> None:
    """Put what no stage makes into an empty folder, on the tiny preset."""
    shutil.rmtree(folder, ignore_errors=True)
    for name in COPIED:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (source / name).is_dir() else shutil.copy
        copy(source / name, folder / name)
    for name in OWN_FILES:
        if (source / name).is_dir():
            (folder / name).symlink_to((source / name).resolve())
    yaml, file = YAML(), folder / paths.PARAMS
    content = yaml.load(file)
    content["preset"] = "tiny"
    yaml.dump(content, file)


def module_of(stage: Stage) -> str:
    """The module behind `python -m`."""
    return stage.cmd.split()[2]


def run(every: Sequence[Stage], most: int, settings: Params | None = None) -> None:
    """Run stages side by side, each after those that make what it reads.

    Of those that can start, the one that most others wait for goes first. With
    `settings` the time that is left is told from the sizes of the training cells.

    Raises:
        ValueError: a stage failed; names it, its last word and its log.
    """
    needed = {stage.address: needs(stage, every) for stage in every}
    awaited = {name: len(descendants(name, needed)) for name in needed}
    waiting = sorted(every, key=lambda stage: -awaited[stage.address])
    running: dict[str, Process] = {}
    try:
        with shown(progress_of(every, needed, most, settings)) as display:
            _all(waiting, needed, running, most, display)
    finally:
        for child in running.values():
            child.terminate()
            child.join()


def _all(
    waiting: list[Stage],
    needed: Mapping[str, set[str]],
    running: dict[str, Process],
    most: int,
    display: Display,
) -> None:
    """Start what can start and wait for what runs, until nothing is left."""
    done: set[str] = set()
    while waiting or running:
        for stage in [s for s in waiting if needed[s.address] <= done]:
            if len(running) < most:
                waiting.remove(stage)
                running[stage.address] = forked(stage)
                display.progress.begin(stage.address)
        if not running:
            names = ", ".join(stage.address for stage in waiting)
            raise ValueError(f"stages that wait for each other: {names}")
        display.refresh()
        sentinels = [child.sentinel for child in running.values()]
        multiprocessing.connection.wait(sentinels, display.wait)
        for name in [n for n, child in running.items() if ended(child)]:
            if code := running.pop(name).exitcode:
                raise ValueError(failure(name, code))
            done.add(name)
            display.ended(name)


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


def forked(stage: Stage) -> Process:
    """A stage in a process of its own, started."""
    child = multiprocessing.get_context("fork").Process(
        target=_stage, args=(stage, os.getpid())
    )
    child.start()
    return child


def ended(child: Process) -> bool:
    """Whether a process has ended; its status is then known."""
    child.join(0)
    return child.exitcode is not None


def log_of(name: str) -> Path:
    """What a stage reports."""
    return Path("build/logs") / f"{name.replace('/', '-')}.log"


def failure(name: str, code: int) -> str:
    """Why a stage ended: the last line of its log, and where the rest is."""
    if code < 0:
        return (
            f"stage {name}: ended from outside by signal {-code}, most often for want "
            f"of memory; free some and run again ({Path.cwd() / log_of(name)})"
        )
    lines = log_of(name).read_text().splitlines()
    last = lines[-1] if lines else "it ended without a word"
    return f"stage {name}: {last} ({Path.cwd() / log_of(name)})"


def _stage(stage: Stage, parent: int) -> None:
    process.die_with_parent(parent)
    log_of(stage.address).parent.mkdir(parents=True, exist_ok=True)
    with log_of(stage.address).open("w") as log:
        os.dup2(log.fileno(), sys.stdout.fileno())
        os.dup2(log.fileno(), sys.stderr.fileno())
    for out in set(stage.cached) - stage.kept:  # as DVC does before a stage
        remove = shutil.rmtree if Path(out).is_dir() else Path.unlink
        if Path(out).exists():
            remove(Path(out))
    sys.argv = stage.cmd.split()[2:]
    process.run_stage(importlib.import_module(module_of(stage)).main)


if __name__ == "__main__":
    process.run_stage(main)
