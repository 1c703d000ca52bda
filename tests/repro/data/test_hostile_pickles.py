"""Pickles that are made to crash, hang or fill the memory of whoever reads them."""

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from repro.data.unpickling import load_pickle
from tests.repro.data import fuzz_pickles
from tests.repro.data.made_features import CONTENTS, READERS, saved

DTYPE = b"cnumpy\ndtype\n(X\x02\x00\x00\x00%s\x89\x88tR"
STATE = b"(K\x03X\x01\x00\x00\x00<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
F8 = DTYPE % b"f8" + STATE
BLANK = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85C\x01btR"
SCALAR = b"cnumpy._core.multiarray\nscalar\n("
BUFFER = b"cnumpy._core.numeric\n_frombuffer\n("


def array(shape: bytes, kind: bytes, order: bytes, data: bytes) -> bytes:
    """An array before STOP, from the opcodes of its state."""
    return BLANK + b"(K\x01" + shape + kind + order + data + b"tb"


EIGHT = b"C\x08" + b"A" * 8
HIDDEN_OBJECT = (
    DTYPE
    % b"V8"
    + b"(K\x03X\x01\x00\x00\x00|NX\x01\x00\x00\x00a\x85}X\x01\x00\x00\x00a"
    b"cnumpy\ndtype\n(X\x02\x00\x00\x00O8\x89\x88tRK\x00\x86sK\x08K\x01K\x00tb"
)
ODD_STATES = {
    "fields": b"(K\x03X\x01\x00\x00\x00<NX\x01\x00\x00\x00a\x85}K\x08K\x01K\x00tb",
    "subarray": b"(K\x03X\x01\x00\x00\x00<K\x01NNK\x08K\x01K\x00tb",
    "metadata": b"(K\x04X\x01\x00\x00\x00<NNNK\xffK\xffK\x00}tb",
    "size": b"(K\x03X\x01\x00\x00\x00<NNNK\x10K\x01K\x00tb",
    "byte order": b"(K\x03X\x01\x00\x00\x00!NNNJ\xff\xff\xff\xffK\x01K\x00tb",
    "short": b"(K\x03X\x01\x00\x00\x00<tb",
    "twice": STATE + STATE,
}
HOSTILE = {
    "dtype of a record with a hidden object": HIDDEN_OBJECT + b".",
    "scalar of that record": SCALAR + HIDDEN_OBJECT + EIGHT + b"tR.",
    "buffer of that record": BUFFER
    + EIGHT
    + HIDDEN_OBJECT
    + b"K\x01\x85X\x01\x00\x00\x00CtR.",
    "buffer of objects": BUFFER
    + EIGHT
    + DTYPE % b"O8"
    + b"K\x01\x85X\x01\x00\x00\x00CtR.",
    "scalar of an object": SCALAR + DTYPE % b"O8" + EIGHT + b"tR.",
    "objects from bytes": array(b"K\x01\x85", DTYPE % b"O8", b"\x89", EIGHT) + b".",
    "objects of a short list": array(b"K\x09\x85", DTYPE % b"O8", b"\x89", b"](NNe")
    + b".",
    "numbers from a list": array(b"K\x01\x85", F8, b"\x89", b"](Ne") + b".",
    "too few bytes": array(b"K\x02\x85", F8, b"\x89", EIGHT) + b".",
    "too many bytes": array(b"K\x00\x85", F8, b"\x89", EIGHT) + b".",
    "negative shape": array(b"J\xff\xff\xff\xff\x85", F8, b"\x89", EIGHT) + b".",
    "overflowing shape": array(
        b"J\xff\xff\xff\x7fJ\xff\xff\xff\x7fK\x00\x87", F8, b"\x89", b"C\x00"
    )
    + b".",
    "an order that is none": array(b"K\x01\x85", F8, b"X\x01\x00\x00\x00Z", EIGHT)
    + b".",
    "filled twice": array(b"K\x01\x85", F8, b"\x89", EIGHT)
    + b"(K\x01K\x01\x85"
    + F8
    + b"\x89"
    + EIGHT
    + b"tb.",
    "no string of a gigabyte": array(
        b"K\x00\x85", DTYPE.replace(b"\x02", b"\x0a") % b"S999999999", b"\x89", b"C\x00"
    )
    + b".",
    "never filled": BLANK + b".",
    "another class to reconstruct": b"cnumpy.core.multiarray\n_reconstruct\n"
    b"(cbuiltins\nlist\nK\x00\x85C\x01btR.",
    "characters beyond Unicode": array(
        b"K\x01\x85", DTYPE % b"U1" + STATE, b"\x89", b"C\x04\xff\xff\xff\xff"
    )
    + b".",
    "truth of 65": array(b"K\x01\x85", DTYPE % b"b1" + STATE, b"\x89", b"C\x01A")
    + b".",
    "ndarray called": b"cnumpy\nndarray\n(J\xff\xff\xff\x7f\x85tR.",
    "array in itself": BLANK
    + b"q\x00(K\x01K\x01\x85"
    + DTYPE % b"O8"
    + b"\x89](h\x00etb.",
    "memo of 2 GB": b"Nr\xff\xff\xff\x7f.",
    "bytearray of 2 GB": b"cbuiltins\nbytearray\n(J\xff\xff\xff\x7ftR.",
    "bytes of 2 GB": b"cbuiltins\nbytes\n(J\xff\xff\xff\x7ftR.",
    "BINBYTES8 of an exabyte": b"\x80\x04\x8e" + b"\xff" * 7 + b"\x00.",
    "BYTEARRAY8 of a terabyte": b"\x80\x05\x96" + b"\0\0\0\0\0\1\0\0.",
    "BINUNICODE of 4 GB": b"X\xff\xff\xff\xffab.",
    "frame of an exabyte": b"\x80\x04\x95" + b"\xff" * 7 + b"\x00N.",
    "LONG4 of a gigabyte": b"\x8b\x00\x00\x00\x40ab.",
    "integer of many digits": b"I" + b"9" * 5000 + b"\n.",
    "hash of tuples": b"}X\x02\x00\x00\x00ha\x85" + b"2\x86" * 60 + b"Ns.",
    "set of tuples": b"\x8f(X\x02\x00\x00\x00ha\x85" + b"2\x86" * 60 + b"\x90.",
    "text of lists": b"]X\x02\x00\x00\x00haa" + b"2\x86" * 60 + b".",
    "list in itself": b"]2a.",
    "dict in itself": b"}q\x00X\x01\x00\x00\x00ah\x00s.",
    "very deep list": b"]" * 9000 + b"a" * 8999 + b".",
    "colliding keys": b"}("
    + b"".join(
        b"\x8a\x0c" + (k * (2**61 - 1)).to_bytes(12, "little") + b"N"
        for k in range(8, 3000)
    )
    + b"u.",
    "tuple of numbers as a key": b"}K\x01K\x02\x86Ns.",
    "set of a tuple of numbers": b"\x8f(K\x01K\x02\x86\x90.",
    "long double as a key": pickle.dumps({np.longdouble(1): None}, 2),
    "unhashable key": b"}]Ns.",
    "a class": b"cos\nsystem\n(X\x02\x00\x00\x00lstR.",
    "INST": b"(ios\nsystem\n.",
    "OBJ": b"(cbuiltins\nlist\no.",
    "NEWOBJ": b"cbuiltins\nlist\n)\x81.",
    "extension": b"\x82\x01.",
    "persistent id": b"Pa\n.",
    "buffer outside": b"\x97.",
    "state of a list": b"]}b.",
    "call of a string": b"X\x01\x00\x00\x00a)R.",
    "protocol 9": b"\x80\x09N.",
    "odd escape": b"S'\\q'\n.",
    "no quotes": b"Sabc\n.",
    "not UTF-8": b"X\x02\x00\x00\x00\xff\xfe.",
    **{f"dtype with {k}": DTYPE % b"f8" + v + b"." for k, v in ODD_STATES.items()},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_it_is_refused_with_the_file_and_the_opcode(tmp_path: Path, name: str):
    path = tmp_path / "bad.pkl"
    path.write_bytes(HOSTILE[name])
    with pytest.raises(ValueError, match=r"bad\.pkl: .*byte \d+ \([A-Z]") as error:
        load_pickle(path)
    assert "; " in str(error.value)  # what to do
    assert len(str(error.value)) < 600


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("layout", CONTENTS)
def test_real_layouts_come_back_as_pickle_reads_them(
    tmp_path: Path, layout: str, protocol: int
):
    for seed in range(2):
        content = CONTENTS[layout](seed)
        same(load_pickle(saved(tmp_path, content, protocol)), content)
        READERS[layout](tmp_path / "mine.pkl")


def same(found: object, expected: object) -> None:
    """Stop when two nested values differ."""
    if isinstance(expected, np.ndarray):
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)
        return
    assert type(found) is type(expected)
    if isinstance(expected, dict):
        assert list(found) == list(expected)
        found, expected = list(found.values()), list(expected.values())
    if isinstance(expected, list | tuple):
        for one, other in zip(found, expected, strict=True):
            same(one, other)
    else:
        assert found == expected


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    "kind", ["b1", "i1", ">i8", "u2", "f2", ">f4", "f8", "S3", ">U2"]
)
def test_arrays_of_every_kind_size_and_order_come_back(tmp_path, kind, protocol):
    generator = np.random.default_rng(0)
    whole = generator.integers(0, 2, size=(30, 20, 9)).astype(kind)
    arrays = [
        *(whole, np.asfortranarray(whole), whole.transpose(1, 0, 2), whole[::2]),
        *(whole[:0], whole[0, 0, 0], whole[:1, :1], whole[3, 4]),
    ]
    path = saved(tmp_path, arrays, protocol)
    for found, expected in zip(load_pickle(path), arrays, strict=True):
        assert found.dtype == expected.dtype and found.shape == expected.shape
        np.testing.assert_array_equal(found, expected)


