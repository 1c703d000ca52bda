"""Pickles of downloaded features, read without running anything they name.

The opcodes are run by our own machine, so nothing is imported and no numpy code sees
what the file says of an array. Large arrays stay in the mapped file.
"""

import gc
import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from repro.data.converting import converted
from repro.data.machine import Cut, Machine, Refused
from repro.data.opcodes import OPERATIONS
from repro.data.places import foreign, regular_file

_STOP = ord(".")
_AGAIN = "download it again and compare its SHA-256"
_CONTENT = (
    "Only plain containers, strings, numbers and numpy arrays of them are read; give "
    "the file of features itself, or save its content as those"
)


def load_pickle(path: Path) -> Any:
    """Content of a pickle of plain containers, strings, numbers and numpy arrays.

    Strings written by Python 2 are read as Latin-1, bytearrays as bytes. Arrays of
    more than 4 kB are read-only and stay in the file, which must not change.

    Raises:
        ValueError: the file is missing, cut short, no pickle or several, asks for more
            than a file of its size holds, or names anything else (a class, a function),
            which is refused by name and not imported.
    """
    machine = Machine(_mapped(path))
    if what := foreign(bytes(machine.data[:32])):
        raise ValueError(f"{path}: not a complete pickle, but {what}")
    # Millions of containers without a circle: the collector would walk all of them
    # over and over.
    with _without_collector():
        try:
            return _result(machine, path)
        except MemoryError:
            raise ValueError(
                f"{path}: holds more than fits into memory; use a larger machine"
            ) from None


def _mapped(path: Path) -> memoryview:
    with regular_file(path).open("rb") as handle:
        if path.stat().st_size == 0:
            raise ValueError(f"{path}: not a complete pickle (it is empty); {_AGAIN}")
        return memoryview(mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ))


def _result(machine: Machine, path: Path) -> Any:
    try:
        content = converted(_run(machine), len(machine.data))
    except Refused as error:
        raise ValueError(
            f"{path}: {_place(machine)}, the pickle asks for {error}, which is not "
            f"data; refused. {_CONTENT}"
        ) from None
    except Cut as error:
        raise ValueError(
            f"{path}: not a complete pickle ({_place(machine)}: {error}); {_AGAIN}"
        ) from None
    if left := len(machine.data) - machine.position:
        raise ValueError(
            f"{path}: {_place(machine)} ends the pickle, but {left} bytes follow it; "
            "give a file that holds one pickle, so that nothing is lost"
        )
    return content


def _run(machine: Machine) -> Any:
    data, size = machine.data, len(machine.data)
    while machine.position < size:
        machine.begun = machine.position
        code = data[machine.position]
        machine.position += 1
        if code not in OPERATIONS:
            raise Cut(f"{bytes([code])!r} is no opcode")
        if code == _STOP:
            return machine.pop()
        _, cost, operation = OPERATIONS[code]
        machine.spend(cost)
        operation(machine)
    raise Cut("the file ends without STOP")


def _place(machine: Machine) -> str:
    code = machine.data[machine.begun]
    name = OPERATIONS[code][0] if code in OPERATIONS else "no opcode"
    return f"byte {machine.begun} ({name})"


@contextmanager
def _without_collector() -> Iterator[None]:
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
