"""CPU time of functions, as medians; waiting for a core does not count."""

import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

PROCESS_SETTINGS = {
    "MALLOC_MMAP_THRESHOLD_": "4000000000",
    "MALLOC_TRIM_THRESHOLD_": "8000000000",
    "OMP_NUM_THREADS": "1",
}


def restart_with_process_settings() -> None:
    """Replace the process by one with the settings that training stages run under.

    glibc reads its thresholds once, when a process starts.
    """
    if any(os.environ.get(name) != value for name, value in PROCESS_SETTINGS.items()):
        environment = {**os.environ, **PROCESS_SETTINGS}
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)


def median_seconds(function: Callable[[], object], repeats: int) -> float:
    """Median CPU time of one call, after one call to warm up."""
    return alternating_medians({"": function}, repeats)[""]


def alternating_medians(
    functions: Mapping[str, Callable[[], object]], repeats: int
) -> dict[str, float]:
    """Median CPU time of each function; they take turns, so a busy spell hits all."""
    for function in functions.values():
        function()
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(repeats):
        for name, function in functions.items():
            start = time.process_time()
            function()
            seconds[name].append(time.process_time() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def peak_memory_bytes() -> int:
    """Largest resident size of this program (Linux); getrusage counts its parent's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(n.split()[1]) for n in lines if n.startswith("VmHWM:"))
