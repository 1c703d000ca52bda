"""Tasks in forked processes."""

import os
import signal
from functools import partial

import pytest

from repro.cells.parallel import in_parallel


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
