"""The stages of all dvc.yaml files, expanded, and the modules each one imports."""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from repro.params import Params

ROOT = Path(__file__).parents[1]
PACKAGES = ("btw", "repro")
_VARIABLE = re.compile(r"\$\{([^}]+)\}")


@dataclass(frozen=True)
class Stage:
    """One expanded stage; `cached` says of each out whether DVC caches it, `pushed`
    names the outs that a push would send away. Of `params` those of another file than
    params.yaml stand behind its name and a colon.
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

    @property
    def address(self) -> str:
        """What `dvc repro` calls it."""
        return self.name if self.file == "dvc.yaml" else f"{self.file}:{self.name}"


def yaml_content(path: Path) -> Any:
    """A YAML file, read with the parser of DVC."""
    return YAML(typ="safe").load(path)


def stage_files(root: Path = ROOT) -> list[Path]:
    """Every dvc.yaml, the root one first."""
    return [root / "dvc.yaml", *sorted(root.glob("pipelines/*/dvc.yaml"))]


def stages(root: Path = ROOT) -> list[Stage]:
    """All stages of all files, with `foreach` and variables filled in."""
    params = yaml_content(root / "params.yaml")
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
        for key, item in lookup(params, source).items():
            yield f"@{key}", source, entry["do"], {"key": key, "item": item}


def _combinations(matrix: dict[str, list[str]]) -> list[dict[str, str]]:
    return [dict(zip(matrix, v, strict=True)) for v in product(*matrix.values())]


def _stage(file: str, name: str, source: str | None, entry: dict) -> Stage:
    outs = [out if isinstance(out, dict) else {out: {}} for out in entry["outs"]]
    return Stage(
        file=file,
        name=name,
        source=source,
        cmd=entry["cmd"],
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
    )


def _named_params(entries: list[str | dict[str, list[str]]]) -> Iterator[str]:
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


def ancestors(every: list[Stage], roots: list[Stage]) -> set[str]:
    """Addresses of the roots and of all that they need."""
    makers = {out: stage for stage in every for out in stage.cached}
    found: set[str] = set()
    waiting = list(roots)
    while waiting:
        stage = waiting.pop()
        if stage.address not in found:
            found.add(stage.address)
            waiting += [makers[dep] for dep in stage.deps if dep in makers]
    return found


def stage_module(stage: Stage) -> str:
    """The module behind `python -m`."""
    return stage.cmd.split()[2]


@cache
def module_file(module: str) -> str | None:
    """File of a module of this repository, from the root; None for any other."""
    base = ROOT / "src" / module.replace(".", "/")
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path.relative_to(ROOT).as_posix()
    return None


@cache
def imported(module: str) -> frozenset[str]:
    """Names a module imports anywhere, also inside functions."""
    file = module_file(module)
    if file is None:
        return frozenset()
    names: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / file).read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError(f"{file}: relative import; write the full name")
            names.add(str(node.module))
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(names)


@cache
def reachable(module: str) -> frozenset[str]:
    """The module, its packages and all they import; foreign modules as leaves."""
    found: set[str] = set()
    waiting = {module}
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        parts = name.split(".")
        waiting |= {".".join(parts[:k]) for k in range(1, len(parts))}
        waiting |= imported(name)
    return frozenset(found)


def module_files(*modules: str) -> set[str]:
    """Files of this repository that running modules loads."""
    names = {name for module in modules for name in reachable(module)}
    found = (module_file(name) for name in names if is_ours(name))
    return {file for file in found if file}


def named_modules(stage: Stage, params: Params) -> set[str]:
    """Modules that a stage imports by names in its command or in params."""
    _, _, module, *arguments = stage.cmd.split()
    match module.rpartition(".")[2]:
        case "train":
            runs = params.runs_of(arguments[0]).values()
            built = {fusion for run in runs for fusion in run.built}
            return {f"repro.models.fusions.{fusion}" for fusion in built}
        case "table" | "figure" as kind:
            paper = arguments[0].partition("_")[0]
            return {f"repro.{kind}s.{paper}"}
    return set()


def is_ours(module: str) -> bool:
    """Whether a module is of this repository."""
    return module.split(".")[0] in PACKAGES
