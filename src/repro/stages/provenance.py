"""Write where a block of real numbers comes from, so that findings may state it.

python -m repro.stages.provenance mosi__table "CMU-MOSI, release of 2018"
"""

from repro import process

process.prepare()

import argparse  # noqa: E402
import platform  # noqa: E402
import subprocess  # noqa: E402
from collections.abc import Iterator, Mapping, Sequence  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

from ruamel.yaml import YAML  # noqa: E402

from repro import params, paths  # noqa: E402
from repro.data.checksums import sha256  # noqa: E402
from repro.files import read_json, write_json  # noqa: E402
from repro.findings.provenance import Provenance, place_of_block  # noqa: E402
from repro.page.provenance import (  # noqa: E402
    flat,
    folder_sum,
    raw_places,
)
from repro.params import Params  # noqa: E402
from repro.report import read_report  # noqa: E402
from repro.tables.blocks import refuse_settings, runs_of_block  # noqa: E402
from repro.tables.rows import is_simulated  # noqa: E402

ALWAYS = ("preset", "seeds", "alpha", "protocol")  # told even where they are as in git
MOST_FILES = 20  # of a folder with more, one checksum is told
_CPU = Path("/proc/cpuinfo")


def main(arguments: Sequence[str] | None = None) -> None:
    """Checksums, settings, commit and seconds of what is in this folder."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("block", help="a key of metrics/*.json: mosi__table")
    parser.add_argument("source", help="release or address of the raw files")
    parser.add_argument("--remark", default="", help="what may be compared with it")
    given = parser.parse_args(arguments)
    loaded, dataset = params.load(), given.block.split("__")[0]
    _check_block(loaded, given.block)
    runs = runs_of_block(loaded, given.block)
    _refuse_other_runs(loaded, runs)
    told = Provenance(
        source=given.source,
        checksums=checksums(loaded, dataset),
        parameters=settings(loaded, cells_of(runs)),
        commit=commit(),
        seconds=round(seconds(runs)),
        device=device(loaded),
        remark=given.remark,
    )
    write_json(place_of_block(given.block), told.model_dump())


def checksums(loaded: Params, dataset: str) -> dict[str, str]:
    """SHA-256 of the raw files of a data set and of local text encoders, by name.

    Raises:
        ValueError: the raw files are not there.
    """
    found: dict[str, str] = {}
    for raw in raw_places(loaded, dataset):
        if not raw.exists():
            raise ValueError(
                f"{raw}: raw files of {dataset} are not there; restore them"
            )
        found |= dict(_sums(raw, raw.name))
    for name, encoder in loaded.active.encoders.items():
        if Path(encoder.weights).is_dir():
            found |= dict(_sums(Path(encoder.weights), f"encoder {name}"))
    return found


def settings(loaded: Params, cells: Sequence[str]) -> dict[str, Any]:
    """What differs from the last commit in the settings, by its place, and `ALWAYS`.

    Of cells only these; what is there no longer is None.

    Raises:
        ValueError: there is no commit.
    """
    groups = dict.fromkeys(cell.partition("/")[0] for cell in cells)
    files = [
        paths.PARAMS,
        paths.SIMULATORS,
        paths.preset(loaded.preset),
        *map(paths.cells, groups),
    ]
    own = tuple(f"cells.{cell.replace('/', '.')}." for cell in cells)
    found: dict[str, Any] = {}
    for file in files:
        start = "" if file == paths.PARAMS else f"{file}:"
        before, now = dict(flat(_committed(file))), dict(flat(_content(file)))
        found |= {
            f"{start}{key}": now.get(key)
            for key in {**before, **now}
            if (before.get(key) != now.get(key) or f"{start}{key}" in ALWAYS)
            and (key.startswith(own) or not key.startswith("cells."))
        }
    return found


def commit() -> str:
    """The last commit, which the code of this folder is as of.

    Raises:
        ValueError: there is none, or code differs from it.
    """
    if changed := _git("status", "--porcelain", "--", "src"):
        raise ValueError(
            f"src: differs from the last commit ({changed.split()[-1]}); commit it, "
            "run again what it changes, then this"
        )
    return _git("rev-parse", "HEAD")


def cells_of(runs: Sequence[str]) -> list[str]:
    """The cells that train these runs, `group/key` each."""
    return list(dict.fromkeys("/".join(address.split("/")[:2]) for address in runs))


def seconds(runs: Sequence[str]) -> float:
    """CPU seconds of training of these runs."""
    times = [read_json(paths.timing(cell))["seconds"] for cell in cells_of(runs)]
    every = {address: named for own in times for address, named in own.items()}
    return sum(sum(every[address].values()) for address in runs)


def device(loaded: Params) -> str:
    """The GPU that trained, or the cores."""
    import torch

    if loaded.device != "cpu" and torch.cuda.is_available():
        return torch.cuda.get_device_name()
    lines = _CPU.read_text().splitlines() if _CPU.is_file() else []
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return f"{process.cores()} cores, {names[0] if names else platform.machine()}"


def _check_block(loaded: Params, block: str) -> None:
    known = loaded.datasets.every()
    every = {key for path in paths.METRICS.glob("*.json") for key in read_json(path)}
    real = sorted(
        key
        for key in every
        if key.split("__")[0] in known and "__" in key and not is_simulated(key)
    )
    if block not in real:
        raise ValueError(
            f"{block}: no block of real numbers in metrics/*.json; there are: "
            f"{', '.join(real) or 'none, so make a table of real data first'}"
        )
    refuse_settings(loaded, block)


def _refuse_other_runs(loaded: Params, runs: Sequence[str]) -> None:
    """Stop at a run that was trained under other settings than would be told."""
    for address in runs:
        report, recipe = read_report(address), loaded.recipe(address)
        asked = {
            "seeds": (report.setup and report.setup.seeds, loaded.seeds),
            "alpha": (report.alpha, loaded.alpha_of(recipe)),
            "protocol": (report.protocol, recipe.protocol or loaded.protocol),
        }
        for name, (theirs, now) in asked.items():
            if theirs not in (None, now):
                raise ValueError(
                    f"{report.path}: {name} = {theirs}, but the settings say {now}; "
                    "put those back that made the numbers"
                )


def _sums(root: Path, name: str) -> Iterator[tuple[str, str]]:
    if root.is_file():
        yield name, sha256(root)
        return
    files = sorted(path for path in root.rglob("*") if path.is_file())
    if len(files) > MOST_FILES:
        yield f"{name}/", folder_sum(root)
        return
    for path in files:
        yield f"{name}/{path.relative_to(root).as_posix()}", sha256(path)


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True)
    if done.returncode:
        raise ValueError(
            f"git {arguments[0]}: {done.stderr.strip()}; provenance names a commit, so "
            "run it in a clone with one"
        )
    return done.stdout.strip()


def _committed(file: Path) -> Mapping[str, Any]:
    if not _git("ls-tree", "HEAD", "--", str(file)):
        return {}
    return YAML(typ="safe").load(_git("show", f"HEAD:./{file}"))


def _content(file: Path) -> Mapping[str, Any]:
    return YAML(typ="safe").load(file.read_text(encoding="utf-8"))


if __name__ == "__main__":
    process.run_stage(main)
