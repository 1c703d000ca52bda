"""Arrays of a pickle, rebuilt from a checked dtype, a checked shape and their bytes.

No state of the file reaches numpy: its own `__setstate__` believes what it is given,
and a file could make it read bytes as addresses.
"""

import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from repro.data.machine import LongString, Machine, Refused, short

_DTYPE = re.compile(r"[<>|=]?(?:(?P<kind>[biufSU])(?P<size>\d{1,9})|O[48]?)")
_SIZES = {"b": (1,), "i": (1, 2, 4, 8), "u": (1, 2, 4, 8), "f": (2, 4, 8, 16)}
_MOST_DIMENSIONS = 32
_LARGEST_NUMBER = 16  # bytes
_SMALL = 1 << 12  # bytes up to which an array gets memory of its own
_LAST_CHARACTER = 0x10FFFF
_PIECE = 1 << 20  # values that are checked at a time
_HEAD = 200  # bytes of an array object


@dataclass(eq=False)
class Kind:
    """A dtype of numbers, strings or objects; BUILD tells its byte order."""

    name: str
    order: str | None = None

    @property
    def is_object(self) -> bool:
        """Whether its arrays hold Python objects."""
        return "O" in self.name

    def dtype(self) -> np.dtype:
        """The dtype that numpy makes of the checked name."""
        return np.dtype((self.order or "=") + self.name.lstrip("<>|="))


@dataclass(eq=False)
class Blank:
    """An array before its BUILD; `elements` are those of an array of objects."""

    array: np.ndarray | None = None
    elements: list[Any] | None = None
    shape: tuple[int, ...] = ()
    order: str = "C"


def kind_of(name: object) -> Kind:
    """What `numpy.dtype` makes of a name.

    Raises:
        Refused: it is not a dtype of plain numbers, strings or objects.

    >>> kind_of("f4").dtype()
    dtype('float32')
    """
    match = _DTYPE.fullmatch(name) if isinstance(name, str) else None
    if match is None or not isinstance(name, str):
        raise Refused(
            f"numpy.dtype {short(name)} (kinds b, i, u, f, S, U and O are read)"
        )
    kind, size = match["kind"], match["size"]
    if kind in _SIZES and int(size) not in _SIZES[kind]:
        raise Refused(f"numpy.dtype {name!r}, which numpy does not have")
    return Kind(name)


def set_order(kind: Kind, state: object) -> None:
    """What BUILD says of a dtype: its byte order, and no fields or metadata.

    Raises:
        Refused: it says anything else.
    """
    is_state = isinstance(state, tuple) and 6 <= len(state) <= 9
    if not isinstance(state, tuple) or not is_state or kind.order is not None:
        raise Refused(f"a state of numpy.dtype {kind.name!r} that numpy does not write")
    order, sizes = state[1], (state[0], *state[5:8])
    if any(part is not None for part in (*state[2:5], *state[8:])):
        raise Refused("numpy.dtype with fields, a subarray or metadata")
    if not isinstance(order, str) or order not in ("<", ">", "|", "="):
        raise Refused(f"byte order {short(order)} of numpy.dtype {kind.name!r}")
    if any(type(size) is not int for size in sizes):
        raise Refused(f"a state of numpy.dtype {kind.name!r} that numpy does not write")
    if not kind.is_object and sizes[1] not in (-1, kind.dtype().itemsize):
        raise Refused(f"numpy.dtype {kind.name!r} of {sizes[1]} bytes")
    kind.order = order


def shape_of(shape: object, limit: int) -> tuple[int, ...]:
    """The shape, once it is one that a file of `limit` bytes can fill.

    Raises:
        Refused: it is not.
    """
    sizes = (shape,) if type(shape) is int else shape
    if not isinstance(sizes, tuple) or len(sizes) > _MOST_DIMENSIONS:
        raise Refused(f"shape {short(shape)} of an array")
    if any(type(size) is not int or not 0 <= size <= limit for size in sizes):
        raise Refused(f"a shape of an array that does not fit a file of {limit} bytes")
    if math.prod(size for size in sizes if size) > limit:
        raise Refused(f"shape {sizes} of an array, larger than a file of {limit} bytes")
    return sizes


