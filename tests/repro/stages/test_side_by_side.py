"""Stages beside each other: order, failures, what is copied."""

import os
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from repro.stages import side_by_side
from repro.stages.graph import Stage
from repro.stages.side_by_side import copied, needs, run


def stage(name: str, makes: str, *reads: str) -> Stage:
    """A stage of that name in the root file."""
    command = f"python -m acted {name}"
    return Stage("dvc.yaml", name, None, command, ".", reads, (), {makes: True})


CHAIN = [
    stage("last", "plots/t.md", "runs/base"),
    stage("middle", "runs/base/mosi", "data/mosi/series"),
    stage("first", "data/mosi"),
    stage("apart", "data/other"),
]


@pytest.fixture
def acted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module in place of the stages' own: it writes its name into a common file."""

    def main() -> None:
        name = sys.argv[1]
        if name == "bad":
            raise ValueError("bad.csv: column x is empty; fill it")
        if name == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        with Path("order").open("a") as file:
            file.write(f"{name}\n")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "acted", SimpleNamespace(main=main))
    return tmp_path / "order"


def test_a_folder_above_or_below_an_out_is_a_need():
    needed = {s.name: needs(s, CHAIN) for s in CHAIN}
    assert needed == {
        "last": {"middle"},
        "middle": {"first"},
        "first": set(),
        "apart": set(),
    }


def test_names_that_begin_alike_are_no_need():
    one, two = stage("a", "runs/base"), stage("b", "x", "runs/base_more")
    assert needs(two, [one, two]) == set()


@pytest.mark.parametrize("most", [1, 2, 8])
def test_every_stage_runs_once_after_what_it_reads(acted: Path, most: int) -> None:
    run(CHAIN, most)
    order = acted.read_text().split()
    assert sorted(order) == ["apart", "first", "last", "middle"]
    places = [order.index(name) for name in ("first", "middle", "last")]
    assert places == sorted(places)
    if most == 1:  # what others wait for goes first
        assert order == ["first", "middle", "last", "apart"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("bad", "error: bad.csv: column x is empty; fill it"),
        ("killed", "ended from outside by signal 9"),
    ],
)
def test_a_failure_names_its_stage_and_stops_what_waits(
    acted: Path, name: str, said: str
) -> None:
    after = stage("after", "y", name)
    with pytest.raises(ValueError, match=f"stage {name}: {said}") as caught:
        run([after, stage(name, name)], 2)
    log = str(caught.value).rpartition("(")[2].rstrip(")")
    assert Path(log).is_file()
    assert not acted.exists()


def test_stages_that_wait_for_each_other_are_named(acted: Path) -> None:
    circle = [stage("one", "a", "b"), stage("two", "b", "a")]
    with pytest.raises(ValueError, match="wait for each other: one, two"):
        run(circle, 2)


def test_what_an_earlier_run_left_is_removed(acted: Path) -> None:
    place = Path("runs/base")
    place.mkdir(parents=True)
    (place / "stale.parquet").write_text("old")
    run([stage("first", "runs/base")], 1)
    assert not place.exists()


def test_a_quick_copy_is_on_the_tiny_preset_and_holds_no_result(
    tmp_path: Path,
) -> None:
    root = Path(__file__).parents[3]
    copied(root, tmp_path / "quick")
    found = {path.name for path in (tmp_path / "quick").iterdir()}
    assert found == {"dvc.yaml", "pipelines", "params.yaml", "presets", "none", "data"}
    text = (tmp_path / "quick/params.yaml").read_text()
    assert "preset: tiny" in text and "# S  scientific" not in text.split("\n")[0]


def test_a_quick_copy_sees_your_own_files(tmp_path: Path) -> None:
    source, quick = tmp_path / "source", tmp_path / "quick"
    copied(Path(__file__).parents[3], source)
    own = source / "data/raw/wine/samples.csv"
    own.parent.mkdir(parents=True)
    own.write_text("id\n1\n")
    copied(source, quick)
    copied(source, quick)
    assert (quick / "data/raw/wine/samples.csv").read_text() == "id\n1\n"
    assert own.is_file()


def test_modules_of_all_stages_exist():
    root = Path(__file__).parents[3]
    for one in side_by_side.stages(root):
        assert side_by_side.module_of(one).startswith("repro.stages.")
