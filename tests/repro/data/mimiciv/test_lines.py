"""Rows that are cut, too short or too long; quotes; bytes that are no UTF-8."""

import gzip
from pathlib import Path

import pytest

from repro import files
from repro.data.mimiciv.books import Book
from repro.data.mimiciv.ingesting import ingest
from repro.data.mimiciv.layout import Source, header
from repro.data.mimiciv.lines import LONGEST_HEADER, blocks
from repro.data.mimiciv.reading import whole
from repro.data.mimiciv.settings import Settings
from tests.repro.data.mimiciv.mimiciv_tree import (
    CHARTED,
    NOTE,
    chart,
    values,
    write_csv,
    write_objects,
    write_tree,
)

SUFFIXES = (".csv", ".csv.gz")
MANY = [chart(1, "2180-01-01 05:00:00", 1, 1)] * 5000


def table(path: Path, content: bytes) -> list[tuple]:
    """The columns a and c of a file of a, b and c, and the number of each row."""
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    book = Book(Source("t", path, path.parent))
    frame = whole(book, ("a", "c"))
    assert book.read == frame.height
    return frame.rows()


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    ("content", "rows"),
    [
        (b"a,b,c\n1,2,3\n", [("1", "3", 2)]),
        (b"a,b,c\n", []),
        (b"a,b,c\r\n1,2,3\r\n4,5,\r\n", [("1", "3", 2), ("4", None, 3)]),
        (
            b'"a","b","c"\n"1","2,x","3\n""y"""\n4,,\n',
            [("1", '3\n"y"', 2), ("4", None, 3)],
        ),
        (b'\xef\xbb\xbfa,b,c\n1,"",""\n', [("1", "", 2)]),
        (b"c,b,a\n1,2,3\n", [("3", "1", 2)]),
    ],
)
def test_whole_rows_are_read(tmp_path, suffix, content, rows):
    assert table(tmp_path / f"t{suffix}", content) == rows


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("before", [0, 1, 4000])
@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("4,5", "2 fields, not the 3 of the header"),
        ("4", "1 fields, not"),
        ("", "1 fields, not"),
        ("4,5,6,7", "4 fields, not"),
        ("4,5,6,", "4 fields, not"),
        ('4,"5,6"', "2 fields, not"),
        ('4,5" tall,6', "a quote stands inside a field"),
        ('4,"5" tall,6', "a quote stands inside a field"),
        (r'4,"says \"no\" to",6', "a quote stands inside a field"),
        ('4,"5,6', "a quote is not closed"),
    ],
)
def test_other_rows_are_refused_by_number(tmp_path, suffix, before, line, told):
    rows = ["1,2,3"] * before + [line] + ["1,2,3"] * 20
    content = "\n".join(["a,b,c", *rows, ""]).encode()
    with pytest.raises(ValueError, match=rf"t{suffix}: row {before + 2}: {told}"):
        table(tmp_path / f"t{suffix}", content)


def test_a_short_and_a_long_row_do_not_make_up_for_each_other(tmp_path):
    with pytest.raises(ValueError, match="row 3: 2 fields"):
        table(tmp_path / "t.csv", b"a,b,c\n1,2,3\n4,5\n6,7,8,9\n")


@pytest.mark.parametrize("cut", [1, 2, 3, 5])
def test_a_last_row_that_does_not_end(tmp_path, cut):
    content = b"a,b,c\n1,2,31\n4,5,67\n"[:-cut]
    with pytest.raises(ValueError, match=r"t\.csv: row 3: .*copy"):
        table(tmp_path / "t.csv", content)


def test_a_gzip_file_vouches_for_its_last_row(tmp_path):
    path = tmp_path / "t.csv.gz"
    assert table(path, b"a,b,c\n1,2,31") == [("1", "31", 2)]
    with pytest.raises(ValueError, match="row 2: 2 fields"):
        table(path, b"a,b,c\n1,2")


@pytest.mark.parametrize("size", [7, 16, 100, 5000])
def test_blocks_of_any_size_hold_whole_rows(tmp_path, size):
    rows = [b'1,"%b",%b\n' % (b"x,\n" * (n % 7), b"y" * (n % 11)) for n in range(200)]
    path = tmp_path / "t.csv"
    path.write_bytes(b"".join([b"a,b,c\n", *rows]))
    found = [block.content for block in blocks(path, size)]
    assert b"".join(found) == b"".join(rows)
    ends = {len(b"".join(rows[: n + 1])) for n in range(len(rows))}
    at = 0
    for content in found:
        at += len(content)
        assert at in ends


def test_a_quote_that_nothing_closes_does_not_fill_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("repro.data.mimiciv.lines.LONGEST_ROW", 1000)
    path = tmp_path / "t.csv"
    path.write_bytes(b'a,b,c\n1,2,3\n4,"5,6\n' + b"1,2,3\n" * 5000)
    assert max(len(block.content) for block in blocks(path, 100)) < 1200


