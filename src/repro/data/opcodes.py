"""The operations of pickles, protocols 0 to 5, that data need."""

import re
import struct
from collections.abc import Callable
from functools import partial
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
_SLOT, _NUMBER, _TUPLE, _LIST, _SET = 8, 40, 72, 112, 240  # bytes of memory
_HIGHEST = 5

Operation = Callable[[Machine], None]


def _protocol(machine: Machine) -> None:
    if (protocol := machine.number(1)) > _HIGHEST:
        raise Refused(f"protocol {protocol}; 0 to {_HIGHEST} are read")


def _frame(machine: Machine) -> None:
    count = machine.number(8)
    left = len(machine.data) - machine.position
    if count > left:
        raise Cut(f"a frame of {count} bytes is announced, {left} are left")


def _push(value: Any, machine: Machine) -> None:
    machine.stack.append(value)


def _integer(width: int, signed: bool, machine: Machine) -> None:
    machine.stack.append(machine.number(width, signed=signed))


def _long(width: int, machine: Machine) -> None:
    count = machine.number(width, signed=width > 1)
    if not 0 <= count <= MOST_NUMBER_BYTES:
        raise Refused(f"a number of {count} bytes")
    machine.stack.append(machine.number(count, signed=True))


def _decimal(machine: Machine) -> None:
    """INT and LONG of protocol 0; 00 and 01 are truth values."""
    line = machine.line()
    if line in ("00", "01"):
        machine.stack.append(line == "01")
        return
    if not _DIGITS.fullmatch(line):
        raise Cut(f"{line[:40]!r} as a number")
    machine.stack.append(int(line.removesuffix("L")))


def _float_line(machine: Machine) -> None:
    line = machine.line()
    try:
        machine.stack.append(float(line[:400]))
    except ValueError:
        raise Cut(f"{line[:40]!r} as a number") from None


def _float(machine: Machine) -> None:
    machine.stack.append(struct.unpack(">d", machine.view(8))[0])


def _string(width: int, encoding: str | None, machine: Machine) -> None:
    machine.stack.append(machine.string(machine.number(width), encoding))


def _quoted(machine: Machine) -> None:
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


def _raw_unicode(machine: Machine) -> None:
    line = machine.line()
    machine.spend(60 + 4 * len(line))
    try:
        text = line.encode("latin-1").decode("raw_unicode_escape")
    except UnicodeDecodeError as error:
        raise Cut(f"a string with {error.reason}") from None
    machine.stack.append(text)


def _mark(machine: Machine) -> None:
    machine.marks.append(machine.stack)
    machine.stack = []


def _pop(machine: Machine) -> None:
    if machine.stack:
        machine.stack.pop()
    else:
        machine.pop_mark()


def _pop_mark(machine: Machine) -> None:
    machine.pop_mark()


def _duplicate(machine: Machine) -> None:
    machine.stack.append(machine.top())


def _tuple(count: int, machine: Machine) -> None:
    items = [machine.pop() for _ in range(count)]
    machine.stack.append(tuple(reversed(items)))


def _marked(kind: Callable[[list[Any]], Any], machine: Machine) -> None:
    items = machine.pop_mark()
    machine.spend(_SLOT * len(items))
    machine.stack.append(kind(items))


def _new(kind: Callable[[], Any], machine: Machine) -> None:
    machine.stack.append(kind())


def _marked_dict(machine: Machine) -> None:
    made: dict[Any, Any] = {}
    rebuilding.fill_dict(made, machine.pop_mark(), machine)
    machine.stack.append(made)


def _frozenset(machine: Machine) -> None:
    made: set[Any] = set()
    rebuilding.fill_set(made, machine.pop_mark(), machine)
    machine.stack.append(frozenset(made))


def _target(machine: Machine, kind: type) -> Any:
    target = machine.top()
    if type(target) is not kind:
        raise Refused(f"items for {short(target)}, which is no {kind.__name__}")
    return target


def _append(machine: Machine) -> None:
    item = machine.pop()
    _target(machine, list).append(item)


