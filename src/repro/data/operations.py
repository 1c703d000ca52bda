"""What the opcodes of pickles do on the machine, as far as data need them."""

import re
import struct
from collections.abc import Callable
from typing import Any

from repro.data import rebuilding
from repro.data.machine import (
    MOST_NUMBER_BYTES,
    Cut,
    Machine,
    Name,
    Refused,
    short,
)
from repro.data.stored_arrays import Blank, Kind, fill, set_order

_DIGITS = re.compile(r"-?[0-9]{1,150}L?")
_PLACE = re.compile(r"[0-9]{1,18}")
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|.|$)", re.DOTALL)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", "'": "'", '"': '"'}
_SLOT = 8  # bytes of a place in a container
_HIGHEST = 5


def protocol(machine: Machine) -> None:
    if (protocol := machine.number(1)) > _HIGHEST:
        raise Refused(f"protocol {protocol}; 0 to {_HIGHEST} are read")


def frame(machine: Machine) -> None:
    count = machine.number(8)
    left = len(machine.data) - machine.position
    if count > left:
        raise Cut(f"a frame of {count} bytes is announced, {left} are left")


def push(value: Any, machine: Machine) -> None:
    machine.stack.append(value)


def integer(width: int, signed: bool, machine: Machine) -> None:
    machine.stack.append(machine.number(width, signed=signed))


def long(width: int, machine: Machine) -> None:
    count = machine.number(width, signed=width > 1)
    if not 0 <= count <= MOST_NUMBER_BYTES:
        raise Refused(f"a number of {count} bytes")
    machine.stack.append(machine.number(count, signed=True))


def decimal(machine: Machine) -> None:
    """INT and LONG of protocol 0; 00 and 01 are truth values."""
    line = machine.line()
    if line in ("00", "01"):
        machine.stack.append(line == "01")
        return
    if not _DIGITS.fullmatch(line):
        raise Cut(f"{line[:40]!r} as a number")
    machine.stack.append(int(line.removesuffix("L")))


def float_line(machine: Machine) -> None:
    line = machine.line()
    try:
        machine.stack.append(float(line[:400]))
    except ValueError:
        raise Cut(f"{line[:40]!r} as a number") from None


def float_(machine: Machine) -> None:
    machine.stack.append(struct.unpack(">d", machine.view(8))[0])


def string(width: int, encoding: str | None, machine: Machine) -> None:
    machine.stack.append(machine.string(machine.number(width), encoding))


def quoted(machine: Machine) -> None:
    """STRING of protocol 0: a string as Python 2 prints it."""
    line = machine.line()
    if len(line) < 2 or line[0] != line[-1] or line[0] not in "'\"":
        raise Cut("a string without quotes")
    machine.spend(60 + 2 * len(line))
    machine.stack.append(_ESCAPE.sub(_unescaped, line[1:-1]))


def _unescaped(found: re.Match[str]) -> str:
    escaped = found[1]
    if escaped not in _ESCAPED and len(escaped) != 3:
        raise Cut(f"a string with the escape {found[0]!r}")
    return _ESCAPED[escaped] if escaped in _ESCAPED else chr(int(escaped[1:], 16))


def raw_unicode(machine: Machine) -> None:
    line = machine.line()
    machine.spend(60 + 4 * len(line))
    try:
        text = line.encode("latin-1").decode("raw_unicode_escape")
    except UnicodeDecodeError as error:
        raise Cut(f"a string with {error.reason}") from None
    machine.stack.append(text)


def mark(machine: Machine) -> None:
    machine.marks.append(machine.stack)
    machine.stack = []


def pop(machine: Machine) -> None:
    if machine.stack:
        machine.stack.pop()
    else:
        machine.pop_mark()


def pop_mark(machine: Machine) -> None:
    machine.pop_mark()


def duplicate(machine: Machine) -> None:
    machine.stack.append(machine.top())


def tuple_(count: int, machine: Machine) -> None:
    items = [machine.pop() for _ in range(count)]
    machine.stack.append(tuple(reversed(items)))


def marked(kind: Callable[[list[Any]], Any], machine: Machine) -> None:
    items = machine.pop_mark()
    machine.spend(_SLOT * len(items))
    machine.stack.append(kind(items))


def new(kind: Callable[[], Any], machine: Machine) -> None:
    machine.stack.append(kind())


def marked_dict(machine: Machine) -> None:
    made: dict[Any, Any] = {}
    rebuilding.fill_dict(made, machine.pop_mark(), machine)
    machine.stack.append(made)


def frozen_set(machine: Machine) -> None:
    made: set[Any] = set()
    rebuilding.fill_set(made, machine.pop_mark(), machine)
    machine.stack.append(frozenset(made))


def _target(machine: Machine, kind: type) -> Any:
    target = machine.top()
    if type(target) is not kind:
        raise Refused(f"items for {short(target)}, which is no {kind.__name__}")
    return target


def append(machine: Machine) -> None:
    item = machine.pop()
    _target(machine, list).append(item)


def appends(machine: Machine) -> None:
    items = machine.pop_mark()
    machine.spend(_SLOT * len(items))
    _target(machine, list).extend(items)


def set_item(machine: Machine) -> None:
    value, key = machine.pop(), machine.pop()
    rebuilding.fill_dict(_target(machine, dict), [key, value], machine)


def set_items(machine: Machine) -> None:
    items = machine.pop_mark()
    rebuilding.fill_dict(_target(machine, dict), items, machine)


def add_items(machine: Machine) -> None:
    items = machine.pop_mark()
    rebuilding.fill_set(_target(machine, set), items, machine)


def remember(width: int, machine: Machine) -> None:
    machine.remember(machine.number(width))


def memoize(machine: Machine) -> None:
    machine.remember(len(machine.memo))


def recall(width: int, machine: Machine) -> None:
    machine.recall(machine.number(width))


def _place(machine: Machine) -> int:
    line = machine.line()
    if not _PLACE.fullmatch(line):
        raise Cut(f"{line[:40]!r} as a place of the memo")
    return int(line)


def remember_line(machine: Machine) -> None:
    machine.remember(_place(machine))


def recall_line(machine: Machine) -> None:
    machine.recall(_place(machine))


def _named(machine: Machine, module: str, name: str) -> None:
    if not rebuilding.is_admitted(module, name):
        raise Refused(f"{module[:80]}.{name[:80]}")
    machine.stack.append(Name(module, name))


def global_(machine: Machine) -> None:
    _named(machine, machine.line(), machine.line())


def stack_global(machine: Machine) -> None:
    name, module = machine.pop(), machine.pop()
    if not isinstance(name, str) or not isinstance(module, str):
        raise Refused(f"a global named {short(name)} of {short(module)}")
    _named(machine, module, name)


def reduce(machine: Machine) -> None:
    arguments, function = machine.pop(), machine.pop()
    if not isinstance(function, Name) or type(arguments) is not tuple:
        raise Refused(f"a call of {short(function)} with {short(arguments)}")
    machine.stack.append(rebuilding.call(function, arguments, machine))


def build(machine: Machine) -> None:
    state, target = machine.pop(), machine.top()
    if isinstance(target, Kind):
        set_order(target, state)
    elif isinstance(target, Blank):
        fill(target, state, machine)
    else:
        raise Refused(f"a state of {short(target)}")


def instance(machine: Machine) -> None:
    raise Refused(f"an object of {machine.line()[:80]}.{machine.line()[:80]}")


def refused(what: str, machine: Machine) -> None:
    raise Refused(what)
