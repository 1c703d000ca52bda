"""Damaged and hostile pickles by the thousand: python -m ... SEED COUNT.

Every mutant of a real layout must be refused with a ValueError or give a data set of
plain arrays, in a few seconds and in the memory that its size explains. Mutants run in
batches in a process of their own, so that a crash is seen and named.
"""

import contextlib
import os
import pickle
import pickletools
import random
import resource
import signal
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from repro.data import checking
from repro.records import Dataset, Texts
from tests.repro.data.made_features import CONTENTS, READERS
from tests.repro.data.odd_values import listed, odd_value, places

MOST_SECONDS = 10
MOST_TIMES, SPARE_KB = 4, 300 << 10
BATCH = 2500
NAME = "tests.repro.data.fuzz_pickles"
SPICE = (
    b"cnumpy\ndtype\n",
    b"cnumpy.core.multiarray\n_reconstruct\n",
    b"cnumpy.core.multiarray\nscalar\n",
    b"cnumpy.core.numeric\n_frombuffer\n",
    b"cnumpy\nndarray\n",
    b"c__builtin__\nset\n",
    b"cbuiltins\nbytearray\n",
    b"ccollections\nOrderedDict\n",
    b"(X\x02\x00\x00\x00V8\x89\x88tR",
    b"(X\x02\x00\x00\x00O8\x89\x88tR",
    b"(K\x03X\x01\x00\x00\x00|NX\x01\x00\x00\x00a\x85}J\xff\xff\xff\xffJ\xff\xff\xff\xffK?tb",
    b"r\xff\xff\xff\x7f",
    b"\x8e" + b"\xff" * 7 + b"\x00",
    b"\x96" + b"\x00" * 6 + b"\x01\x00",
    b"J\xff\xff\xff\x7f",
    b"\x8a\x09" + b"\xff" * 8 + b"\x00",
    b"G\x7f\xf8" + b"\x00" * 6,
    b"2\x86" * 40,
    b"]" * 300 + b"a" * 299,
)
VALUES = (  # each pushes one value
    *(
        b"N",
        b"K\x00",
        b"K\x02",
        b"K\xff",
        b"J\xff\xff\xff\xff",
        b"\x88",
        b")",
        b"]",
        b"}",
    ),
    *(b"I7\n", b"F-inf\n", b"Vu\n", b"C\x04abcd", b"X\x01\x00\x00\x00<", b"(lp0\n"),
    *(
        b"X\x01\x00\x00\x00>",
        b"X\x02\x00\x00\x00f8",
        b"X\x02\x00\x00\x00U9",
        b"K\x01\x85",
    ),
    *(b"J\xff\xff\xff\x7f\x85", b"X\x02\x00\x00\x00O8", b"G\x7f\xf8\0\0\0\0\0\0"),
)


def seeds() -> list[tuple[str, bytes]]:
    """Layout and bytes of files as they should be, in every protocol."""
    found = []
    for layout, content in CONTENTS.items():
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            whole = pickle.dumps(content(protocol), protocol)
            found.append((layout, whole))
            found.append((layout, whole.replace(b"numpy._core.", b"numpy.core.")))
    return [(layout, whole) for layout, whole in found if _is_read(layout, whole)]


def _is_read(layout: str, whole: bytes) -> bool:
    return outcome(layout, whole) != "refused"  # a shorter name breaks lengths


def mutant(number: int, made: list[tuple[str, bytes]]) -> tuple[str, bytes]:
    """The mutant of this number: of the content, or of the bytes of one seed."""
    dice = random.Random(number)
    if number % 2:
        return _other_content(dice)
    layout, whole = made[dice.randrange(len(made))]
    changed = bytearray(whole)
    for _ in range(dice.choice((1, 1, 2, 3))):
        _change(changed, [*_opcodes(bytes(changed)), len(changed)], dice)
    return layout, bytes(changed)


def _other_content(dice: random.Random) -> tuple[str, bytes]:
    layout = dice.choice(list(CONTENTS))
    content = listed(CONTENTS[layout](dice.randrange(4)))
    known = places(content)  # once: odd values may be endless
    for at, key in dice.sample(known, dice.choice((1, 1, 2))):
        at[key] = odd_value(dice)
    return layout, pickle.dumps(content, dice.randrange(pickle.HIGHEST_PROTOCOL + 1))


def _opcodes(whole: bytes) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(ValueError, struct.error, UnicodeDecodeError):
        for _, _, place in pickletools.genops(whole):
            found.append(place or 0)
    return found or [0]


