"""The commands, code and names of README.md and docs/ are real."""

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.pipeline_clone import Clone, clone
from tests.pipeline_graph import ROOT, stages

PAGES = {
    path: path.read_text()
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
}
TEXT = "\n".join(PAGES.values())
BLOCK = re.compile(
    r"(?:<!-- (?P<mark>[^>]*?) -->\n+)?^```(?P<language>\w+)\n(?P<body>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
# A long command as one that is checked by its tool and then not run.
ONLY_TOLD = {
    "make": "make -n",
    "dvc repro": "dvc repro --dry --allow-missing",
    "dvc exp run": "dvc exp run --queue",
}


@dataclass(frozen=True)
class Block:
    """A fenced block; `mark` is the HTML comment above it."""

    mark: str
    language: str
    body: str


BLOCKS = [
    Block(m["mark"] or "", m["language"], m["body"]) for m in BLOCK.finditer(TEXT)
]


def commands(block: Block) -> list[str]:
    """The command lines of a block, continued lines joined, without comments."""
    lines = block.body.replace("\\\n", " ").splitlines()
    bare = [re.sub(r"(^|\s)#\s.*$", "", line).strip() for line in lines]
    return [line for line in bare if line]


def blocks(language: str, mark: str) -> list[Block]:
    """Blocks of a language whose mark starts with the word; "" means unmarked."""
    found = [b for b in BLOCKS if b.language == language]
    return [b for b in found if (b.mark.split(":")[0] if mark else b.mark) == mark]


def told(command: str) -> str | None:
    """The command as one that its tool only checks; None if there is none."""
    for start, form in ONLY_TOLD.items():
        if command == start or command.startswith(f"{start} "):
            return f"{form}{command.removeprefix(start)}"
    return None


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone with every cell and no results, for commands that only tell."""
    return clone(tmp_path_factory.mktemp("whole") / "clone")


def test_there_is_something_to_run():
    assert blocks("bash", "") and blocks("bash", "long") and blocks("python", "")
    assert len(BLOCKS) == TEXT.count("```") / 2, "a block the tests do not see"
    marks = {b.mark.split(":")[0] for b in BLOCKS}
    assert marks <= {"", "long", "skip", "metrics", "needs lightning"}
    assert all(len(b.mark) > len("skip: ") for b in blocks("bash", "skip"))


@pytest.mark.pipeline
@pytest.mark.xdist_group("pipeline")
def test_commands_run(at_alpha, tmp_path):
    # Where the first of them has been run before: DVC takes its results from the cache.
    here = at_alpha.copy(tmp_path / "clone")
    for block in blocks("bash", ""):
        for command in commands(block):
            here.run(command)


@pytest.mark.pipeline
@pytest.mark.xdist_group("pipeline")
@pytest.mark.parametrize(
    "command", [c for b in blocks("bash", "long") for c in commands(b)]
)
def test_long_commands_are_understood(finished, whole, command):
    if command == "source .venv/bin/activate":
        return
    check = told(command)
    assert check, "neither make nor dvc"
    here = finished if command.startswith("dvc repro") else whole
    here.run(check)


@pytest.mark.pipeline
@pytest.mark.xdist_group("pipeline")
@pytest.mark.parametrize(
    "command", ["make -n nothing", "dvc exp run --queue -S nothing=1"]
)
def test_a_wrong_command_would_fail(whole, command):
    with pytest.raises(AssertionError, match=re.escape(command)):
        whole.run(command)


@pytest.mark.parametrize(
    "body", [b.body for b in blocks("python", "")], ids=lambda body: body.split("\n")[0]
)
def test_python_runs(body, tmp_path):
    command = [sys.executable, "-W", "error", "-c", body]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("block", blocks("python", "needs lightning"))
def test_lightning_module_runs(block, tmp_path):
    pytest.importorskip("lightning", reason="lightning is not installed: no example")
    # Its own deprecations are not ours to stop at.
    command = [sys.executable, "-c", block.body]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_named_stages_exist():
    names = {stage.address for stage in stages()}
    named = re.findall(r"`dvc repro ([^`]+)`", TEXT)
    assert named
    for line in named:
        assert set(line.split()) <= names, line


def test_named_tests_exist():
    lines = re.findall(r"`pytest ([^`]+)`", TEXT)
    assert lines
    for path in " ".join(lines).split():
        assert (ROOT / path).is_file(), path


def test_linked_files_exist():
    made = {ROOT / out for stage in stages() for out in stage.cached}
    lost = []
    for page, text in PAGES.items():
        links = re.findall(r"\]\((?!http|#)([^)]+)\)", text)
        places = [(page.parent / link).resolve() for link in links]
        lost += [p for p in places if p not in made and not p.exists()]
    assert lost == []
    assert re.search(r"\]\(plots/btw/table3\.md\)", TEXT)


def test_the_readme_is_short():
    assert len(PAGES[ROOT / "README.md"].splitlines()) <= 180


def test_linked_sections_exist():
    titles = re.findall(r"^#+ (.+)$", re.sub(BLOCK, "", TEXT), re.MULTILINE)
    plain = [re.sub(r"[^\w -]", "", t).lower().replace(" ", "-") for t in titles]
    # Of titles that are alike, later ones count.
    earlier = [plain[:k].count(title) for k, title in enumerate(plain)]
    numbered = zip(plain, earlier, strict=True)
    anchors = {f"{title}-{k}" if k else title for title, k in numbered}
    named = set(re.findall(r"\]\(#([^)]+)\)", TEXT))
    assert named <= anchors


def test_no_placeholder_is_left():
    assert re.findall(r"@[A-Z0-9_]+@", TEXT) == []


def test_effects_of_choices_are_those_of_the_attribution():
    page = PAGES[ROOT / "docs/protocol.md"]
    table = (ROOT / "metrics/btw_attribution.json").read_text()
    found = json.loads(table)["mosi__simulated"]
    leak_free = found["leak_free"]["bi_level_mae"]
    told = f"{leak_free['mean']:.3f} ± {leak_free['sd']:.3f}"
    assert set(re.findall(r"against (\d\.\d+ ± \d\.\d+)", page)) == {told}
    effects = re.findall(r"\| `(\w+)` \| (\d\.\d{3}) \|", page)
    assert len(effects) == 4
    for switch, effect in effects:
        assert effect == f"{found[switch]['bi_level_mae']['mean']:.3f}", switch


def test_layout_names_real_folders():
    (layout,) = [b for b in blocks("text", "") if b.body.startswith("dvc.yaml")]
    named = re.findall(r"(?:^|\s)((?:[\w.]+/)+)(?=\s|$)", layout.body)
    assert named
    for name in named:
        places = (Path(name), Path("src/repro") / name)
        made_later = name in ("runs/", "timing/", "metrics/", "plots/", "report/")
        assert made_later or any((ROOT / p).is_dir() for p in places), name
