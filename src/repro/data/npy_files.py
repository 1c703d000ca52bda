"""Arrays of .npy files, whose header is checked before anything is loaded."""

import math
import re
from pathlib import Path

import numpy as np

from repro.data.places import foreign, regular_file

_MAGIC = b"\x93NUMPY"
_LONGEST_HEADER = 10_000  # as in numpy
# As numpy writes it; Python 2 wrote sizes such as 8L. Nothing is evaluated.
_HEADER = re.compile(
    r"\{\s*'descr':\s*'(?P<descr>[^'\\]{1,20})',\s*'fortran_order':\s*"
    r"(?P<fortran>True|False),\s*'shape':\s*\("
    r"(?P<shape>(?:\d{1,18}L?, ?){0,31}(?:\d{1,18}L?)?)\),?\s*\}\s*"
)
_KIND = re.compile(r"[<>|=](?:i[1248]|u[1248]|f(?:2|4|8|16))")


def npy_array(path: Path) -> np.ndarray:
    """The array of a .npy file, which stays in the file until it is used.

    Source: the format of `numpy.lib.format`, versions 1 to 3.
    Raises:
        ValueError: the file is missing, no .npy file of numbers, or shorter or longer
            than its header says.
    """
    size = regular_file(path).stat().st_size
    with path.open("rb") as handle:
        start = handle.read(10 + 2 + _LONGEST_HEADER)
    header, offset = _header(start, path)
    descr, shape = header["descr"], _shape(header["shape"])
    if "O" in descr:
        raise _incomplete(path, "it holds objects")
    if not _KIND.fullmatch(descr):
        raise ValueError(f"{path}: holds {_kind(descr)}; save one array of numbers")
    dtype = np.dtype(descr)
    needed = offset + math.prod(shape) * dtype.itemsize
    if size != needed or any(length > size for length in shape):
        raise _incomplete(
            path, f"shape {shape} of {dtype} needs {needed} bytes, {size} are there"
        )
    order = "F" if header["fortran"] == "True" else "C"
    if not math.prod(shape):  # an empty file cannot be mapped
        return np.zeros(shape, dtype, order=order)  # type: ignore[call-overload]
    return np.memmap(path, dtype, "r", offset, shape, order)  # type: ignore


def _header(start: bytes, path: Path) -> tuple[re.Match[str], int]:
    what = "a pickle" if start[:1] == b"\x80" else foreign(start)
    if what:
        raise _incomplete(path, f"it is {what}")
    if not start.startswith(_MAGIC) or len(start) < 12:
        raise _incomplete(path, "it does not begin as one")
    width = 2 if start[6] == 1 else 4
    first = 8 + width
    length = int.from_bytes(start[8:first], "little")
    text = start[first : first + length].decode("latin-1")
    if start[6] not in (1, 2, 3) or length > _LONGEST_HEADER or len(text) < length:
        raise _incomplete(path, f"version {start[6]}, header of {length} bytes")
    header = _HEADER.fullmatch(text)
    if header is None:
        raise _incomplete(path, f"header {text[:60]!r}")
    return header, first + length


def _shape(text: str) -> tuple[int, ...]:
    return tuple(int(size) for size in re.findall(r"\d+", text))


def _kind(descr: str) -> str:
    """What numpy calls a type, where it has a plain one."""
    is_plain = re.fullmatch(r"[<>|=]?(?:b1|c8|c16|[SUV]\d{0,4})", descr)
    return str(np.dtype(descr)) if is_plain else repr(descr)


def _incomplete(path: Path, why: str) -> ValueError:
    return ValueError(
        f"{path}: not a complete .npy file of numbers ({why}); save it again with "
        "numpy.save, without objects"
    )