def _change(data: bytearray, starts: list[int], dice: random.Random) -> None:
    """One change: of a byte, an opcode, a length, an argument or a stretch."""
    which = dice.randrange(max(1, len(starts) - 1))
    at, after = starts[which], starts[min(which + 1, len(starts) - 1)]
    source = dice.randrange(max(1, len(starts) - 1))
    other = bytes(data[starts[source] : starts[min(source + 1, len(starts) - 1)]])
    codes = [op.code.encode("latin-1") for op in pickletools.opcodes]
    match dice.randrange(11):
        case 0:
            data[dice.randrange(len(data))] = dice.randrange(256)
        case 1:
            data[at : at + 1] = dice.choice(codes)
        case 2:
            data[at:at] = dice.choice(codes)
        case 3:
            data[at:at] = dice.choice(SPICE)
        case 4:
            data[at:at] = other
        case 5:
            del data[at:after]
        case 6:
            data[at + 1 : at + 2] = bytes([dice.choice((0, 1, 127, 128, 255))])
        case 7:
            data[at:after] = b"h" + bytes([dice.randrange(100)])
        case 8:
            data[at:after] = dice.choice(VALUES)
        case 9:
            data[at:after] = other
        case _:
            del data[dice.randrange(1, len(data)) :]
    if len(data) < 2:
        data += b"N."


def outcome(layout: str, content: bytes) -> str:
    """What the reader makes of the bytes; anything but the two ends raises."""
    path = Path(tempfile.gettempdir()) / f"mutant.{os.getpid()}.pkl"
    path.write_bytes(content)
    try:
        read = READERS[layout](path)
        check_plain(checking.check(read, "mutant", "report"))
        return "read"
    except ValueError as error:
        if not str(error).startswith((str(path), "mutant")):
            raise AssertionError(f"message without the file: {error}") from error
        return "refused"
    finally:
        path.unlink()


def check_plain(dataset: Dataset) -> None:
    """Stop when anything but plain arrays and strings came out."""
    for modality in dataset.modalities.values():
        if isinstance(modality, Texts):
            assert all(type(text) is str for text in modality.values)
            continue
        assert type(modality.values) is np.ndarray
        assert modality.values.dtype == np.float32
        assert np.isfinite(modality.values).all()
    assert dataset.samples["y"].dtype == np.float64
    assert all(isinstance(name, str) for name in dataset.samples["id"])


def run_here(first: int, count: int) -> dict[str, int]:
    """Outcomes of `count` mutants from number `first`, in this process.

    A mutant that hangs ends the process by an alarm, also inside C code.
    """
    made, counts = seeds(), {"read": 0, "refused": 0}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(first, first + count):
        layout, content = mutant(number, made)
        print(number, file=sys.stderr, flush=True)  # the last one is the culprit
        signal.setitimer(signal.ITIMER_REAL, MOST_SECONDS)
        counts[outcome(layout, content)] += 1
        signal.setitimer(signal.ITIMER_REAL, 0)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert grown < MOST_TIMES * len(content) / 1024 + SPARE_KB, f"{grown} kB"
    return counts


def run_batch(first: int, count: int) -> dict[str, int]:
    """Outcomes of a batch in a process of its own.

    Raises:
        AssertionError: it crashed, hung or raised anything but a ValueError.
    """
    done = subprocess.run(
        [sys.executable, "-m", NAME, str(first), str(count), "here"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        numbers = [line for line in done.stderr.splitlines() if line.isdecimal()]
        tail = "\n".join(done.stderr.splitlines()[-12:])
        raise AssertionError(
            f"mutant {numbers[-1:]}: exit status {done.returncode}\n{tail}"
        )
    read, refused = map(int, done.stdout.split())
    return {"read": read, "refused": refused}


def main(arguments: list[str]) -> None:
    """Run `COUNT` mutants from number `SEED` and say how many were read."""
    first, count = int(arguments[0]), int(arguments[1])
    if count < 1:
        raise SystemExit(f"COUNT={count}: give the number of mutants")
    if arguments[2:] == ["here"]:
        counts = run_here(first, count)
        print(counts["read"], counts["refused"])
        return
    total, bad = {"read": 0, "refused": 0}, 0
    for start in range(first, first + count, BATCH):
        try:
            found = run_batch(start, min(BATCH, first + count - start))
            total = {key: total[key] + found[key] for key in total}
        except AssertionError as error:
            bad += 1
            print(error, flush=True)
        print(start + BATCH, total, f"bad batches {bad}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
