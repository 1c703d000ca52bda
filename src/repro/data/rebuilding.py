"""What the globals that a pickle may name stand for; none of them is imported."""

import codecs
from collections.abc import Callable
from typing import Any

import numpy as np

from repro.data.machine import LongString, Machine, Name, Refused, release, short
from repro.data.stored_arrays import Blank, Kind, array_of, kind_of, order_of, shape_of

_ITEM = 100  # bytes of an item of a container
_PIECE = 4 << 20  # bytes of a text that are decoded at once
_SCALARS = (bool, int, float, str, bytes, type(None), np.generic)
_MOST_KEY = 1 << 63  # greater integers can be made to collide in a dict


def call(name: Name, arguments: tuple, machine: Machine) -> Any:
    """What REDUCE makes of an admitted global.

    Raises:
        Refused: the arguments are not those that a pickler writes.
    """
    return _ADMITTED[name.module, name.name](arguments, machine)


def is_admitted(module: str, name: str) -> bool:
    """Whether a pickle may name this.

    >>> is_admitted("numpy", "dtype"), is_admitted("os", "system")
    (True, False)
    """
    return (module, name) in _ADMITTED


def check_key(key: Any) -> None:
    """Stop before a hash that is slow, endless or made to collide.

    Raises:
        Refused: the key is no string or number, as a tuple is none.
    """
    is_large = isinstance(key, int) and abs(key) > _MOST_KEY
    is_long = isinstance(key, np.longdouble)  # its hash is that of a shorter number
    if not isinstance(key, _SCALARS) or is_large or is_long:
        raise Refused(
            f"{short(key)} as a key or member (strings and numbers are read there)"
        )


