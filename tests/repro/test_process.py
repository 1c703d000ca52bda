"""A stage process: one thread, an end with its parent, clean errors."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from repro.process import peak_memory_bytes, run_stage

PREPARE = "from repro import process; process.prepare()"


def is_running(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def test_a_stage_ends_with_its_parent() -> None:
    child = f"import time; {PREPARE}; print('ready', flush=True); time.sleep(60)"
    parent = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {child!r}], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
sys.stdin.read()
"""
    runner = subprocess.Popen(
        [sys.executable, "-c", parent],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert runner.stdout is not None
    pid = int(runner.stdout.readline())
    assert is_running(pid)
    runner.kill()
    runner.communicate()
    deadline = time.monotonic() + 10
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_running(pid)


def test_a_stage_that_ends_with_its_parent_says_so(tmp_path: Path) -> None:
    log = tmp_path / "log"
    child = f"import time; {PREPARE}; print('ready', flush=True); time.sleep(60)"
    starter = f"""
import subprocess, sys, time
log = open({str(log)!r}, "w")
subprocess.Popen([sys.executable, "-c", {child!r}], stdout=log, stderr=log)
while "ready" not in open({str(log)!r}).read():
    time.sleep(0.05)
"""
    subprocess.run([sys.executable, "-c", starter], check=True)
    deadline = time.monotonic() + 10
    while "has ended" not in log.read_text() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert "which started this stage, has ended, and so does" in log.read_text()


def test_a_stage_outlives_the_thread_that_started_it() -> None:
    child = f"import time; {PREPARE}; time.sleep(1.5); print('done', flush=True)"
    starter = f"""
import subprocess, sys, threading
made = []
def start():
    made.append(subprocess.Popen([sys.executable, "-c", {child!r}]))
thread = threading.Thread(target=start)
thread.start()
thread.join()
sys.exit(made[0].wait())
"""
    command = [sys.executable, "-c", starter]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "done")


def test_a_process_uses_one_thread() -> None:
    program = f"{PREPARE}; import torch; print(torch.get_num_threads())"
    run = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "3"},
        check=True,
    )
    assert run.stdout.strip() == "1"


@pytest.mark.parametrize("error", [ValueError, OSError, FloatingPointError])
def test_a_known_error_is_one_line(error: type[Exception]) -> None:
    def main() -> None:
        raise error("params.yaml: alpha is wrong")

    with pytest.raises(SystemExit, match=r"^error: params\.yaml: alpha is wrong$"):
        run_stage(main)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KeyboardInterrupt(), "error: interrupted; run it again"),
        (RecursionError("maximum recursion depth exceeded"), "nested too deeply"),
        (MemoryError(), r"out of memory: no more is free; free memory, lower"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: 9\nx"), "9; free"),
    ],
)
def test_what_ends_a_stage_from_outside_is_one_sentence(
    error: BaseException, said: str
) -> None:
    def main() -> None:
        raise error

    with pytest.raises(SystemExit, match=said) as caught:
        run_stage(main)
    assert "\n" not in str(caught.value)


def test_a_bug_in_torch_code_keeps_its_traceback() -> None:
    def main() -> None:
        raise RuntimeError("size mismatch")

    with pytest.raises(RuntimeError, match="size mismatch"):
        run_stage(main)


def test_an_unknown_error_keeps_its_traceback() -> None:
    def main() -> None:
        raise KeyError("a bug")

    with pytest.raises(KeyError):
        run_stage(main)


def test_memory_is_counted_in_bytes() -> None:
    assert 10**7 < peak_memory_bytes() < 10**12


KERNELS = f"""
{PREPARE}
import numpy, torch
from numpy._core._multiarray_umath import __cpu_features__ as simd
from threadpoolctl import threadpool_info
blas = {{i["architecture"] for i in threadpool_info() if "architecture" in i}}
print(*blas, simd["X86_V3"], simd["X86_V4"], torch.backends.cpu.get_cpu_capability())
"""


@pytest.mark.skipif(
    not Path("/proc/cpuinfo").is_file()
    or " avx2 " not in Path("/proc/cpuinfo").read_text(),
    reason="the kernels are those of x86-64 processors with AVX2",
)
def test_every_processor_rounds_alike() -> None:
    done = subprocess.run(
        [sys.executable, "-c", KERNELS],
        env=os.environ | {"OPENBLAS_CORETYPE": "Nehalem"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["Haswell", "True", "False", "AVX2"]