def order_of(order: object) -> str:
    """C or F: how the values of an array follow each other.

    Raises:
        Refused: it is neither.
    """
    if type(order) in (bool, int) and order in (0, 1):
        return "F" if order else "C"
    if isinstance(order, str) and order in ("C", "F"):
        return order
    raise Refused(f"order {short(order)} of an array")


def array_of(
    data: object, kind: object, shape: tuple[int, ...], order: str, machine: Machine
) -> np.ndarray:
    """An array of exactly these bytes; a large one stays in the mapped file.

    Raises:
        Refused: they are more or fewer, or not of the kind.
    """
    if not isinstance(kind, Kind) or kind.is_object:
        raise Refused("bytes as an array without a dtype of numbers or strings")
    raw, dtype = _raw(data), kind.dtype()
    if dtype.itemsize > max(_LARGEST_NUMBER, len(machine.data)):  # also of no element
        raise Refused(f"an array of {dtype}, larger than the file")
    needed = math.prod(shape) * dtype.itemsize
    if len(raw) != needed:
        raise Refused(
            f"an array {shape} of {dtype} with {len(raw)} bytes; {needed} are needed"
        )
    machine.spend(len(raw) + _HEAD)  # also where nothing is copied: it is looked at
    if not needed:
        machine.spend(4 * math.prod(shape))
        return np.zeros(shape, dtype, order=order)  # type: ignore[call-overload]
    _check_values(raw, dtype)
    array: np.ndarray = np.ndarray(shape, dtype, raw, order=order)  # type: ignore
    return array if len(raw) > _SMALL else array.copy(order)  # type: ignore


def fill(blank: Blank, state: object, machine: Machine) -> None:
    """What BUILD says of an array: (version, shape, dtype, order, bytes or list).

    Raises:
        Refused: it says anything else, or a second time.
    """
    is_filled = blank.array is not None or blank.elements is not None
    if is_filled or not isinstance(state, tuple) or len(state) not in (4, 5):
        raise Refused("a state of numpy.ndarray that numpy does not write")
    stored_shape, kind, stored_order, data = state[-4:]
    shape = shape_of(stored_shape, len(machine.data))
    order = order_of(stored_order)
    if not isinstance(kind, Kind) or not kind.is_object:
        blank.array = array_of(data, kind, shape, order, machine)
        return
    if type(data) is not list or len(data) != math.prod(shape):
        raise Refused(
            f"an array {shape} of objects without its {math.prod(shape)} elements"
        )
    machine.spend(_HEAD + 8 * len(data))
    blank.elements, blank.shape, blank.order = data, shape, order


def filled(blank: Blank, elements: list[Any]) -> np.ndarray:
    """The array of objects that `blank` stands for, of converted elements."""
    array = np.empty(len(elements), dtype=object)
    for place, element in enumerate(elements):
        array[place] = element  # one by one: numpy would look into lists
    return array.reshape(blank.shape, order=blank.order)  # type: ignore[call-overload]


def _raw(data: object) -> bytes | memoryview:
    """The bytes of an array; Python 2 wrote them as text."""
    if isinstance(data, LongString) and data.encoding in (None, "latin-1"):
        return data.view
    value = data.value() if isinstance(data, LongString) else data
    if isinstance(value, str):
        try:
            return value.encode("latin-1")
        except UnicodeEncodeError:
            raise Refused("an array whose bytes are text") from None
    if not isinstance(value, bytes):
        raise Refused(f"an array whose bytes are {short(value)}")
    return value


def _check_values(raw: bytes | memoryview, dtype: np.dtype) -> None:
    if dtype.kind not in "bU":
        return
    is_text = dtype.kind == "U"
    most = _LAST_CHARACTER if is_text else 1
    numbers: np.ndarray = np.frombuffer(raw, np.uint32 if is_text else np.uint8)
    if not dtype.isnative:
        numbers = numbers.view(numbers.dtype.newbyteorder())
    for start in range(0, len(numbers), _PIECE):
        if numbers[start : start + _PIECE].max() > most:
            raise Refused(f"an array of {dtype} with values that {dtype} does not have")
