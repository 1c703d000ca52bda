"""params.yaml and its preset, read and checked; bad values stop here."""

from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML, YAMLError

from repro import paths
from repro.params.naming import sentence, unknown
from repro.params.study import Params


def load(path: Path = paths.PARAMS) -> Params:
    """Read and check params.yaml and its preset with DVC's own parser.

    Raises:
        ValueError: a file is missing, or a field is unknown, has the wrong type or is
            out of range; the message names file, field, value and bound.
    """
    content = _content(path)
    name = str(content.get("preset"))
    preset = path.parent / paths.preset(name)
    if not preset.is_file():
        known = [p.stem for p in preset.parent.glob("*.yaml")]
        raise ValueError(f"{path}: preset: {unknown('preset', name, known)}")
    try:
        return Params.model_validate({**content, "active": _content(preset)})
    except ValidationError as error:
        lines = []
        for detail in error.errors():
            told = sentence(Params, detail)
            of_preset = detail["loc"][:1] == ("active",)
            where = preset.relative_to(path.parent) if of_preset else path
            lines.append(f"{where}: {told.removeprefix('active.')}; correct it there")
        raise ValueError("\n".join(lines)) from None


def _content(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ValueError(f"{path}: no such file; run from the repository root")
    try:
        content = YAML(typ="safe").load(path)
    except YAMLError as error:
        raise ValueError(f"{path}: not readable as YAML: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path}: holds no keys; restore it from git")
    return content
