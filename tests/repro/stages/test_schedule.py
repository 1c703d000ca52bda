"""Stages beside each other: order, failures, what is up to date."""

from pathlib import Path

import pytest

from repro.stages.forks import Forks
from repro.stages.known import Known
from repro.stages.schedule import needs, run
from tests.repro.stages.made_stages import stage

CHAIN = [
    stage("last", "plots/t.md", "runs/base"),
    stage("middle", "runs/base/mosi", "data/mosi/series"),
    stage("first", "data/mosi/series"),
    stage("apart", "data/other"),
]


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
    run(CHAIN, Forks(most))
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
def test_a_failure_names_its_stage_and_what_waits_does_not_start(
    acted: Path, capfd: pytest.CaptureFixture[str], name: str, said: str
) -> None:
    every = [stage("after", "y", name), stage(name, name), stage("apart", "z")]
    with pytest.raises(ValueError, match=f"stage {name}: {said}") as caught:
        run(every, Forks(2))
    assert str(caught.value).endswith("; 1 stages that need them did not start")
    log = str(caught.value).rpartition("(")[2].partition(")")[0]
    assert Path(log).is_file() and Path(log).with_suffix(".first.log").is_file()
    assert acted.read_text() == "apart\n", "what needs none of them goes on"
    told = capfd.readouterr().out
    assert told.count(f"stage {name}: {said}") == 2
    assert told.count("it is tried once more") == 1


def test_a_stage_that_fails_once_is_named_and_tried_again(
    acted: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run([stage("shaky", "x"), stage("after", "y", "x")], Forks(2))
    assert acted.read_text().split() == ["shaky", "after"]
    assert "fill it" in Path("build/logs/shaky.first.log").read_text()
    assert "stage shaky: error" in capfd.readouterr().out


def test_stages_that_wait_for_each_other_are_named(acted: Path) -> None:
    circle = [stage("one", "a", "b"), stage("two", "b", "a")]
    with pytest.raises(ValueError, match="wait for each other: one, two"):
        run(circle, Forks(2))


def test_what_an_earlier_run_left_is_removed(acted: Path) -> None:
    place = Path("runs/base")
    place.mkdir(parents=True)
    (place / "stale.parquet").write_text("old")
    run([stage("first", "runs/base")], Forks(1))
    assert place.read_text() == "first"


def test_only_what_is_not_up_to_date_runs(acted: Path) -> None:
    known = Known(Path(), {})
    run(CHAIN, Forks(2), known)
    acted.unlink()
    run(CHAIN, Forks(2), known)
    assert not acted.exists()
    Path("data/mosi/series").write_text("another")
    run(CHAIN, Forks(2), known)
    assert acted.read_text() == "first\n", "it made the same again: nobody else ran"
    Path("runs/base/mosi").unlink()
    run([CHAIN[1]], Forks(2), known)
    assert acted.read_text().split() == ["first", "middle"]
