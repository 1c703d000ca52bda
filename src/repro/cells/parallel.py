"""Independent pieces of one cell in forked processes, one torch thread each."""

import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import torch

from repro.process import cores, die_with_parent

Task = Callable[[], Any]
_tasks: Sequence[Task] = ()


def in_parallel(tasks: Sequence[Task], processes: int | None = None) -> list[Any]:
    """Results of the tasks in their order; as many processes as cores.

    Which process runs a task changes no result: every task carries its own
    generators. With CUDA in use (it does not survive a fork), or with one task or
    core, they run here one after another.

    Raises:
        OSError: a process was ended from outside, most often for want of memory.

    >>> in_parallel([lambda: 1, lambda: 2], processes=2)
    [1, 2]
    """
    count = min(len(tasks), processes or cores())
    if count <= 1 or torch.cuda.is_initialized():
        return [task() for task in tasks]
    global _tasks
    _tasks = tasks
    context = multiprocessing.get_context("fork")
    # Unlike multiprocessing.Pool, this one notices a killed process and does not hang.
    with ProcessPoolExecutor(count, context, die_with_parent, (os.getpid(),)) as pool:
        try:
            return list(pool.map(_call, range(len(tasks))))
        except BrokenProcessPool as error:
            raise OSError(
                f"one of {count} training processes was ended from outside; free "
                "memory, or let the stage use fewer cores (taskset) and run again"
            ) from error


def _call(number: int) -> Any:
    return _tasks[number]()
