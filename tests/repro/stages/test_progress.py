"""Done, left and the time it takes, as lines and as a bar on a terminal."""

import re
from pathlib import Path

import pytest

from repro import params as parameters
from repro.stages import progress
from repro.stages.graph import stages
from repro.stages.progress import Progress, expected_seconds, shown
from tests.repro.terminal import shown_elsewhere, shown_on_terminal

ROOT = Path(__file__).parents[3]
CHAIN = {"a": set(), "b": {"a"}, "c": {"b"}, "apart": set()}
ACTED = """
import sys, time, types
from repro.stages.forks import Forks
from repro.stages.graph import Stage
from repro.stages.schedule import run

def main():
    time.sleep(0.2)

sys.modules["acted"] = types.SimpleNamespace(main=main)
chain = [
    Stage("dvc.yaml", name, None, "python -m acted", ".", reads, (), {name: True})
    for name, reads in (("one", ()), ("two", ("one",)), ("three", ("two",)))
]
run(chain, Forks(2))
"""


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which a test sets."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def after_one(clock: list[float], most: int) -> Progress:
    """`a`, expected to take 1, took 10 seconds; the others are expected to take 2."""
    expected = {"a": 1.0, "b": 2.0, "c": 2.0, "apart": 2.0}
    made = Progress(expected, CHAIN, most, 0.0)
    made.begin("a")
    clock[0] = 10.0
    made.end("a")
    return made


def test_nothing_is_said_of_what_is_left_before_anything_has_ended(
    clock: list[float],
) -> None:
    made = Progress({"a": 1.0}, {"a": set()}, 1, 0.0)
    clock[0] = 12.0
    assert made.left() is None and made.times() == "12 s"


def test_work_is_shared_by_those_that_run_side_by_side(clock: list[float]) -> None:
    assert after_one(clock, 1).left() == 60.0  # 6 of the 1 that took 10 s


def test_a_chain_is_as_long_as_it_is(clock: list[float]) -> None:
    assert after_one(clock, 4).left() == 40.0  # b and then c


def test_what_runs_has_less_left_and_never_less_than_none(clock: list[float]) -> None:
    made = after_one(clock, 1)
    made.begin("b")
    clock[0] = 15.0
    assert made.left() == 55.0
    clock[0] = 100.0  # b should have ended long ago
    assert made.left() == 40.0
    assert made.times() == "1.7 min, about 40 s left"


def test_cells_are_weighed_by_the_methods_they_train() -> None:
    params = parameters.load(ROOT / "params.yaml")
    every = {stage.address: stage for stage in stages(ROOT)}
    seconds = {name: expected_seconds(s, params) for name, s in every.items()}
    sentiment, clinical = "pipelines/sentiment/dvc.yaml", "pipelines/clinical/dvc.yaml"
    trains = params.recipe("base/mosi").trains
    assert seconds[f"{sentiment}:base@mosi"] == 8.0 * len(trains)
    trains = params.recipe("base/icu_all").trains
    assert seconds[f"{clinical}:base@icu_all"] == 16.0 * len(trains)
    assert seconds["btw_table3"] == 5.0
    assert max(seconds, key=seconds.__getitem__) == f"{sentiment}:sites"


def test_lines_tell_how_many_and_how_long(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    made = after_one(clock, 1)
    with shown(made) as display:
        made.begin("apart")
        display.refresh()
        clock[0] = 30.0
        display.ended("apart")
    assert capsys.readouterr().out == "2/4 apart (30 s, about 40 s left)\n"


def test_what_is_up_to_date_is_not_counted(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    made = after_one(clock, 1)
    with shown(made) as display:
        display.skipped("b")
        display.begun("apart")
        display.failed("apart", "stage apart: no")
        display.begun("apart")
        display.ended("apart")
    assert capsys.readouterr().out.splitlines() == [
        "stage apart: no",
        "2/3 apart (10 s, about 7 s left)",
    ]


def test_elsewhere_there_are_plain_lines(tmp_path: Path) -> None:
    text = shown_elsewhere(ACTED, tmp_path)
    names = [line.split(" (")[0] for line in text.splitlines()]
    assert names == ["1/3 one", "2/3 two", "3/3 three"]
    for line in text.splitlines():
        assert re.search(r"\(\d+ s, about \d+ s left\)$", line)


def test_on_a_terminal_a_bar_moves(tmp_path: Path) -> None:
    text = shown_on_terminal(ACTED, tmp_path)
    assert text.count("\r") > 3, "it moves in its line"
    assert "0/3 stages" in text and "3/3 stages" in text
    assert re.search(r"1/3 stages \|.*\| \d+ s, about \d+ s left: two", text)
    assert "1/3 one" not in text
