"""House rules that no linter checks."""

import ast
import re
from collections.abc import Iterable, Iterator
from itertools import chain

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
FUSIONS = "repro.models.fusions."
WITHOUT_TORCH = (
    *("simulate", "prepare", "series", "baselines"),
    *("table", "figure", "results", "report"),
    *("seeds", "api", "cards"),
)
LAYERS = (  # no module imports one of a later row, nor of a later room of its own row
    ("btw",),
    ("paths", "files", "records", "process", "report"),
    ("params",),
    ("data", "simulation", "metrics"),
    ("features", "models"),
    ("baselines", "training"),
    ("results",),
    ("cells", "tables", "figures"),
    ("findings", "documents", "predict"),
    ("page",),
    ("stages",),
)
MOST_LINES, MOST_OF_A_FUNCTION, MOST_LOOSE = 300, 40, 5


def trees() -> Iterator[tuple[str, str, ast.Module]]:
    """Name, text and syntax tree of every file."""
    for file in FILES:
        text = file.read_text()
        yield file.relative_to(ROOT).as_posix(), text, ast.parse(text)


def test_files_and_functions_are_short():
    long = []
    for name, text, tree in trees():
        if len(text.splitlines()) > MOST_LINES:
            long.append(f"{name}: {len(text.splitlines())} lines")
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = code_lines(node)
                if lines > MOST_OF_A_FUNCTION:
                    long.append(f"{name}: {node.name}: {lines} lines")
    assert long == []


def test_nothing_is_left_undone_or_swallowed():
    marks = ("TO" + "DO", "FIX" + "ME")
    found = []
    for name, text, tree in trees():
        found += [f"{name}: {mark}" for mark in marks if mark in text]
        for node in ast.walk(tree):
            if isinstance(node, ast.ExceptHandler) and node.type is None:
                found.append(f"{name}:{node.lineno}: bare except")
    assert found == []


def test_no_path_of_a_machine():
    found = {name: PLACES.search(text) for name, text, _ in trees()}
    assert [name for name, match in found.items() if match] == []


def test_few_modules_lie_loose():
    loose = [p.stem for p in (ROOT / "src/repro").glob("*.py")]
    assert len(set(loose) - {"__init__"}) <= MOST_LOOSE


def test_tests_mirror_the_code():
    """A folder of tests for every room, and no test file of a module that is gone."""
    rooms = {p.parent for p in (ROOT / "src/repro").rglob("*.py")}
    places = {p.relative_to(ROOT / "src/repro") for p in rooms}
    tested = {p.parent for p in (ROOT / "tests/repro").rglob("*.py")}
    mirrored = {p.relative_to(ROOT / "tests/repro") for p in tested}
    assert sorted(mirrored - places) == []
    assert sorted(places - mirrored) == []


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


def room(module: str) -> str:
    """The room of a module: btw, or its first name below repro."""
    parts = module.split(".")
    return parts[0] if parts[0] != "repro" else (parts[1] if len(parts) > 1 else "")


def wrong_ways(importing: str, names: Iterable[str]) -> Iterator[str]:
    """Imports of a module that point to a later room."""
    rank = {name: k for k, name in enumerate(chain(*LAYERS))}
    here = room(importing)
    for name in names:
        there = room(name)
        if here == there or here not in rank or there not in rank:
            continue
        if rank[there] > rank[here]:
            yield f"{importing} imports {name}"


def test_every_room_has_its_layer():
    known = {name for names in LAYERS for name in names}
    assert {room(m) for m in MODULES} - {""} == known


def test_dependencies_point_one_way():
    wrong = [list(wrong_ways(module, imported(module))) for module in MODULES]
    assert [one for found in wrong for one in found] == []


def test_a_wrong_direction_would_be_found():
    assert list(wrong_ways("repro.data.words", ["repro.stages.graph"]))
    assert list(wrong_ways("repro.cells.fits", ["repro.figures.btw"]))
    assert not list(wrong_ways("repro.stages.graph", ["repro.data.words"]))


def test_nothing_of_ours_imports_dvc():
    assert [m for m in MODULES if any(room(n) == "dvc" for n in imported(m))] == []


def test_there_is_no_circle_of_rooms():
    arrows = {(room(m), room(n)) for m in MODULES for n in imported(m)}
    left = {a for arrow in arrows for a in arrow}
    inner = {(a, b) for a, b in arrows if a != b}
    while free := {r for r in left if not any(a == r and b in left for a, b in inner)}:
        left -= free
    assert left == set()


def test_a_fusion_imports_another_only_to_wrap_it():
    """At most one, and one that wraps none itself."""
    found = {
        (m.rpartition(".")[2], n.split(".")[3])
        for m in MODULES
        for n in imported(m)
        if m.startswith(FUSIONS) and n.startswith(FUSIONS)
    }
    apart = {(a, b) for a, b in found if a != b and b != "interface"}
    wrapping, wrapped = [a for a, _ in apart], {b for _, b in apart}
    assert "flattened" in wrapping
    assert len(set(wrapping)) == len(wrapping)
    assert wrapped.isdisjoint(wrapping)


def test_light_stages_do_not_load_torch():
    for stage in WITHOUT_TORCH:
        module = f"repro.stages.{stage}"
        assert module_file(module), stage
        loaded = {name.split(".")[0] for name in reachable(module)}
        assert "torch" not in loaded, stage


def test_the_check_for_torch_sees_it_where_it_is():
    assert "torch" in reachable("repro.stages.train")


def test_only_one_module_reads_pickles():
    users = [m for m in MODULES if "pickle" in imported(m)]
    assert set(users) <= {"repro.data.unpickling", "repro.simulation.sentiment"}