def test_long_strings_come_back(tmp_path: Path):
    long = ["ä" * 100_000, b"\xe4" * 100_000, bytearray(b"x" * 100_000)]
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert load_pickle(saved(tmp_path, [*long, *long], protocol)) == long * 2


def test_mutants_are_read_or_refused_and_nothing_else():
    found = fuzz_pickles.run_batch(0, 1500)
    assert found["read"] > 50 and sum(found.values()) == 1500


def test_a_crash_of_a_mutant_would_be_seen():
    with pytest.raises(AssertionError, match="exit status"):
        fuzz_pickles.run_batch(0, -1)


@pytest.mark.parametrize(
    ("content", "most"),
    [
        (HOSTILE["memo of 2 GB"], 20 << 20),
        (b"(" + b"}" * 4_000_000 + b"l.", 330 << 20),
        (b"(" + b"]q\x00h\x00a" * 800_000 + b"l.", 330 << 20),
    ],
    ids=["memo", "dicts", "lists"],
)
def test_memory_stays_small(tmp_path: Path, content: bytes, most: int):
    path = tmp_path / "bad.pkl"
    path.write_bytes(content)
    code = (
        "import resource, sys; from pathlib import Path; "
        "from repro.data.unpickling import load_pickle\n"
        "def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "before = peak()\n"
        "try: load_pickle(Path(sys.argv[1]))\n"
        "except ValueError: pass\n"
        "print(peak() - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) * 1024 < most