@pytest.mark.parametrize("rows", [[], MANY])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_byte_is_read_alike_wherever_it_stands(tmp_path, rows, suffix):
    odd = chart(1, "2180-01-01 05:00:00", 220045, 70, unit="UNIT")
    root = write_tree(tmp_path / "raw", charted=[*rows, odd, *CHARTED, *rows, odd])
    path = root / "icu/chartevents.csv.gz"
    content = gzip.decompress(path.read_bytes()).replace(b"UNIT", b"\xb0F")
    path.unlink()
    path = root / f"icu/chartevents{suffix}"
    path.write_bytes(gzip.compress(content) if suffix == ".csv.gz" else content)
    report = ingest(Settings(root), tmp_path / "out")
    assert report["replaced_characters"] == {"icu/chartevents": 2}
    assert (1, 5.0, 70.0) in values(tmp_path / "out", "Heart Rate")
    units = {"Heart Rate": {"\ufffdF": 2}}
    assert report["problems"]["unit_disagreements"] == units


def test_bytes_of_a_note_are_replaced(tmp_path):
    settings = write_objects(write_tree(tmp_path / "raw"))
    row = "10000001-RR-1,10000001,,RR,1,2180-01-01 04:00:00,2180-01-01 05:30:00,caf"
    path = tmp_path / "raw/note/radiology.csv.gz"
    write_csv(path, NOTE, [row])
    content = gzip.decompress(path.read_bytes()).replace(b"caf", b"caf\xe9 \xe2\x82")
    path.write_bytes(gzip.compress(content))
    report = ingest(settings, tmp_path / "out")
    notes = files.read_table(tmp_path / "out/notes.parquet")
    assert notes["text"].tolist() == ["caf\ufffd \ufffd"]
    assert report["replaced_characters"] == {"radiology": 2}


def test_the_header_is_read_strictly_and_alone(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(b"a,b\n\xff,1\n")
    assert header(path) == ["a", "b"]
    path.write_bytes(b"a,\xff\n1,1\n")
    with pytest.raises(ValueError, match="utf-8"):
        header(path)


@pytest.mark.parametrize(
    ("first", "told"),
    [
        (b"a\rb,c", "cut short or damaged (new-line character"),
        (b"a" * 200_000 + b",b", "cut short or damaged (field larger"),
        (b"a,b" + b"," * (LONGEST_HEADER - 3), "the first line has 1048576 bytes"),
        (b"a," * LONGEST_HEADER, "the first line has 1048576 bytes or more; use"),
    ],
    ids=["bare CR", "giant field", "as long as is read", "longer"],
)
def test_a_first_line_that_is_no_header(tmp_path, first, told):
    path = tmp_path / "t.csv"
    path.write_bytes(first + b"\n1,1\n")
    with pytest.raises(ValueError) as error:
        header(path)
    assert f"{path}: {told}" in str(error.value)


def test_no_more_of_a_header_is_skipped_than_is_read(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(b"a" * (LONGEST_HEADER - 2) + b"\n1\n")
    assert [block.content for block in blocks(path)] == [b"1\n"]
    path.write_bytes(b"a" * LONGEST_HEADER + b"\n1\n")
    with pytest.raises(ValueError, match="the first line has"):
        list(blocks(path))


def test_two_columns_of_one_name(tmp_path):
    root = write_tree(tmp_path / "raw")
    path = root / "icu/chartevents.csv.gz"
    text = gzip.decompress(path.read_bytes()).replace(b"warning", b"charttime", 1)
    path.write_bytes(gzip.compress(text))
    with pytest.raises(ValueError, match="has two columns charttime among"):
        ingest(Settings(root), tmp_path / "out")


@pytest.mark.parametrize("name", ["icu/icustays", "icu/chartevents", "hosp/labevents"])
def test_a_plain_table_cut_inside_its_last_number(tmp_path, name):
    root = write_tree(tmp_path / "raw")
    path = root / f"{name}.csv.gz"
    content = gzip.decompress(path.read_bytes())
    path.unlink()
    (root / f"{name}.csv").write_bytes(content[:-2])
    with pytest.raises(ValueError, match=rf"{name}\.csv: row \d+: "):
        ingest(Settings(root), tmp_path / "out")


def test_any_damage_of_a_gzip_file_is_met(tmp_path):
    content = b"".join([b"a,b,c\n", *(b"%d,2,3\n" % n for n in range(5000))])
    packed, path = gzip.compress(content), tmp_path / "t.csv.gz"
    for place in range(20, len(packed), 97):
        flipped = bytearray(packed)
        flipped[place] ^= 0x10
        for damaged in (bytes(flipped), packed[:place], packed[:-place]):
            path.write_bytes(damaged)
            with pytest.raises(ValueError, match=r"t\.csv\.gz: "):
                whole(Book(Source("t", path, tmp_path)), ("a", "c"))


@pytest.mark.parametrize("tail", [b"", bytes(512)])
def test_several_members_and_padding_are_one_file(tmp_path, tail):
    path = tmp_path / "t.csv.gz"
    parts = (b"a,b,c\n1,2", b",3\n4,5,", b"6\n")
    path.write_bytes(b"".join(map(gzip.compress, parts)) + tail)
    frame = whole(Book(Source("t", path, tmp_path)), ("a", "c"))
    assert frame.rows() == [("1", "3", 2), ("4", "6", 3)]
