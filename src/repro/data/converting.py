"""The result of a pickle: arrays in the place of stand-ins, and nothing endless."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from repro.data.machine import LongString, Refused, short
from repro.data.stored_arrays import Blank, Kind, filled

_DEEPEST = 60
_SPARE = 64 << 20
_MOST_TIMES = 4
_LEAVES = (str, bytes, bool, int, float, complex, type(None), np.generic)


@dataclass
class _Walk:
    """What was converted, by identity: the object itself, its result and its size."""

    done: dict[int, tuple[Any, Any, int]] = field(default_factory=dict)
    open: set[int] = field(default_factory=set)


def converted(value: Any, file_size: int) -> Any:
    """The value with arrays in the place of their stand-ins.

    Shared objects are converted once. Their sizes count as often as they are met, so
    whoever walks through the result is done in a time that the file explains.

    Raises:
        Refused: it holds itself, is nested too deep, is larger than the file explains
            or has an array that was never filled.
    """
    result, size = _converted(value, 0, _Walk())
    if size > _MOST_TIMES * file_size + _SPARE:
        raise Refused(
            "the same objects again and again, written out more than "
            f"{_MOST_TIMES} times the {file_size} bytes of the file"
        )
    return result


def _converted(value: Any, depth: int, walk: _Walk) -> tuple[Any, int]:
    if isinstance(value, _LEAVES):
        return value, 1 + (len(value) if isinstance(value, str | bytes) else 0)
    if isinstance(value, np.ndarray):
        return value, 1 + value.nbytes
    key = id(value)
    if key in walk.done:
        return walk.done[key][1:]
    if key in walk.open:
        raise Refused(f"{short(value)} that holds itself")
    if depth > _DEEPEST:
        raise Refused(f"containers nested deeper than {_DEEPEST}")
    walk.open.add(key)
    result, size = _container(value, depth + 1, walk)
    walk.open.discard(key)
    walk.done[key] = (value, result, size)
    return result, size


def _container(value: Any, depth: int, walk: _Walk) -> tuple[Any, int]:
    if isinstance(value, LongString):
        return value.value(), 1 + len(value)
    if isinstance(value, Kind):
        return value.dtype() if not value.is_object else np.dtype(object), 1
    if isinstance(value, Blank):
        return _array(value, depth, walk)
    if type(value) in (set, frozenset):
        return value, 1 + sum(_converted(part, depth, walk)[1] for part in value)
    if type(value) is dict:
        return _dict(value, depth, walk)
    if type(value) in (list, tuple):
        return _sequence(value, depth, walk)
    raise Refused(f"{short(value)} as a value")


def _sequence(value: Any, depth: int, walk: _Walk) -> tuple[Any, int]:
    if type(value) is tuple:
        pairs = [_converted(part, depth, walk) for part in value]
        return tuple(part for part, _ in pairs), 1 + sum(size for _, size in pairs)
    total = 1
    for place, part in enumerate(value):
        value[place], size = _converted(part, depth, walk)
        total += size
    return value, total


def _dict(value: dict, depth: int, walk: _Walk) -> tuple[dict, int]:
    total = 1
    for key, part in value.items():
        value[key], size = _converted(part, depth, walk)
        total += size + _converted(key, depth, walk)[1]
    return value, total


def _array(blank: Blank, depth: int, walk: _Walk) -> tuple[np.ndarray, int]:
    if blank.elements is None:
        if blank.array is None:
            raise Refused("an array that was never filled")
        return blank.array, 1 + blank.array.nbytes
    elements, size = _sequence(blank.elements, depth, walk)
    return filled(blank, elements), size + 8 * len(elements)
