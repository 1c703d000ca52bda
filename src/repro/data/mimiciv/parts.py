"""Finished passes over raw tables, kept until the whole ingest is done."""

import hashlib
import json
import logging
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from repro import files
from repro.data.mimiciv.layout import Source
from repro.data.mimiciv.settings import Settings
from repro.data.mimiciv.variables import TABLE

CODE_VERSION = "3"  # raise it when a pass would write something else
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Parts:
    """A folder of finished passes, and the key that they must carry to be used."""

    folder: Path
    key: str


def opened(
    folder: Path, settings: Settings, sources: Iterable[Source], table: Path = TABLE
) -> Parts:
    """The parts of a run with these settings, files and variables.

    What a killed run left under a temporary name is removed.
    """
    for path in (*folder.parent.glob(".*.tmp"), *folder.glob(".*.tmp")):
        path.unlink(missing_ok=True)
    variables = hashlib.sha256(table.read_bytes()).hexdigest()
    described = [repr(settings), CODE_VERSION, variables, *map(_described, sources)]
    key = hashlib.sha256(json.dumps(described).encode()).hexdigest()
    return Parts(folder, key)


def part(
    parts: Parts, name: str, make: Callable[[Path], dict[str, Any]]
) -> tuple[Path, dict[str, Any]]:
    """The Parquet file `name` and its counts; made only where no run finished it.

    `make` writes the file to the path that it gets and returns its counts.
    """
    path = parts.folder / f"{name}.parquet"
    record = parts.folder / f"{name}.json"
    if record.is_file() and path.is_file():
        known = files.read_json(record)
        if known["key"] == parts.key:
            _log.info("%s: finished by an earlier run, reused", name)
            return path, known["counts"]
    record.unlink(missing_ok=True)  # it must not vouch for the file made below
    with files.replacing(path) as temporary:
        counts = make(temporary)
    files.write_json(record, {"key": parts.key, "counts": counts})
    return path, counts


def removed(parts: Parts) -> None:
    """Remove the parts once everything made from them is written."""
    shutil.rmtree(parts.folder, ignore_errors=True)


def _described(source: Source) -> list[Any]:
    state = source.path.stat()
    return [source.name, source.path.name, state.st_size, state.st_mtime_ns]
