"""Texts, names and numbers of stored columns; what is none of them is refused."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from repro.data.machine import short

Column = Sequence[Any] | np.ndarray
_LONGEST_NAME = 1000
_PLAIN = (bool, int, float, np.bool_, np.integer, np.floating)


def column(values: object, where: str) -> Column:
    """The values, once they are a list, a tuple or an array of at least one axis.

    Raises:
        ValueError: they are not; a string or a dict is no column either.
    """
    is_array = isinstance(values, np.ndarray) and values.ndim > 0
    if is_array or isinstance(values, list | tuple):
        return values  # type: ignore[return-value]
    kind = "a number without axes" if isinstance(values, np.ndarray) else short(values)
    raise ValueError(
        f"{where}: is {kind}, not a column with one entry per sample; give the right "
        "file or another `source`"
    )


def text(value: object, where: str) -> str:
    """A string, or UTF-8 bytes as one; None and NaN stand for an absent text.

    Raises:
        ValueError: it is anything else, or characters that UTF-8 cannot write.

    >>> text(np.bytes_(b"ab"), "here"), text(None, "here")
    ('ab', '')
    """
    if is_missing(value):
        return ""
    if not isinstance(value, str | bytes):
        raise ValueError(
            f"{where}: is {short(value)}, not a text; store a string there, or None "
            "where the text is absent"
        )
    try:
        string = value.decode() if isinstance(value, bytes) else str(value)
        string.encode()
    except UnicodeError as error:
        raise ValueError(
            f"{where}: {short(value)} is not UTF-8 text ({error.reason}); "  # type: ignore
            "decode it correctly and store it again"
        ) from None
    return string


def is_missing(value: object) -> bool:
    """Whether a value stands for an absent text: None or NaN.

    >>> is_missing(float("nan")), is_missing("nan")
    (True, False)
    """
    is_number = isinstance(value, float | np.floating)
    return value is None or (is_number and bool(np.isnan(value)))  # type: ignore


def texts(values: object, where: str) -> list[str]:
    """One text per sample.

    Raises:
        ValueError: it is no column, or an entry is no text; the message names it.
    """
    stored = column(values, where)
    return [text(value, f"{where}[{i}]") for i, value in enumerate(stored)]


def names(values: object, where: str) -> list[str]:
    """The name of every sample.

    Raises:
        ValueError: it is no column, or an entry is empty, very long or no text.
    """
    stored = column(values, where)
    return [name(value, f"{where}[{i}]") for i, value in enumerate(stored)]


def name(value: object, where: str) -> str:
    """A text that is not empty: the name of a sample.

    Raises:
        ValueError: it is none, or longer than a name is.
    """
    found = text(value, where)
    if not found.strip():
        raise ValueError(
            f"{where}: has no name ({short(value)}); give every sample one"
        )
    if len(found) > _LONGEST_NAME:
        raise ValueError(
            f"{where}: is a name of {len(found)} characters, at most {_LONGEST_NAME} "
            "are read; give the right file or another `source`"
        )
    return found


def number(value: object, where: str) -> float:
    """The one number that a value holds: itself, its text, or its only element.

    Raises:
        ValueError: it holds none or several.

    Python would also read `1_0` and digits of other scripts; they are refused.

    >>> number(np.array([[1.5]]), "here"), number("-2", "here")
    (1.5, -2.0)
    """
    if isinstance(value, np.ndarray | list | tuple):
        size = value.size if isinstance(value, np.ndarray) else len(value)
        if size != 1:
            raise ValueError(f"{where}: has {size} values, one is needed; correct it")
        inner = value.reshape(-1)[0] if isinstance(value, np.ndarray) else value[0]
        return number(inner, where)
    try:
        if isinstance(value, _PLAIN):
            return float(value)
        if isinstance(value, str | bytes):
            said = value.decode() if isinstance(value, bytes) else value
            if said.isascii() and "_" not in said:
                return float(said)
    except (ValueError, OverflowError):
        pass  # the message below names the value
    raise ValueError(f"{where}: is {short(value)}, not a number; correct it")


def numbers(values: object, where: str) -> Float64[np.ndarray, " samples"]:
    """One number per sample.

    Raises:
        ValueError: it is no column, or an entry is not one number.
    """
    stored = column(values, where)
    if isinstance(stored, np.ndarray) and stored.dtype.kind in "biuf":
        if stored.size != len(stored):
            raise ValueError(
                f"{where} has {stored.size} values for {len(stored)} samples; one each "
                "is needed"
            )
        return stored.astype(np.float64).reshape(-1)
    found = [number(value, f"{where}[{i}]") for i, value in enumerate(stored)]
    return np.array(found, dtype=np.float64)


def whole_numbers(values: object, where: str) -> Int64[np.ndarray, " samples"]:
    """One whole number per sample.

    Raises:
        ValueError: it is no column, or an entry is no whole number.
    """
    found = numbers(values, where)
    odd = ~np.isfinite(found) | (found != np.floor(found)) | (np.abs(found) > 2**53)
    if odd.any():
        first = int(np.argmax(odd))
        raise ValueError(
            f"{where}[{first}]: is {found[first]}, not a whole number; correct it"
        )
    return found.astype(np.int64)
