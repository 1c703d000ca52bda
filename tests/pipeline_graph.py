"""The stage graph of this repository, and the modules each stage imports."""

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path, PurePosixPath

from repro.params import Params
from repro.stages import graph
from repro.stages.graph import Stage

ROOT = Path(__file__).parents[1]
PACKAGES = ("btw", "repro")


def stages(root: Path = ROOT) -> list[Stage]:
    """All stages of all files."""
    return graph.stages(root)


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
            return named_runs(params, arguments[0])
        case "draw":
            return named_runs(params, f"draws/{arguments[0]}")
        case "table" | "figure" as kind:
            return {f"repro.{kind}s.{name.partition('_')[0]}" for name in arguments}
        case "results" | "report":  # titles of the tables whose numbers it reads
            return {"repro.tables.btw", "repro.tables.i2moe"}
    return set()


def named_runs(params: Params, cell: str) -> set[str]:
    """Modules of the fusions that the runs of a cell build."""
    runs = params.runs_of(cell).values()
    built = {fusion for run in runs for fusion in run.built}
    return {f"repro.models.fusions.{fusion}" for fusion in built}


def is_ours(module: str) -> bool:
    """Whether a module is of this repository."""
    return module.split(".")[0] in PACKAGES


def tables_of(files: Iterable[str]) -> Iterator[str]:
    """CSV files beside modules that name them."""
    for file in files:
        for name in re.findall(r'with_name\("(\w+\.csv)"\)', (ROOT / file).read_text()):
            yield PurePosixPath(file).with_name(name).as_posix()
