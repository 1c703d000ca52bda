"""Tasks in forked processes."""

import os
import re
import signal
import time
from functools import partial
from pathlib import Path

import pytest

from repro.cells.parallel import in_parallel
from tests.repro.terminal import shown_elsewhere, shown_on_terminal

LABELLED = """
import functools, logging, time
from repro.cells.parallel import in_parallel

logging.basicConfig(level=logging.INFO, format="%(message)s")
tasks = [functools.partial(time.sleep, 0.3)] * 3
in_parallel(tasks, {processes}, "base/mosi with weights")
"""


def test_results_come_in_the_order_of_the_tasks() -> None:
    tasks = [partial(pow, 2, k) for k in range(7)]
    assert in_parallel(tasks, 3) == in_parallel(tasks, 1) == [2**k for k in range(7)]
    assert in_parallel([]) == []


def test_tasks_run_elsewhere_unless_there_is_one_core() -> None:
    assert os.getpid() not in in_parallel([os.getpid] * 2, 2)
    assert in_parallel([os.getpid] * 2, 1) == [os.getpid()] * 2


def fail() -> None:
    """Raise what a diverged training raises."""
    raise FloatingPointError("loss of seed 1")


def test_an_error_of_a_task_arrives() -> None:
    with pytest.raises(FloatingPointError, match="loss of seed 1"):
        in_parallel([fail, os.getpid], 2)


def test_a_killed_process_is_an_error_and_no_endless_wait() -> None:
    def end() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(OSError, match="ended from outside; free memory"):
        in_parallel([end, os.getpid], 2)


@pytest.mark.parametrize("processes", [1, 2])
def test_the_fits_that_are_done_are_counted(tmp_path: Path, processes: int) -> None:
    code = LABELLED.format(processes=processes)
    lines = shown_elsewhere(code, tmp_path).splitlines()
    label = "base/mosi with weights"
    assert lines == [f"{label}: {k} of 3 fits" for k in (1, 2, 3)]
    text = shown_on_terminal(code, tmp_path)
    assert f"{label}:   0%" in text and "0/3 [" in text and "fits" not in text
    assert re.search(r"[12]/3 \[\d\d:\d\d<\d\d:\d\d", text), "done, spent, left"


def test_nothing_is_counted_without_a_label(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    in_parallel([os.getpid] * 2, 2)
    assert caplog.text == "" and capsys.readouterr() == ("", "")


def test_what_has_not_begun_does_not_begin_after_a_failure(tmp_path: Path) -> None:
    def late(number: int) -> None:
        (tmp_path / str(number)).touch()
        time.sleep(0.5)

    with pytest.raises(FloatingPointError):
        in_parallel([fail, *(partial(late, number) for number in range(12))], 2)
    assert len(list(tmp_path.iterdir())) < 8  # some wait in the queue already