def fill_dict(target: dict, items: list[Any], machine: Machine) -> None:
    """Set keys and values that follow each other.

    Raises:
        Refused: there is no value for the last key, or a key that is none.
    """
    if len(items) % 2:
        raise Refused("a dict with a key that has no value")
    machine.spend(2 * _ITEM + _ITEM * len(items) // 2)
    for key, value in zip(items[::2], items[1::2], strict=True):
        check_key(key)
        target[key] = value


def fill_set(target: set, items: list[Any] | tuple, machine: Machine) -> None:
    """Add members.

    Raises:
        Refused: one of them is no string or number.
    """
    machine.spend(2 * _ITEM + _ITEM * len(items))
    for item in items:
        check_key(item)
        target.add(item)


def _one(arguments: tuple, what: str) -> list[Any] | tuple:
    if not arguments:
        return []
    if len(arguments) != 1 or type(arguments[0]) not in (list, tuple):
        raise Refused(f"{what} of something that is no list")
    return arguments[0]


def _list(arguments: tuple, machine: Machine) -> list[Any]:
    items = _one(arguments, "list")
    machine.spend(_ITEM + 8 * len(items))
    return list(items)


def _tuple(arguments: tuple, machine: Machine) -> tuple:
    return tuple(_list(arguments, machine))


def _set(arguments: tuple, machine: Machine) -> set:
    made: set[Any] = set()
    fill_set(made, _one(arguments, "set"), machine)
    return made


def _frozenset(arguments: tuple, machine: Machine) -> frozenset:
    return frozenset(_set(arguments, machine))


def _dict(arguments: tuple, machine: Machine) -> dict:
    made: dict[Any, Any] = {}
    pairs = _one(arguments, "dict")
    if any(type(pair) not in (list, tuple) or len(pair) != 2 for pair in pairs):
        raise Refused("a dict of items that are no pairs")
    fill_dict(made, [part for pair in pairs for part in pair], machine)
    return made


def _complex(arguments: tuple, machine: Machine) -> complex:
    if len(arguments) != 2 or any(type(part) is not float for part in arguments):
        raise Refused("complex of something that is no two numbers")
    return complex(*arguments)


def _encode(arguments: tuple, machine: Machine) -> bytes | LongString:
    """How old pickles spell bytes: Latin-1 text; no other codec is looked up."""
    if len(arguments) != 2 or not _is_latin(arguments[1]):
        codec = arguments[1] if len(arguments) == 2 else arguments
        raise Refused(f"_codecs.encode with {short(codec)}")
    return _bytes_of_text(arguments[0], machine)


def _is_latin(codec: Any) -> bool:
    return isinstance(codec, str) and codec in ("latin1", "latin-1")


def _bytearray(arguments: tuple, machine: Machine) -> bytes | LongString:
    if not arguments:
        return b""
    data, *encoding = arguments
    if len(encoding) == 1 and _is_latin(encoding[0]):
        return _bytes_of_text(data, machine)
    is_stored = isinstance(data, LongString) and data.encoding is None
    if encoding or not (is_stored or isinstance(data, bytes)):
        raise Refused(f"bytearray of {short(data)} (bytes are needed)")
    return data


def _bytes_of_text(text: Any, machine: Machine) -> bytes | LongString:
    if not isinstance(text, str | LongString):
        raise Refused(f"_codecs.encode of {short(text)} (text is needed)")
    machine.spend(len(text))
    if isinstance(text, LongString) and text.encoding is None:
        raise Refused("_codecs.encode of bytes (text is needed)")
    try:
        if isinstance(text, LongString) and text.encoding == "utf-8":
            return _latin_bytes(text)
        value = str(text.value()) if isinstance(text, LongString) else text
        return value.encode("latin-1")
    except UnicodeEncodeError:
        raise Refused("_codecs.encode of text that is not Latin-1") from None
    except UnicodeDecodeError as error:
        raise Refused(f"a string that is not utf-8 ({error.reason})") from None


def _latin_bytes(text: LongString) -> LongString:
    """The bytes that a text spells, a piece at a time: the text is never whole."""
    view, starts = text.view, range(0, len(text), _PIECE)
    raw: np.ndarray = np.frombuffer(view, np.uint8)
    follows = sum(int((raw[s : s + _PIECE] & 0xC0 == 0x80).sum()) for s in starts)
    found, place = bytearray(len(text) - follows), 0
    decoder = codecs.getincrementaldecoder("utf-8")("surrogatepass")
    for start in starts:
        is_last = start + _PIECE >= len(text)
        piece = decoder.decode(view[start : start + _PIECE], is_last).encode("latin-1")
        found[place : place + len(piece)] = piece
        place += len(piece)
        release(view)
    return LongString(memoryview(found), None)


def _dtype(arguments: tuple, machine: Machine) -> Kind:
    if not 1 <= len(arguments) <= 3:
        raise Refused("numpy.dtype with other arguments than numpy writes")
    machine.spend(_ITEM)
    return kind_of(arguments[0])


def _reconstruct(arguments: tuple, machine: Machine) -> Blank:
    is_name = len(arguments) == 3 and isinstance(arguments[0], Name)
    if not is_name or arguments[0] != Name("numpy", "ndarray"):
        raise Refused("numpy _reconstruct of something that is no numpy.ndarray")
    machine.spend(_ITEM)
    return Blank()


def _from_buffer(arguments: tuple, machine: Machine) -> Any:
    if not 4 <= len(arguments) <= 5:
        raise Refused("numpy _frombuffer with other arguments than numpy writes")
    data, kind, stored_shape, order = arguments[:4]
    shape = shape_of(stored_shape, len(machine.data))
    places = arguments[4] if len(arguments) == 5 else None
    if places is None:
        return array_of(data, kind, shape, order_of(order), machine)
    is_short = type(places) is tuple and len(places) == len(shape)
    are_plain = is_short and all(type(axis) is int for axis in places)
    is_whole = are_plain and sorted(places) == list(range(len(shape)))
    if not is_whole or not isinstance(order, str) or order != "K":
        raise Refused("numpy _frombuffer with other arguments than numpy writes")
    return array_of(data, kind, shape, "C", machine).transpose(places)


def _scalar(arguments: tuple, machine: Machine) -> Any:
    if len(arguments) != 2:
        raise Refused("numpy scalar with other arguments than numpy writes")
    kind, data = arguments
    return array_of(data, kind, (1,), "C", machine)[0]


def _no_call(arguments: tuple, machine: Machine) -> Any:
    raise Refused("numpy.ndarray called by itself (numpy writes _reconstruct)")


_CONTAINERS: dict[str, Callable[[tuple, Machine], Any]] = {
    "list": _list,
    "dict": _dict,
    "tuple": _tuple,
    "set": _set,
    "frozenset": _frozenset,
    "bytearray": _bytearray,
    "bytes": _bytearray,  # how old protocols write empty bytes
    "complex": _complex,
}
_ADMITTED: dict[tuple[str, str], Callable[[tuple, Machine], Any]] = {
    ("numpy", "ndarray"): _no_call,
    ("numpy", "dtype"): _dtype,
    ("_codecs", "encode"): _encode,
    ("collections", "OrderedDict"): _dict,
    **{
        (f"{core}.{module}", name): function
        for core in ("numpy.core", "numpy._core")  # numpy 1 and numpy 2
        for module, name, function in (
            ("multiarray", "_reconstruct", _reconstruct),
            ("multiarray", "scalar", _scalar),
            ("numeric", "_frombuffer", _from_buffer),
        )
    },
    **{
        (module, name): function
        for module in ("builtins", "__builtin__")  # Python 3 and Python 2
        for name, function in _CONTAINERS.items()
    },
}
