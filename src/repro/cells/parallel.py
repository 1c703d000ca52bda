"""Independent pieces of one cell in forked processes, one torch thread each."""

import logging
import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

import torch
from tqdm import tqdm

from repro.process import cores, die_with_parent

_log = logging.getLogger(__name__)
Task = Callable[[], Any]
_T = TypeVar("_T")
_tasks: Sequence[Task] = ()


def in_parallel(
    tasks: Sequence[Task], processes: int | None = None, label: str = ""
) -> list[Any]:
    """Results of the tasks in their order; as many processes as cores.

    With a label it is told how many are done: by a bar on a terminal, with the time
    that is left, else line by line.

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
        return [task() for task in counted(tasks, len(tasks), label)]
    global _tasks
    _tasks = tasks
    context = multiprocessing.get_context("fork")
    # Unlike multiprocessing.Pool, this one notices a killed process and does not hang.
    with ProcessPoolExecutor(count, context, die_with_parent, (os.getpid(),)) as pool:
        futures: list[Future] = []
        try:
            futures += [pool.submit(_call, number) for number in range(len(tasks))]
            for future in counted(as_completed(futures), len(tasks), label):
                future.result()  # a failure is told at once
            return [future.result() for future in futures]
        except BrokenProcessPool as error:
            raise OSError(
                f"one of {count} training processes was ended from outside; free "
                "memory, or let the stage use fewer cores (taskset) and run again"
            ) from error
        finally:
            for future in futures:
                future.cancel()  # what has not begun when another one failed


def _call(number: int) -> Any:
    return _tasks[number]()


def counted(items: Iterable[_T], total: int, label: str) -> Iterator[_T]:
    """The items, while it is told how many have been worked on.

    >>> list(counted("ab", 2, ""))
    ['a', 'b']
    """
    if not label:
        yield from items
        return
    bar = tqdm(items, label, total, leave=False, disable=None, unit="fit")
    for number, item in enumerate(bar, start=1):
        yield item
        if bar.disable:
            _log.info("%s: %d of %d fits", label, number, total)
