"""Where the numbers come from: settings in force, raw data, seconds of training."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from repro import paths
from repro.data.checksums import sha256
from repro.files import read_json
from repro.params import Params
from repro.params.datasets import Cohort, FileSet, FolderSet

# Blocks and values of params.yaml and simulators.yaml that every run follows, unless
# its cell pins some.
SHOWN = (
    *("alpha", "experts", "top_k", "seeds", "encoder", "preset", "protocol"),
    *("device", "precision", "weighting", "statistics", "clinical"),
    *("simulation", "icu_simulation"),
)
ABSENT = "not on this machine"
MADE = "made in its own stage and not kept"


@dataclass(frozen=True)
class Source:
    """Raw data of a data set: whose reader, where, and their checksum."""

    dataset: str
    title: str
    source: str
    is_simulated: bool
    place: str
    checksum: str  # or why there is none

    @property
    def is_summed(self) -> bool:
        """Whether there is a checksum."""
        return self.checksum not in (ABSENT, MADE)


@dataclass(frozen=True)
class Spent:
    """What a training cell took: seconds of CPU of all its fits, and its memory."""

    cell: str
    seconds: float
    mebibytes: float


def settings(params: Params) -> dict[str, str]:
    """Values of params.yaml in force, by their dotted names."""
    content = params.model_dump(include=set(SHOWN))
    return _texts({name: content[name] for name in SHOWN})


def preset_settings(params: Params) -> dict[str, str]:
    """Values of the preset in force, by their dotted names."""
    return _texts(params.active.model_dump())


def sources(params: Params, datasets: Iterable[str]) -> list[Source]:
    """Raw data of these data sets, in the order of params.yaml."""
    wanted = set(datasets)
    return [_source(params, name) for name in params.datasets.every() if name in wanted]


def spent(params: Params) -> list[Spent]:
    """What each training cell took whose seconds are on this machine."""
    cells = [f"{group}/{key}" for group, own in params.cells.items() for key in own]
    return [_spent(cell) for cell in cells if paths.timing(cell).is_file()]


def folder_sum(folder: Path) -> str:
    """SHA-256 of a folder: of the lines of `sha256sum` of its files, sorted by name."""
    files = [p.relative_to(folder) for p in folder.rglob("*") if p.is_file()]
    names = sorted(file.as_posix() for file in files)
    lines = [f"{sha256(folder / name)}  {name}\n" for name in names]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def place(path: str) -> str:
    """A path as the page tells it: of an absolute one only the last part.

    >>> place("data/raw/mine"), place("/srv/mine.pkl")
    ('data/raw/mine', '…/mine.pkl')
    """
    return f"…/{Path(path).name}" if Path(path).is_absolute() else path


def raw_places(params: Params, name: str) -> list[Path]:
    """Files and folders of the raw data of a data set, other than encoders."""
    known, clinical = params.dataset(name), params.clinical
    if isinstance(known, FolderSet):
        return [Path(known.path)]
    if isinstance(known, FileSet):
        own = [] if known.labels == "none" else [Path(known.labels)]
        return [Path(known.path), *own]
    every = (clinical.path, clinical.note, clinical.cxr, clinical.ecg)
    return [Path(path) for path in every if path != "none"]


def source_of(params: Params, name: str) -> str:
    """Whose files params.yaml names for a data set: simulated, or a reader."""
    known = params.dataset(name)
    return str(params.clinical.source if isinstance(known, Cohort) else known.source)


def flat(content: Mapping[str, Any], start: str = "") -> Iterator[tuple[str, Any]]:
    """Values by their dotted names; a path of a machine is told by its last part.

    >>> dict(flat({"a": {"b": 1}, "c": ["/srv/x"]}))
    {'a.b': 1, 'c': ['…/x']}
    """
    for key, value in content.items():
        name = f"{start}{key}"
        told = value.model_dump() if isinstance(value, BaseModel) else value
        if isinstance(told, Mapping) and told:
            yield from flat(told, f"{name}.")
        else:
            yield name, _placed(told)


def _placed(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_placed(item) for item in value]
    return place(value) if isinstance(value, str) else value


def _source(params: Params, name: str) -> Source:
    known, source = params.dataset(name), source_of(params, name)
    path = paths.ingested() if isinstance(known, Cohort) else Path(known.path)
    fresh = name in params.datasets.fresh
    return Source(
        dataset=name,
        title=known.title,
        source=source,
        is_simulated=source == "simulated",
        place=place(path.as_posix()),
        checksum=MADE if fresh else _sum(path),
    )


def _sum(path: Path) -> str:
    if path.is_file():
        return sha256(path)
    return folder_sum(path) if path.is_dir() else ABSENT


def _spent(cell: str) -> Spent:
    told = read_json(paths.timing(cell))
    seconds = sum(sum(named.values()) for named in told["seconds"].values())
    return Spent(cell, seconds, told["peak_memory_bytes"] / 2**20)


def _texts(content: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in flat(content)
    }
