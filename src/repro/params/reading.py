"""params.yaml and what belongs to it, read and checked; bad values stop here."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML, YAMLError

from repro import paths
from repro.params import agreement
from repro.params.bounded import refuse_bomb
from repro.params.naming import sentence, unknown
from repro.params.presets import Preset
from repro.params.study import Params

SIMULATORS = tuple(n for n in Params.model_fields if n.endswith("simulation"))
_NAME = re.compile(r"[A-Za-z0-9_-]+")


def load(path: Path = paths.PARAMS) -> Params:
    """Read and check params.yaml, simulators, preset and cells with DVC's own parser.

    Raises:
        ValueError: a file is missing, or a field is unknown, has the wrong type or is
            out of range; the message names file, field, value and bound.
    """
    content, simulators = _content(path), path.parent / paths.SIMULATORS
    homes = {"cells": "cells/<group>.yaml", "active": "presets"}
    homes["names"] = paths.NAMES.name
    homes |= dict.fromkeys(SIMULATORS, paths.SIMULATORS.name)
    for key, home in homes.items():
        if key in content:
            raise ValueError(f"{path}: {key}: stands in {home}; move it there")
    name = str(content.get("preset"))
    preset = path.parent / paths.preset(name)
    if not _NAME.fullmatch(name) or not preset.is_file():
        known = [p.stem for p in preset.parent.glob("*.yaml")]
        raise ValueError(f"{path}: preset: {unknown('preset', name, known)}")
    content |= {"active": _content(preset), "cells": read_cells(path.parent)}
    content |= read_simulators(simulators)
    content["names"] = _content(path.parent / paths.NAMES)
    if not content["cells"]:
        raise ValueError(
            f"{path.parent / 'cells'}: no file of cells; restore it from git"
        )
    try:
        params = Params.model_validate(content)
    except ValidationError as error:
        told = [_told(path, preset, detail) for detail in error.errors()]
        raise ValueError("\n".join(told)) from None
    try:
        agreement.check(params)
    except ValueError as error:
        keys = re.split(r"[^\w-]", str(error))
        raise ValueError(f"{_home(path, keys)}: {error}; correct it there") from None
    return params


def _home(path: Path, keys: Sequence[object]) -> Path:
    """The file that holds what these keys lead to."""
    if keys[0] == "cells" and len(keys) > 1:
        return paths.cells(str(keys[1]))
    if keys[0] in SIMULATORS:
        return paths.SIMULATORS
    return paths.NAMES if keys[0] == "names" else path


def _told(path: Path, preset: Path, detail: ErrorDetails) -> str:
    """One error with the file that it is in, and the key as it stands there."""
    loc = detail["loc"]
    kind: type[BaseModel] = Params
    where = _home(path, loc or ("",))
    if loc[:1] == ("active",):
        where, kind, loc = preset.relative_to(path.parent), Preset, loc[1:]
    told = sentence(kind, {**detail, "loc": loc})
    return f"{where}: {told}; correct it there"


def read_simulators(path: Path) -> dict[str, Any]:
    """The settings of the simulators, by name.

    Raises:
        ValueError: the file holds something else.
    """
    found = _content(path)
    if odd := sorted(map(str, set(found) - set(SIMULATORS))):
        raise ValueError(f"{path}: {unknown('simulator', odd[0], SIMULATORS)}")
    return found


def read_cells(root: Path) -> dict[str, Any]:
    """The groups of cells of a repository, each from the file of its name.

    Raises:
        ValueError: a file does not hold its group, and no other.
    """
    found: dict[str, Any] = {}
    for file in sorted((root / paths.cells("any").parent).glob("*.yaml")):
        told = _content(file)
        groups = told.get("cells")
        if set(told) != {"cells"} or not isinstance(groups, dict):
            raise ValueError(f"{file}: it holds one key, `cells`; correct it there")
        if set(groups) != {file.stem}:
            names = ", ".join(map(str, groups)) or "nothing"
            raise ValueError(
                f"{file}: cells: it holds {names}; the group of a file has its name, "
                f"{file.stem}: correct it there"
            )
        found |= groups
    return found


def _content(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ValueError(f"{path}: no such file; run from the repository root")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not readable as text: {error}") from None
    try:
        refuse_bomb(text, path)
        content = YAML(typ="safe").load(text)
    except YAMLError as error:
        raise ValueError(f"{path}: not readable as YAML: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path}: holds no keys; restore it from git")
    return content
