"""Every stage on the tiny preset in build/quick: `python -m repro.stages.quick`.

DVC starts a process for each stage, which costs more there than its work. Here one
process imports everything once and forks for each stage, two side by side. What the
stages read and write is what DVC would have them read and write.
"""

from repro import process

process.prepare()

import importlib  # noqa: E402
import multiprocessing  # noqa: E402
import multiprocessing.connection  # noqa: E402
import os  # noqa: E402
import shutil  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from collections.abc import Sequence  # noqa: E402
from pathlib import Path  # noqa: E402

from ruamel.yaml import YAML  # noqa: E402

from repro import paths  # noqa: E402
from repro.stages.graph import Stage, stages  # noqa: E402

READ = ("dvc.yaml", "pipelines", "params.yaml", "presets", "data/published")
PRESET = "tiny"


def main() -> None:
    """Copy what stages read, run them all, say where the tables are."""
    folder = paths.QUICK
    copied(Path.cwd(), folder)
    os.chdir(folder)
    waiting = stages(Path())
    modules = sorted({module_of(stage) for stage in waiting})
    for module in [*modules, "repro.cells.recipes", "repro.features.ecg_encoder"]:
        importlib.import_module(module)
    started = time.monotonic()
    run(waiting, len(os.sched_getaffinity(0)))
    spent = time.monotonic() - started
    print(f"{len(waiting)} stages in {spent:.0f} s; tables: {folder}/plots/*/*.md")


def copied(source: Path, folder: Path) -> None:
    """Put what no stage makes into an empty folder, on the tiny preset."""
    shutil.rmtree(folder, ignore_errors=True)
    for name in READ:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        is_folder = (source / name).is_dir()
        copy = shutil.copytree if is_folder else shutil.copy
        copy(source / name, folder / name)
    yaml, file = YAML(), folder / paths.PARAMS
    content = yaml.load(file)
    content["preset"] = PRESET
    yaml.dump(content, file)


def module_of(stage: Stage) -> str:
    """The module behind `python -m`."""
    return stage.cmd.split()[2]


def run(every: Sequence[Stage], most: int) -> None:
    """Run stages side by side, each after those that make what it reads.

    Raises:
        ValueError: a stage failed; names it and its log.
    """
    needed = {stage.address: needs(stage, every) for stage in every}
    waiting, done = list(every), set[str]()
    running: dict[str, multiprocessing.process.BaseProcess] = {}
    while waiting or running:
        for stage in [s for s in waiting if needed[s.address] <= done]:
            if len(running) < most:
                waiting.remove(stage)
                running[stage.address] = forked(stage)
        sentinels = {process.sentinel: name for name, process in running.items()}
        for sentinel in multiprocessing.connection.wait(list(sentinels)):
            name = sentinels[sentinel]  # type: ignore[index]
            ended = running.pop(name)
            ended.join()
            if ended.exitcode:
                raise ValueError(failure(name))
            done.add(name)
            print(f"{len(done)}/{len(every)} {name}", flush=True)


def needs(stage: Stage, every: Sequence[Stage]) -> set[str]:
    """Addresses of the stages whose outputs, or parts of them, a stage reads."""
    reads = [f"{dep}/" for dep in stage.deps]
    return {
        maker.address
        for maker in every
        for out in maker.cached
        if any(r.startswith(f"{out}/") or f"{out}/".startswith(r) for r in reads)
    }


def forked(stage: Stage) -> multiprocessing.process.BaseProcess:
    """A stage in a process of its own, started."""
    context = multiprocessing.get_context("fork")
    child = context.Process(target=_stage, args=(stage, os.getpid()))
    child.start()
    return child


def log_of(name: str) -> Path:
    """What a stage reports."""
    return Path("logs") / f"{name.replace('/', '-')}.log"


def failure(name: str) -> str:
    """The last line of a stage's log, and where the rest is."""
    lines = log_of(name).read_text().splitlines()
    last = lines[-1] if lines else "it said nothing"
    return f"stage {name}: {last} ({paths.QUICK / log_of(name)})"


def _stage(stage: Stage, parent: int) -> None:
    process.die_with_parent(parent)
    log_of(stage.address).parent.mkdir(exist_ok=True)
    with log_of(stage.address).open("w", buffering=1) as log:
        os.dup2(log.fileno(), sys.stdout.fileno())
        os.dup2(log.fileno(), sys.stderr.fileno())
    sys.argv = stage.cmd.split()[2:]
    process.run_stage(importlib.import_module(module_of(stage)).main)


if __name__ == "__main__":
    process.run_stage(main)
