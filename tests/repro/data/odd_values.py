"""Values that no feature file should hold, for the fuzzing of the readers."""

import random
from typing import Any

import numpy as np


def _shared() -> list[Any]:
    """A list that is small as a pickle and endless as a text."""
    made: list[Any] = ["ha"]
    for _ in range(30):
        made = [made, made]
    return made


def _endless() -> list[Any]:
    made: list[Any] = []
    made.append(made)
    return made


def _deep() -> list[Any]:
    made: list[Any] = []
    for _ in range(80):
        made = [made]
    return made


PLAIN = (
    None,
    float("nan"),
    float("-inf"),
    -0.0,
    10**40,
    True,
    1j,
    "",
    "word",
    "\ud83d",
    "a$_$1",
    "x" * 2000,
    b"caf\xe9",
    b"v_1",
    {},
    {"a": 1},
    {1, 2},
    (),
)


def odd_value(dice: random.Random) -> Any:
    """One of many values."""
    count = dice.choice((0, 1, 2, 4, 7))
    shape = tuple(dice.choice((0, 1, 2, 4, 5)) for _ in range(dice.randrange(5)))
    kind = dice.choice(("f2", "f4", ">f8", "i1", "u8", "b1", "S3", "U2", "O", "f16"))
    made = (
        [None] * count,
        ["1.5"] * count,
        [[1.0]] * count,
        [float("-inf")] * count,
        np.float32("inf"),
        np.str_("v[1]"),
        np.bytes_(b"v_2"),
        np.array(3.0),
        np.zeros(shape, kind),
        np.ones(shape, kind if kind != "O" else "f8"),
        np.full(shape, -np.inf),
        np.full(shape, 1e300),
        np.full(shape, 1e-60),
        np.full(shape, None),
        np.dtype("f4"),
        _shared(),
        _endless(),
        _deep(),
        list(range(2000)),
    )
    return dice.choice(PLAIN if dice.random() < 0.4 else made)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every container of the value with every key of it."""
    found: list[tuple[Any, Any]] = []
    keys = list(value) if isinstance(value, dict) else range(len(value))
    for key in keys:
        found.append((value, key))
        if isinstance(value[key], dict | list):
            found += places(value[key])
    return found


def listed(value: Any) -> Any:
    """The value with lists for tuples and for arrays of names, so it can be changed."""
    if isinstance(value, dict):
        return {key: listed(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [listed(part) for part in value]
    if isinstance(value, np.ndarray) and value.dtype.kind in "SUO":
        return [listed(part) for part in value]
    return value
