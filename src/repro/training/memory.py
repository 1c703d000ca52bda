"""What is said where memory runs out: how many rows would fit."""

from collections.abc import Callable, Iterator
from typing import TypeVar

import torch

_T = TypeVar("_T")


def within_memory(run: Callable[[int], _T], rows: int, setting: str) -> _T:
    """What `run(rows)` gives; where memory runs out, a sentence with what would fit.

    That is found by trying: half of the rows, half of these, and so on. `setting`
    names the number that is to be lowered.

    Raises:
        MemoryError: memory of the device or of this machine is too small.

    >>> within_memory(lambda rows: rows * 2, 8, "training.batch")
    16
    """
    try:
        return run(rows)
    except (MemoryError, RuntimeError) as error:
        if not is_exhausted(error):
            raise
        said = str(error).partition("\n")[0]
    # Not within `except`: there the traceback holds what the failed run has allocated.
    fits = next((fewer for fewer in _halves(rows) if _fits(run, fewer)), None)
    if fits is None:
        raise MemoryError(f"not one row fits ({said})")
    raise MemoryError(
        f"{rows} rows at once are too many, {fits} fit; set {setting} of the preset "
        f"to {fits} ({said})"
    )


def is_exhausted(error: BaseException) -> bool:
    """Whether an error says that no memory is left.

    >>> is_exhausted(MemoryError()), is_exhausted(RuntimeError("size mismatch"))
    (True, False)
    """
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)


def _halves(rows: int) -> Iterator[int]:
    while rows > 1:
        rows //= 2
        yield rows


def _fits(run: Callable[[int], object], rows: int) -> bool:
    try:
        run(rows)
    except (MemoryError, RuntimeError) as error:
        if not is_exhausted(error):
            raise
        return False
    return True
