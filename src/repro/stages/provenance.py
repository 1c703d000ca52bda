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
from repro.findings.page import is_simulated  # noqa: E402
from repro.findings.provenance import Provenance, place_of_block  # noqa: E402
from repro.page.provenance import folder_sum, place, spent  # noqa: E402
from repro.params import Params  # noqa: E402
from repro.params.datasets import FileSet  # noqa: E402

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
    _check_block(given.block)
    loaded, dataset = params.load(), given.block.split("__")[0]
    told = Provenance(
        source=given.source,
        checksums=checksums(loaded, dataset),
        parameters=settings(loaded),
        commit=commit(),
        seconds=round(seconds(loaded, dataset)),
        device=device(loaded),
        remark=given.remark,
    )
    write_json(place_of_block(given.block), told.model_dump())


def checksums(loaded: Params, dataset: str) -> dict[str, str]:
    """SHA-256 of the raw files of a data set and of a text encoder's folder.

    Raises:
        ValueError: the raw files are not there.
    """
    known = loaded.dataset(dataset)
    raw = Path(known.path if isinstance(known, FileSet) else loaded.clinical.path)
    if not raw.exists():
        raise ValueError(
            f"{raw}: the raw files of {dataset} are not there; put them back"
        )
    found = dict(_sums(raw, raw.name))
    for name, encoder in loaded.active.encoders.items():
        weights = Path(encoder.weights)
        if name == loaded.encoder and weights.is_dir():
            found |= dict(_sums(weights, "encoder"))
    return found


def settings(loaded: Params) -> dict[str, Any]:
    """What differs from the last commit in the settings, by its place, and `ALWAYS`.

    Raises:
        ValueError: there is no commit.
    """
    files = [paths.preset(loaded.preset), *map(paths.cells, loaded.cells)]
    found: dict[str, Any] = {}
    for file in (paths.PARAMS, *files):
        start = "" if file == paths.PARAMS else f"{file}:"
        before, now = _flat(_committed(file)), _flat(_content(file.read_text()))
        wanted = ALWAYS if file == paths.PARAMS else ()
        for key in {**before, **now}:
            if before.get(key) != now.get(key) or key in wanted:
                value = now.get(key)
                found[f"{start}{key}"] = (
                    place(value) if isinstance(value, str) else value
                )
    return found


def commit() -> str:
    """The last commit, whose code made the numbers.

    Raises:
        ValueError: there is none, or code differs from it.
    """
    if changed := _git("status", "--porcelain", "--", "src"):
        raise ValueError(
            f"src: differs from the last commit ({changed.split()[-1]}); commit it, "
            "run again what it changes, then this"
        )
    return _git("rev-parse", "HEAD")


def seconds(loaded: Params, dataset: str) -> float:
    """CPU seconds of all training cells of a data set."""
    cells = {
        f"{group}/{key}"
        for group, own in loaded.cells.items()
        for key, cell in own.items()
        if cell.dataset == dataset
    }
    return sum(one.seconds for one in spent(loaded) if one.cell in cells)


def device(loaded: Params) -> str:
    """The GPU that trained, or the cores."""
    import torch

    if loaded.device != "cpu" and torch.cuda.is_available():
        return torch.cuda.get_device_name()
    lines = _CPU.read_text().splitlines() if _CPU.is_file() else []
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return f"{process.cores()} cores, {names[0] if names else platform.machine()}"


def _check_block(block: str) -> None:
    every = {key for path in paths.METRICS.glob("*.json") for key in read_json(path)}
    real = sorted(key for key in every if "__" in key and not is_simulated(key))
    if block not in real:
        raise ValueError(
            f"{block}: no block of real numbers in metrics/*.json; there are: "
            f"{', '.join(real) or 'none, so make a table of real data first'}"
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
    return _content(_git("show", f"HEAD:./{file}"))


def _content(text: str) -> Mapping[str, Any]:
    return YAML(typ="safe").load(text)


def _flat(content: Mapping[str, Any], start: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in content.items():
        if isinstance(value, Mapping) and value:
            found |= _flat(value, f"{start}{key}.")
        else:
            found[f"{start}{key}"] = value
    return found


if __name__ == "__main__":
    process.run_stage(main)