def _appends(machine: Machine) -> None:
    items = machine.pop_mark()
    machine.spend(_SLOT * len(items))
    _target(machine, list).extend(items)


def _set_item(machine: Machine) -> None:
    value, key = machine.pop(), machine.pop()
    rebuilding.fill_dict(_target(machine, dict), [key, value], machine)


def _set_items(machine: Machine) -> None:
    items = machine.pop_mark()
    rebuilding.fill_dict(_target(machine, dict), items, machine)


def _add_items(machine: Machine) -> None:
    items = machine.pop_mark()
    rebuilding.fill_set(_target(machine, set), items, machine)


def _remember(width: int, machine: Machine) -> None:
    machine.remember(machine.number(width))


def _memoize(machine: Machine) -> None:
    machine.remember(len(machine.memo))


def _recall(width: int, machine: Machine) -> None:
    machine.recall(machine.number(width))


def _place(machine: Machine) -> int:
    line = machine.line()
    if not _PLACE.fullmatch(line):
        raise Cut(f"{line[:40]!r} as a place of the memo")
    return int(line)


def _remember_line(machine: Machine) -> None:
    machine.remember(_place(machine))


def _recall_line(machine: Machine) -> None:
    machine.recall(_place(machine))


def _named(machine: Machine, module: str, name: str) -> None:
    if not rebuilding.is_admitted(module, name):
        raise Refused(f"{module[:80]}.{name[:80]}")
    machine.stack.append(Name(module, name))


def _global(machine: Machine) -> None:
    _named(machine, machine.line(), machine.line())


def _stack_global(machine: Machine) -> None:
    name, module = machine.pop(), machine.pop()
    if not isinstance(name, str) or not isinstance(module, str):
        raise Refused(f"a global named {short(name)} of {short(module)}")
    _named(machine, module, name)


def _reduce(machine: Machine) -> None:
    arguments, function = machine.pop(), machine.pop()
    if not isinstance(function, Name) or type(arguments) is not tuple:
        raise Refused(f"a call of {short(function)} with {short(arguments)}")
    machine.stack.append(rebuilding.call(function, arguments, machine))


def _build(machine: Machine) -> None:
    state, target = machine.pop(), machine.top()
    if isinstance(target, Kind):
        set_order(target, state)
    elif isinstance(target, Blank):
        fill(target, state, machine)
    else:
        raise Refused(f"a state of {short(target)}")


def _instance(machine: Machine) -> None:
    raise Refused(f"an object of {machine.line()[:80]}.{machine.line()[:80]}")


def _refused(what: str, machine: Machine) -> None:
    raise Refused(what)


