"""Pickles of downloaded features, read without running anything they name."""

import pickle
import struct
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

_BROKEN = (
    pickle.UnpicklingError,
    AttributeError,
    EOFError,
    ImportError,
    IndexError,
    KeyError,
    MemoryError,
    OverflowError,
    TypeError,
    ValueError,
    struct.error,
)


class _RefusedError(Exception):
    """The pickle names something that is not data."""


def _encoded(text: str, encoding: str) -> bytes:
    """How old pickles spell bytes: Latin-1 text; no other codec is looked up."""
    if encoding not in ("latin1", "latin-1"):
        raise _RefusedError(f"_codecs.encode with {encoding!r}")
    return text.encode("latin-1")


def _admitted() -> dict[tuple[str, str], Callable[..., Any]]:
    array: Any = np.zeros(1)
    scalar: Any = np.float64(0)
    rebuild_array = array.__reduce__()[0]
    rebuild_scalar = scalar.__reduce__()[0]
    rebuild_buffer = array.__reduce_ex__(5)[0]
    names: dict[tuple[str, str], Callable[..., Any]] = {
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
        ("_codecs", "encode"): _encoded,
        ("collections", "OrderedDict"): OrderedDict,
    }
    for core in ("numpy.core", "numpy._core"):  # numpy 1 and numpy 2
        names[f"{core}.multiarray", "_reconstruct"] = rebuild_array
        names[f"{core}.multiarray", "scalar"] = rebuild_scalar
        names[f"{core}.numeric", "_frombuffer"] = rebuild_buffer
    for module in ("builtins", "__builtin__"):  # Python 3 and Python 2
        for kind in (list, dict, tuple, set, frozenset, bytearray, complex):
            names[module, kind.__name__] = kind
    return names


class _DataUnpickler(pickle.Unpickler):
    """Admits plain containers, strings, numbers and numpy arrays only."""

    def find_class(self, module: str, name: str) -> Callable[..., Any]:
        admitted = _admitted()
        if (module, name) not in admitted:
            raise _RefusedError(f"{module}.{name}")
        return admitted[module, name]


def load_pickle(path: Path) -> Any:
    """Content of a pickle of plain containers, strings, numbers and numpy arrays.

    Strings written by Python 2 are read as Latin-1.

    Raises:
        ValueError: the file is missing, cut short, no pickle, or names anything
            else (a class, a function), which is refused by name and not imported.
    """
    if not path.is_file():
        raise ValueError(f"{path}: no such file; put it there or correct its path")
    try:
        with path.open("rb") as handle:
            return _DataUnpickler(handle, encoding="latin1").load()
    except _RefusedError as error:
        raise ValueError(
            f"{path}: the pickle asks for {error}, which is not data; refused. "
            "Only plain containers, strings, numbers and numpy arrays are read"
        ) from None
    except _BROKEN as error:
        raise ValueError(
            f"{path}: not a complete pickle ({type(error).__name__}: {error}); "
            "download it again and compare its SHA-256"
        ) from error
