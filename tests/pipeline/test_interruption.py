"""A stage that is killed or meets a full disk leaves nothing a rerun would accept."""

import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest

from tests.pipeline_clone import Clone

pytestmark = [pytest.mark.pipeline, pytest.mark.xdist_group("pipeline")]
STAGE = ["repro.stages.train", "base/mosi"]
TARGET = "pipelines/sentiment/dvc.yaml:base@mosi"
PLACE, TIMING = "runs/base/mosi", "timing/base/mosi.json"
MOMENTS = np.random.default_rng(20251121).uniform(0.2, 1, size=3)


@pytest.fixture
def other(finished: Clone, tmp_path: Path) -> Clone:
    """A copy of the finished clone without the run of the unweighted model."""
    made = finished.copy(tmp_path / "clone")
    remove_run(made)
    return made


def seconds_of(process: subprocess.Popen) -> float:
    """Duration of a process that must succeed."""
    start = time.monotonic()
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    return time.monotonic() - start


def remove_run(clone: Clone) -> None:
    shutil.rmtree(clone.path / PLACE, ignore_errors=True)
    (clone.path / TIMING).unlink(missing_ok=True)


def descendants(process: subprocess.Popen) -> list[psutil.Process]:
    try:
        return psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def kill_at(process: subprocess.Popen, is_time: Callable[[], bool]) -> int:
    """Kill a process at a moment; its descendants, now counted, must end as well.

    It is stopped first, so that it starts none between the count and its end.
    """
    while not is_time() and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGSTOP)
    children = descendants(process)
    process.kill()
    output, _ = process.communicate()
    assert process.returncode in (0, -signal.SIGKILL), output
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == [], "these outlived their parent"
    return len(children)


def assert_no_wrong_file(clone: Clone, whole: dict[str, str]) -> None:
    """Every final name that is there holds what an unbroken run writes."""
    there = clone.sums(PLACE)
    assert {name: whole[name] for name in there} == there


def after(seconds: float) -> Callable[[], bool]:
    end = time.monotonic() + seconds
    return lambda: time.monotonic() > end


def test_a_killed_stage_leaves_no_wrong_file(finished, other):
    whole = finished.sums(PLACE)
    duration = seconds_of(other.start(STAGE))
    for moment in MOMENTS:
        remove_run(other)
        kill_at(other.start(STAGE), after(moment * duration))
        assert_no_wrong_file(other, whole)
    remove_run(other)
    first = other.path / PLACE / "predictions.parquet"
    kill_at(other.start(STAGE), first.exists)
    assert_no_wrong_file(other, whole)
    seconds_of(other.start(STAGE))
    assert other.sums(PLACE) == whole


def test_a_killed_dvc_takes_its_stage_along(finished, other):
    whole, lock = finished.sums(PLACE), other.locked()
    command = ["dvc", "repro", "-s", "-f", "--no-run-cache", TARGET]
    duration = seconds_of(other.start(command))
    for moment in MOMENTS:
        remove_run(other)
        kill_at(other.start(command), after(moment * duration))
        assert_no_wrong_file(other, whole)
    remove_run(other)
    process = other.start(command)
    assert kill_at(process, lambda: stage_runs(process)) > 0
    assert_no_wrong_file(other, whole)
    other.run(f"dvc repro -s {TARGET}")
    assert other.sums(PLACE) == whole
    assert list((other.path / PLACE).glob(".*")) == []
    assert other.locked()[TARGET]["deps"] == lock[TARGET]["deps"]


def stage_runs(process: subprocess.Popen) -> bool:
    """Whether dvc's stage is there and has worked for a second."""
    for child in descendants(process):
        try:
            if STAGE[0] in child.cmdline() and child.cpu_times().user > 1:
                return True
        except psutil.NoSuchProcess:
            continue
    return False


def small_files_only() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))


def test_a_full_disk_is_named_and_leaves_no_file(other):
    process = other.start(STAGE, preexec_fn=small_files_only)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 1
    last = output.splitlines()[-1]
    assert "error: " in last and f"{PLACE}/predictions.parquet: not written" in last
    assert "free disk space" in last
    assert "Traceback" not in output
    assert list((other.path / PLACE).iterdir()) == []
