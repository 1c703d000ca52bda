"""House rules that no linter checks."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipeline_graph import ROOT, imported, module_file, reachable

FILES = sorted(
    path
    for folder in ("src", "tests", "benchmarks")
    for path in (ROOT / folder).rglob("*.py")
)
MODULES = sorted(
    ".".join(path.relative_to(ROOT / "src").with_suffix("").parts).removesuffix(
        ".__init__"
    )
    for path in (ROOT / "src").rglob("*.py")
)
PLACES = re.compile(r"""["'\s(=](/(home|root|Users|work|tmp|mnt|data|scratch)/)""")
WITHOUT_TORCH = ("simulate", "prepare", "series", "baselines", "table", "figure")
by_file = pytest.mark.parametrize(
    "file", FILES, ids=lambda f: f.relative_to(ROOT).as_posix()
)


@by_file
def test_files_and_functions_are_short(file: Path):
    text = file.read_text()
    assert len(text.splitlines()) <= 300
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert code_lines(node) <= 40, f"{file.name}: {node.name}"


@by_file
def test_nothing_is_left_undone_or_swallowed(file: Path):
    text = file.read_text()
    mark = "TO" + "DO"
    assert mark not in text
    assert "FIX" + "ME" not in text
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"{file.name}:{node.lineno}: bare except"


@by_file
def test_no_path_of_a_machine(file: Path):
    found = PLACES.search(file.read_text())
    assert found is None, found


def test_machine_paths_would_be_found():
    assert PLACES.search('open("/ho' + 'me/me/x")')
    assert not PLACES.search('Path("data/raw")')


def code_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring."""
    body = node.body[1:] if ast.get_docstring(node) else node.body
    lines = {
        line
        for part in body
        for line in range(part.lineno, (part.end_lineno or part.lineno) + 1)
    }
    return len(lines)


def violations(inner: str, outer: tuple[str, ...]) -> Iterator[str]:
    """Imports of `outer` by modules at or below `inner`."""
    for module in MODULES:
        if module == inner or module.startswith(f"{inner}."):
            for name in imported(module):
                if name in outer or name.startswith(tuple(f"{o}." for o in outer)):
                    yield f"{module} imports {name}"


@pytest.mark.parametrize(
    ("inner", "outer"),
    [
        ("btw", ("repro", "dvc")),
        ("repro.data", ("repro.models", "repro.training", "repro.stages")),
        ("repro.features", ("repro.models", "repro.training", "repro.stages")),
        ("repro.models", ("repro.training", "repro.cells", "repro.training.weighting")),
        ("repro.models", ("repro.stages", "repro.tables", "repro.figures")),
        ("repro.training", ("repro.stages", "repro.tables", "repro.figures")),
        ("repro.training", ("repro.cells",)),
        ("repro.cells", ("repro.stages", "repro.tables", "repro.figures")),
        ("repro.tables", ("repro.stages", "repro.models", "repro.training")),
        ("repro.figures", ("repro.stages", "repro.models", "repro.training")),
        ("repro", ("dvc",)),
    ],
)
def test_dependencies_point_one_way(inner, outer):
    assert list(violations(inner, outer)) == []


def test_a_wrong_direction_would_be_found():
    assert list(violations("repro.stages", ("repro.files",)))


@pytest.mark.parametrize("stage", WITHOUT_TORCH)
def test_light_stages_do_not_load_torch(stage):
    module = f"repro.stages.{stage}"
    assert module_file(module)
    assert "torch" not in {name.split(".")[0] for name in reachable(module)}


def test_the_check_for_torch_sees_it_where_it_is():
    assert "torch" in reachable("repro.stages.train")


def test_only_one_module_reads_pickles():
    users = [m for m in MODULES if "pickle" in imported(m)]
    assert set(users) <= {"repro.data.unpickling", "repro.simulation.sentiment"}
