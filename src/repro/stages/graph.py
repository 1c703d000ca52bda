"""The stages of every dvc.yaml, with `foreach`, `matrix` and variables filled in."""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from repro import paths
from repro.params.bounded import refuse_bomb
from repro.params.reading import read_cells

_VARIABLE = re.compile(r"\$\{([^}]+)\}")


@dataclass(frozen=True)
class Stage:
    """One expanded stage; `cached` says of each out whether DVC caches it, `pushed`
    names the outs that a push would send away, `kept` those that stay until the stage
    replaces them; with `always` it runs even where nothing has changed. Of `params`
    those of another file than params.yaml stand behind its name and a colon.
    """

    file: str
    name: str
    source: str | None
    cmd: str
    wdir: str
    deps: tuple[str, ...]
    params: tuple[str, ...]
    cached: Mapping[str, bool]
    pushed: frozenset[str] = frozenset()
    kept: frozenset[str] = frozenset()
    always: bool = False

    @property
    def address(self) -> str:
        """What `dvc repro` calls it."""
        return self.name if self.file == "dvc.yaml" else f"{self.file}:{self.name}"


def yaml_content(path: Path) -> Any:
    """A YAML file, read with the parser of DVC."""
    text = path.read_text(encoding="utf-8-sig")
    refuse_bomb(text, path)
    return YAML(typ="safe").load(text)


def stage_files(root: Path) -> list[Path]:
    """Every dvc.yaml, the root one first."""
    return [root / "dvc.yaml", *sorted(root.glob("pipelines/*/dvc.yaml"))]


def stages(root: Path) -> list[Stage]:
    """All stages of all files, with `foreach` and variables filled in."""
    params = yaml_content(root / paths.PARAMS) | {"cells": read_cells(root)}
    params |= yaml_content(root / paths.SIMULATORS)
    return [
        stage for file in stage_files(root) for stage in _of_file(root, file, params)
    ]


def _of_file(root: Path, file: Path, params: dict) -> Iterator[Stage]:
    where = file.relative_to(root).as_posix()
    for name, entry in yaml_content(file)["stages"].items():
        for suffix, source, body, more in _expanded(entry, params):
            yield _stage(where, f"{name}{suffix}", source, _filled(body, params | more))


def _expanded(
    entry: dict, params: dict
) -> Iterator[tuple[str, str | None, dict, dict]]:
    """Suffix of the name, where the keys come from, what to fill in, and with what."""
    if "matrix" in entry:
        for item in _combinations(entry["matrix"]):
            yield f"@{'-'.join(item.values())}", None, entry, {"item": item}
    elif "foreach" not in entry:
        yield "", None, entry, {}
    elif isinstance(entry["foreach"], list):
        for item in entry["foreach"]:
            yield f"@{item}", None, entry["do"], {"item": item}
    else:
        source = entry["foreach"].removeprefix("${").removesuffix("}")
        found = lookup(params, source)
        named = found if isinstance(found, Mapping) else {item: item for item in found}
        for key, item in named.items():
            yield f"@{key}", source, entry["do"], {"key": key, "item": item}


def _combinations(matrix: dict[str, list[str]]) -> list[dict[str, str]]:
    return [dict(zip(matrix, v, strict=True)) for v in product(*matrix.values())]


def _stage(file: str, name: str, source: str | None, entry: dict) -> Stage:
    outs = [out if isinstance(out, dict) else {out: {}} for out in entry["outs"]]
    return Stage(
        file=file,
        name=name,
        source=source,
        cmd=" ".join(shlex.split(entry["cmd"])),
        wdir=entry.get("wdir", "."),
        deps=tuple(entry["deps"]),
        params=tuple(_named_params(entry.get("params", ()))),
        cached={
            path: options.get("cache", True)
            for out in outs
            for path, options in out.items()
        },
        pushed=frozenset(
            path
            for out in outs
            for path, options in out.items()
            if options.get("push", True)
        ),
        kept=frozenset(
            path
            for out in outs
            for path, options in out.items()
            if options.get("persist", False)
        ),
        always=entry.get("always_changed", False),
    )


def _named_params(
    entries: Sequence[str | dict[str, list[str]]],
) -> Iterator[str]:
    for entry in entries:
        if isinstance(entry, str):
            yield entry
        else:
            for file, keys in entry.items():
                yield from (f"{file}:{key}" for key in keys)


def lookup(content: Any, name: str) -> Any:
    """A value by its dotted name; KeyError when there is none."""
    for part in name.replace("[", ".").replace("]", "").split("."):
        content = content[int(part) if isinstance(content, list) else part]
    return content


def _filled(value: Any, context: dict) -> Any:
    if isinstance(value, str):
        return _VARIABLE.sub(lambda m: str(lookup(context, m[1])), value)
    if isinstance(value, list):
        return [_filled(element, context) for element in value]
    if isinstance(value, dict):
        return {_filled(k, context): _filled(v, context) for k, v in value.items()}
    return value
