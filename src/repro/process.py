"""What a stage process sets about itself before heavy libraries are imported."""

import ctypes
import logging
import os
import platform
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4
_NEVER, _SPARE = 2**31 - 1, 64 << 20
_WATCH, _EVERY = "watch", 0.5  # seconds between two looks at the parent
# Libraries pick kernels by the make of the processor, and these round differently; a
# last digit of a feature is another model some epochs later. AVX2 is on all of them.
_SAME_KERNELS = {
    "OPENBLAS_CORETYPE": "Haswell",
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_CBWR": "AVX2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
}
_LESS = "free memory, lower the batch, or use fewer cores (taskset), and run again"


def prepare() -> None:
    """One thread per process, large buffers kept, and an end with the parent.

    glibc gives large freed blocks back to the kernel; a training step then spends a
    fifth of its time on page faults. Without separate mappings and without trimming
    the blocks stay (all three settings are needed; measured with the step benchmark).
    """
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
    if _has_avx2():
        os.environ.update(_SAME_KERNELS)
    # Without it CUDA matrix products are not deterministic.
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_MAX, 0)
        libc.mallopt(_M_TRIM_THRESHOLD, _NEVER)
        libc.mallopt(_M_TOP_PAD, _SPARE)
    watch_parent()


def _has_avx2() -> bool:
    """Whether this is x86-64 with AVX2, which those kernels need."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return False
    return " avx2 " in Path("/proc/cpuinfo").read_text()


def watch_parent() -> None:
    """End this stage, with a word, when the process that started it ends.

    Not by a signal of the kernel: that comes without a word, and already when the
    thread ends that started the stage.
    """
    if any(thread.name == _WATCH for thread in threading.enumerate()):
        return
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_EVERY)
        sys.stderr.write(
            f"error: process {parent}, which started this stage, has ended, and so "
            "does the stage; run it again\n"
        )
        sys.stderr.flush()
        os._exit(1)

    threading.Thread(target=watch, name=_WATCH, daemon=True).start()


def die_with_parent(parent: int) -> None:
    """End this worker when the stage that forked it ends: nothing writes on alone."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before the line above
        os.kill(os.getpid(), signal.SIGKILL)


def peak_memory_bytes() -> int:
    """Largest resident size of this process and of its finished children."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    return max(resource.getrusage(kind).ru_maxrss for kind in kinds) * unit


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_stage(main: Callable[[], None]) -> None:
    """Run a stage; a known error ends it with one sentence, exit status 1.

    What it reports on the way goes to standard error, one plain line each.
    """
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("repro").setLevel(logging.INFO)
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("error: interrupted; run it again, it starts from whole files")
    except RecursionError:
        sys.exit("error: the input is nested too deeply; make it flat and run again")
    except MemoryError as error:
        sys.exit(f"error: out of memory: {str(error) or 'no more is free'}; {_LESS}")
    except (ValueError, OSError, FloatingPointError) as error:
        sys.exit(f"error: {error}")
    except RuntimeError as error:
        first = str(error).partition("\n")[0]
        if "memory" not in first:  # a bug: its traceback is worth more
            raise
        sys.exit(f"error: {first}; {_LESS}")
