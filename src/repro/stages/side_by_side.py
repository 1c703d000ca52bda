"""Run the stages that are not up to date, side by side.

`python -m repro.stages.side_by_side [--quick]` here, or with `--executor slurm` on a
cluster. DVC runs one stage after another and starts a process for each, which imports
for longer than many a stage works. Here one process imports everything once and forks
for each stage, as many side by side as there are cores. Stages read and write what DVC
would have them read and write; `dvc commit` then tells DVC.
"""

from repro import process

process.prepare()

import argparse  # noqa: E402
import fcntl  # noqa: E402
import os  # noqa: E402
import shutil  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from collections.abc import Iterator, Sequence  # noqa: E402
from contextlib import contextmanager  # noqa: E402
from pathlib import Path  # noqa: E402

from ruamel.yaml import YAML  # noqa: E402

from repro import params, paths  # noqa: E402
from repro.cells.refusal import refuse_study  # noqa: E402
from repro.stages import known as knowing  # noqa: E402
from repro.stages import slurm  # noqa: E402
from repro.stages.forks import Forks  # noqa: E402
from repro.stages.graph import Stage, stages  # noqa: E402
from repro.stages.known import Known  # noqa: E402
from repro.stages.schedule import Executor, run  # noqa: E402
from repro.stages.slurm import MINUTES, Asked  # noqa: E402

COPIED = (
    "dvc.yaml",
    "pipelines",
    "params.yaml",
    "simulators.yaml",
    "names.yaml",
    "cells",
    "presets",
    "none",
    "data/published",
)
HERE, SLURM, PROCESSES = "local", "slurm", "processes"
OF_SLURM = ("partition", "minutes", "cpus", "memory", "gpus")
MOST = 50  # jobs of Slurm at once
FEW = 10  # stages that DVC is told of one by one (1 s of CPU each) before all at once
LOCK = Path("build/side_by_side.lock")
QUICK_LOCK = Path("build/quick.lock")  # outside the folder that a quick run empties
OWN_FILES = ("data/raw", "data/labels", "data/weights")  # no stage writes there


def main() -> None:
    """Run the stages here or, quickly, all on the tiny preset in build/quick."""
    options = read_options()
    with alone(QUICK_LOCK if options.quick else LOCK):
        if options.quick:
            copied(Path.cwd(), paths.QUICK)
            os.chdir(paths.QUICK)
        run_all(options)


def run_all(options: argparse.Namespace) -> None:
    """Run what is not up to date in this folder, tell DVC, say where tables are."""
    settings = params.load()
    refuse_study(settings)
    every = stages(Path())
    known = None if options.quick else knowing.known(Path(), every)
    started = time.monotonic()
    try:
        ran = run(every, executor_of(options, every), known, settings)
    finally:
        if known is not None:
            tell_dvc(every, known)
    spent = time.monotonic() - started
    print(f"{ran} stages in {spent:.0f} s, {len(every) - ran} were up to date")
    print(f"tables: {Path.cwd()}/plots/*/*.md")
    print(f"every table and figure on one page: {Path.cwd() / paths.PAGE}")


def read_options(words: Sequence[str] | None = None) -> argparse.Namespace:
    """The options; those of jobs only where there are jobs.

    Raises:
        ValueError: an option of jobs without an executor that has them.
    """
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("--quick", action="store_true", help="all, on the tiny preset, in build/quick")
    add("--executor", choices=(HERE, SLURM, PROCESSES), default=HERE)
    add("--jobs", type=positive, help="most at once (50 on Slurm, else the cores)")
    add("--partition", help="of Slurm")
    add("--minutes", type=positive, help=f"of each job ({MINUTES})")
    add("--cpus", type=positive, help="of each job")
    add("--memory", type=positive, help="of each job, GB")
    add("--gpus", type=positive, help="of each job")
    options = parser.parse_args(words)
    if options.executor != SLURM:
        given = [name for name in OF_SLURM if getattr(options, name) is not None]
        if given:
            raise ValueError(
                f"--{given[0]} is for Slurm; add --executor slurm or leave it out"
            )
    return options


def positive(word: str) -> int:
    """A whole number from 1, for argparse."""
    if not word.isdecimal() or int(word) < 1:
        raise argparse.ArgumentTypeError(f"{word} is no whole number from 1")
    return int(word)


def executor_of(options: argparse.Namespace, every: Sequence[Stage]) -> Executor:
    """Where the stages run.

    Raises:
        ValueError: there is no Slurm on this machine.
    """
    cores = process.cores()
    if options.executor == HERE:
        return Forks(options.jobs or cores, every)
    from repro.stages.jobs import NEAR, Jobs, Pace, stays_here

    if options.executor == SLURM:
        slurm.require()
    here = Forks(cores, [stage for stage in every if stays_here(stage)])
    given = {name: getattr(options, name) for name in OF_SLURM}
    most = MOST if options.executor == SLURM else cores
    asked = Asked(**{**given, "minutes": options.minutes or MINUTES})
    cluster, pace = ("slurm", Pace()) if options.executor == SLURM else ("local", NEAR)
    return Jobs(cluster, asked, options.jobs or most, here, pace)


@contextmanager
def alone(lock: Path = LOCK) -> Iterator[None]:
    """Keep a second run away from this folder as long as the block runs.

    Raises:
        ValueError: another one works there.
    """
    lock.parent.mkdir(exist_ok=True)
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ValueError(
                f"{Path.cwd()}: another side_by_side works here; wait for it or end it"
            ) from error
        yield


def tell_dvc(every: Sequence[Stage], known: Known) -> None:
    """Commit to DVC every stage that the journal notes and that is as it was noted.

    Raises:
        ValueError: DVC refuses; what the journal notes stays there.
    """
    noted = [stage for stage in every if known.is_noted(stage)]
    ready = [stage.address for stage in noted if known.is_current(stage)]
    if not ready:
        return
    rest = [stage for stage in every if stage.address not in ready]
    whole = len(ready) > FEW and all(known.is_current(stage) for stage in rest)
    names = [] if whole else ready
    command = [sys.executable, "-m", "dvc", "commit", "--quiet", "--force", *names]
    done = subprocess.run(command, check=False)
    if done.returncode:
        raise ValueError("dvc commit failed, as told above; mend that and run again")
    known.forget(ready)


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


if __name__ == "__main__":
    process.run_stage(main)
