"""What a stage process sets about itself before heavy libraries are imported."""

import ctypes
import logging
import os
import resource
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4
_NEVER, _SPARE = 2**31 - 1, 64 << 20


def prepare() -> None:
    """One thread per process, large buffers kept, and an end with the parent.

    glibc gives large freed blocks back to the kernel; a training step then spends a
    fifth of its time on page faults. Without separate mappings and without trimming
    the blocks stay (all three settings are needed; measured with the step benchmark).
    """
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
    # Without it CUDA matrix products are not deterministic.
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_MAX, 0)
        libc.mallopt(_M_TRIM_THRESHOLD, _NEVER)
        libc.mallopt(_M_TOP_PAD, _SPARE)
    die_with_parent(os.getppid())


def die_with_parent(parent: int) -> None:
    """End this process when its parent ends, so that nothing writes on alone."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before the line above
        os.kill(os.getpid(), signal.SIGKILL)


def peak_memory_bytes() -> int:
    """Largest resident size of this process and of its finished children."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(kind).ru_maxrss for kind in kinds) * 1024


def run_stage(main: Callable[[], None]) -> None:
    """Run a stage; a known error ends it with its message alone, exit status 1.

    What it reports on the way goes to standard error, one plain line each.
    """
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("repro").setLevel(logging.INFO)
    try:
        main()
    except (ValueError, OSError, FloatingPointError) as error:
        sys.exit(f"error: {error}")