# Opcode: its name, the bytes of memory it may take beside its argument, what it does.
OPERATIONS: dict[int, tuple[str, int, Operation]] = {
    ord("("): ("MARK", _LIST, _mark),
    ord("."): ("STOP", 0, _pop),
    ord("0"): ("POP", 0, _pop),
    ord("1"): ("POP_MARK", 0, _pop_mark),
    ord("2"): ("DUP", _SLOT, _duplicate),
    ord("F"): ("FLOAT", _NUMBER, _float_line),
    ord("I"): ("INT", _NUMBER, _decimal),
    ord("J"): ("BININT", _NUMBER, partial(_integer, 4, True)),
    ord("K"): ("BININT1", _SLOT, partial(_integer, 1, False)),
    ord("L"): ("LONG", _NUMBER, _decimal),
    ord("M"): ("BININT2", _NUMBER, partial(_integer, 2, False)),
    ord("N"): ("NONE", _SLOT, partial(_push, None)),
    ord("P"): ("PERSID", 0, partial(_refused, "a persistent id")),
    ord("Q"): ("BINPERSID", 0, partial(_refused, "a persistent id")),
    ord("R"): ("REDUCE", _NUMBER, _reduce),
    ord("S"): ("STRING", _NUMBER, _quoted),
    ord("T"): ("BINSTRING", _NUMBER, partial(_string, 4, "latin-1")),
    ord("U"): ("SHORT_BINSTRING", _NUMBER, partial(_string, 1, "latin-1")),
    ord("V"): ("UNICODE", _NUMBER, _raw_unicode),
    ord("X"): ("BINUNICODE", _NUMBER, partial(_string, 4, "utf-8")),
    ord("a"): ("APPEND", _SLOT, _append),
    ord("b"): ("BUILD", 0, _build),
    ord("c"): ("GLOBAL", _TUPLE, _global),
    ord("d"): ("DICT", 0, _marked_dict),
    ord("}"): ("EMPTY_DICT", _TUPLE, partial(_new, dict)),
    ord("e"): ("APPENDS", 0, _appends),
    ord("g"): ("GET", _SLOT, _recall_line),
    ord("h"): ("BINGET", _SLOT, partial(_recall, 1)),
    ord("i"): ("INST", 0, _instance),
    ord("j"): ("LONG_BINGET", _SLOT, partial(_recall, 4)),
    ord("l"): ("LIST", _LIST, partial(_marked, list)),
    ord("]"): ("EMPTY_LIST", _LIST, partial(_new, list)),
    ord("o"): ("OBJ", 0, partial(_refused, "an object of a class")),
    ord("p"): ("PUT", 0, _remember_line),
    ord("q"): ("BINPUT", 0, partial(_remember, 1)),
    ord("r"): ("LONG_BINPUT", 0, partial(_remember, 4)),
    ord("s"): ("SETITEM", 0, _set_item),
    ord("t"): ("TUPLE", _TUPLE, partial(_marked, tuple)),
    ord(")"): ("EMPTY_TUPLE", _SLOT, partial(_push, ())),
    ord("u"): ("SETITEMS", 0, _set_items),
    ord("G"): ("BINFLOAT", _NUMBER, _float),
    0x80: ("PROTO", 0, _protocol),
    0x81: ("NEWOBJ", 0, partial(_refused, "an object of a class")),
    0x82: ("EXT1", 0, partial(_refused, "a class by its number")),
    0x83: ("EXT2", 0, partial(_refused, "a class by its number")),
    0x84: ("EXT4", 0, partial(_refused, "a class by its number")),
    0x85: ("TUPLE1", _TUPLE, partial(_tuple, 1)),
    0x86: ("TUPLE2", _TUPLE, partial(_tuple, 2)),
    0x87: ("TUPLE3", _TUPLE, partial(_tuple, 3)),
    0x88: ("NEWTRUE", _SLOT, partial(_push, True)),
    0x89: ("NEWFALSE", _SLOT, partial(_push, False)),
    0x8A: ("LONG1", _NUMBER, partial(_long, 1)),
    0x8B: ("LONG4", _NUMBER, partial(_long, 4)),
    ord("B"): ("BINBYTES", _NUMBER, partial(_string, 4, None)),
    ord("C"): ("SHORT_BINBYTES", _NUMBER, partial(_string, 1, None)),
    0x8C: ("SHORT_BINUNICODE", _NUMBER, partial(_string, 1, "utf-8")),
    0x8D: ("BINUNICODE8", _NUMBER, partial(_string, 8, "utf-8")),
    0x8E: ("BINBYTES8", _NUMBER, partial(_string, 8, None)),
    0x8F: ("EMPTY_SET", _SET, partial(_new, set)),
    0x90: ("ADDITEMS", 0, _add_items),
    0x91: ("FROZENSET", _SET, _frozenset),
    0x92: ("NEWOBJ_EX", 0, partial(_refused, "an object of a class")),
    0x93: ("STACK_GLOBAL", _TUPLE, _stack_global),
    0x94: ("MEMOIZE", 0, _memoize),
    0x95: ("FRAME", 0, _frame),
    0x96: ("BYTEARRAY8", _NUMBER, partial(_string, 8, None)),
    0x97: ("NEXT_BUFFER", 0, partial(_refused, "a buffer outside the file")),
    0x98: ("READONLY_BUFFER", 0, partial(_refused, "a buffer outside the file")),
}
