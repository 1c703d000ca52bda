"""Independent pieces of one cell in forked processes, one torch thread each."""

import multiprocessing
import os
from collections.abc import Callable, Sequence
from typing import Any

from repro.process import die_with_parent

Task = Callable[[], Any]
_tasks: Sequence[Task] = ()


def in_parallel(tasks: Sequence[Task], processes: int | None = None) -> list[Any]:
    """Results of the tasks in their order; as many processes as cores.

    Which process runs a task changes no result: every task carries its own
    generators. With CUDA, or with one task or core, they run here one after another.

    >>> in_parallel([lambda: 1, lambda: 2], processes=2)
    [1, 2]
    """
    count = min(len(tasks), processes or len(os.sched_getaffinity(0)))
    if count <= 1:
        return [task() for task in tasks]
    global _tasks
    _tasks = tasks
    parent = os.getpid()
    context = multiprocessing.get_context("fork")
    with context.Pool(count, initializer=die_with_parent, initargs=(parent,)) as pool:
        return pool.map(_call, range(len(tasks)), chunksize=1)


def _call(number: int) -> Any:
    return _tasks[number]()
