"""Which stages are up to date: what dvc.lock says of them, and a journal beside it.

DVC tells only after all of a graph has been read (`dvc status`), and knows nothing of a
stage that ended since its last commit. Here a stage is compared when its turn comes, by
the checksums that DVC writes, so a stage whose inputs came out as before does not run.
"""

import hashlib
import json
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from repro import files, paths
from repro.stages.graph import Stage, lookup, yaml_content

JOURNAL = Path("build/done")  # one file for each stage that DVC has not been told of
# What .dvcignore leaves out of folders.
_IGNORED = frozenset(
    ("__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis")
)
_IGNORED_ENDS = (".pyc", ".tmp")


def slug(name: str) -> str:
    """The address of a stage as a file name.

    >>> slug("pipelines/data/dvc.yaml:series@mosi")
    'pipelines-data-dvc.yaml:series@mosi'
    """
    return name.replace("/", "-")


@dataclass
class Known:
    """What is known of the stages of the repository in `root`.

    `sums` holds checksums of files by path, with the size and time they had.
    """

    root: Path
    locked: Mapping[str, Mapping[str, Any]]
    sums: dict[Path, tuple[tuple[int, int], str]] = field(default_factory=dict)
    read: dict[str, Any] = field(default_factory=dict)

    def is_current(self, stage: Stage) -> bool:
        """Whether what a stage made is there, and from what it would read now."""
        told = self.locked.get(stage.address)
        said = [] if told is None else [_of_lock(told)]
        if self.is_noted(stage):
            entry = files.read_json(self._note(stage.address))
            said.append((entry["inputs"], entry["outs"]))
        inputs = self.inputs(stage)
        fitting = [outs for before, outs in said if before == inputs]
        return bool(fitting) and self._of_paths(stage.cached) in fitting

    def is_noted(self, stage: Stage) -> bool:
        """Whether a stage has ended and DVC has not been told."""
        return self._note(stage.address).is_file()

    def inputs(self, stage: Stage) -> str:
        """One checksum of the command, the dependencies and the parameters."""
        found = {name: self._parameter(name) for name in stage.params}
        return _digest(stage.cmd, self._of_paths(stage.deps), found)

    def record(self, stage: Stage, inputs: str) -> None:
        """Note that a stage has made its outs from those inputs."""
        entry = {"inputs": inputs, "outs": self._of_paths(stage.cached)}
        files.write_json(self._note(stage.address), entry)

    def forget(self, names: Iterable[str]) -> None:
        """Drop what was noted of stages that DVC now knows."""
        for name in names:
            self._note(name).unlink(missing_ok=True)

    def _note(self, name: str) -> Path:
        return self.root / JOURNAL / f"{slug(name)}.json"

    def _of_paths(self, names: Iterable[str]) -> dict[str, str | None]:
        return {name: self._sum(self.root / name) for name in sorted(names)}

    def _sum(self, path: Path) -> str | None:
        """The checksum that DVC has of a file or a folder; None where there is none."""
        if path.is_file():
            return self._of_file(path)
        if not path.is_dir():
            return None
        return _of_folder(
            (file.relative_to(path).as_posix(), self._of_file(file))
            for file in path.rglob("*")
            if file.is_file() and not ignored(file.relative_to(path))
        )

    def _of_file(self, path: Path) -> str:
        found = path.stat()
        stamp = found.st_size, found.st_mtime_ns
        if path not in self.sums or self.sums[path][0] != stamp:
            with path.open("rb") as file:
                made = hashlib.file_digest(file, _md5)
            self.sums[path] = stamp, made.hexdigest()
        return self.sums[path][1]

    def _parameter(self, name: str) -> Any:
        file, _, key = name.rpartition(":")
        file = file or paths.PARAMS.as_posix()
        if file not in self.read:
            self.read[file] = yaml_content(self.root / file)
        try:
            return lookup(self.read[file], key)
        except (KeyError, IndexError, TypeError):
            return None


def known(root: Path, every: Sequence[Stage]) -> Known:
    """What every dvc.lock says of the stages."""
    locked: dict[str, Mapping[str, Any]] = {}
    for where in sorted({stage.file for stage in every}):
        lock = (root / where).with_name("dvc.lock")
        if lock.is_file():
            entries = yaml_content(lock).get("stages") or {}
            here = [stage for stage in every if stage.file == where]
            locked |= {s.address: entries[s.name] for s in here if s.name in entries}
    return Known(root, locked)


def ignored(path: Path) -> bool:
    """Whether DVC passes over a file of a folder."""
    return not _IGNORED.isdisjoint(path.parts) or path.name.endswith(_IGNORED_ENDS)


def _of_lock(entry: Mapping[str, Any]) -> tuple[str, dict]:
    """Checksum of the inputs, and the outs, as an entry of dvc.lock has them."""
    values = {
        key if file == paths.PARAMS.as_posix() else f"{file}:{key}": value
        for file, pairs in entry.get("params", {}).items()
        for key, value in pairs.items()
    }
    cmd = " ".join(shlex.split(entry["cmd"]))
    inputs = _digest(cmd, dict(_told(entry.get("deps", ()))), values)
    return inputs, dict(_told(entry.get("outs", ())))


def _told(entries: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str | None]]:
    return ((entry["path"], entry.get("md5")) for entry in entries)


def _digest(cmd: str, deps: Mapping[str, Any], params: Mapping[str, Any]) -> str:
    text = json.dumps([cmd, deps, params], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _of_folder(sums: Iterable[tuple[str, str]]) -> str:
    entries = [{"md5": own, "relpath": name} for name, own in sorted(sums)]
    return f"{_md5(json.dumps(entries).encode()).hexdigest()}.dir"


def _md5(content: bytes = b"") -> Any:
    """Not against forgery: DVC names contents so."""
    return hashlib.md5(content, usedforsecurity=False)
