"""What other people's tables and arrays looked like: read rightly, or refused."""

import io
import os
from pathlib import Path

import numpy as np
import pytest

from repro.data import checking, table
from tests.repro.data.made_table import (
    AUDIO,
    HEADER,
    MAPPING,
    ROWS,
    header,
    read,
    stated,
    write,
    written,
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return written(tmp_path / "mine")


def test_byte_order_mark_line_ends_and_quotes(root: Path):
    plain = read(root)
    content = "\r\n".join(['"id",group,split,label,text', *ROWS]) + "\r\n"
    (root / "samples.csv").write_bytes(b"\xef\xbb\xbf" + content.encode())
    assert read(root).samples.equals(plain.samples)


@pytest.mark.parametrize(
    ("header", "rows", "message"),
    [
        (HEADER, [row + "," for row in ROWS], "row 1 has 6 fields, the header has 5"),
        (HEADER, [*ROWS[:7], ROWS[7] + ",x"], "row 8 has 6 fields"),
        (HEADER, [*ROWS[:7], "u7,g7,te"], "row 8 has 3 fields, the header has 5"),
        (
            HEADER + ",label",
            [r + ",9" for r in ROWS],
            "header has label more than once",
        ),
        (
            HEADER,
            [*ROWS[:7], ROWS[7].replace("word", '"word')],
            "',' expected|unexpected end of data",
        ),
        (HEADER.replace(",", ";"), ROWS, "row 1 has 5 fields, the header has 1"),
        (HEADER, [r.replace("train", "Train") for r in ROWS], r"has \['Train'\] in 4"),
        (HEADER, [ROWS[0].replace("0.00", ""), *ROWS[1:]], "is no number in 1 rows"),
        (HEADER, [ROWS[0], *ROWS], "column id has 1 ids again, first 'u0' in row 2"),
        (
            HEADER,
            [ROWS[0], ROWS[1].replace("u1", "u0 "), *ROWS[2:]],
            "column id has 1 ids again, first 'u0 ' in row 2",
        ),
    ],
)
def test_a_damaged_csv_is_named(root: Path, header, rows, message):
    write(root, header, rows)
    with pytest.raises(ValueError, match=message) as error:
        read(root)
    assert "samples.csv: " in str(error.value)


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_other_encodings_are_refused(root: Path, encoding: str):
    content = "\n".join([HEADER, *ROWS]).replace("word0", "caf\xe9")
    (root / "samples.csv").write_bytes(content.encode(encoding))
    with pytest.raises(
        ValueError, match=r"samples\.csv: not a UTF-8 .* save it as UTF"
    ):
        read(root)


def archive() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, a=AUDIO)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (stated("(100000000000, 3)") + b"\0" * 96, "needs 12000000000"),
        (stated("(99999999999999999999, 3)"), "header ['\"]"),
        (stated("(8, 0, 100000000000)"), "needs"),
        (stated("(-8, -3)") + b"\0" * 96, "header ['\"]"),
        (stated("(8, 3)"), "needs 160 bytes, 64 are there|needs"),
        (stated("(8, 3)") + b"\0" * 99, "needs"),
        (stated("(8, 3)", "'|O'") + b"\0" * 192, "it holds objects"),
        (stated("(8, 3)", "[('a', '<f4')]") + b"\0" * 96, "header ['\"]"),
        (stated("(8, 3)", "'<c8'") + b"\0" * 192, "holds complex64"),
        (stated("(8, 3)", "'<q9'") + b"\0" * 192, "holds '<q9'"),
        (stated("(8, 3)", "'|b1'") + b"\0" * 24, "holds bool"),
        (stated("(8, 3)", "'<c5'") + b"\0" * 120, "holds '<c5'; save one array"),
        (stated("(8, 3)", "'<b2'") + b"\0" * 48, "holds '<b2'; save one array"),
        (header("(" * 9900), "header ['\"]"),
        (header("9" * 9900), "header ['\"]"),
        (header("(" * 60000), "header of 60000 bytes"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff", "header of 4294967295 bytes"),
        (b"\x93NUMPY\x07\x00" + b"\0" * 80, "version 7"),
        (archive(), "it is a zip archive"),
        (archive()[:-40], "it is a zip archive"),
        (b"\x80\x04N.", "it is a pickle"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git-lfs"),
        (b"", "does not begin as one"),
    ],
)
def test_a_damaged_array_is_named_before_it_is_loaded(root: Path, content, message):
    (root / "audio.npy").write_bytes(content)
    with pytest.raises(ValueError, match=message) as error:
        read(root)
    assert str(root / "audio.npy") in str(error.value)


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
@pytest.mark.parametrize("kind", ["<f4", ">f8", "<f2", "|i1", ">u4"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_every_way_to_save_an_array_is_read(root: Path, version, kind, order):
    array = np.asarray(np.round(100 * np.abs(AUDIO)), kind, order=order)
    with (root / "audio.npy").open("wb") as handle:
        np.lib.format.write_array(handle, array, version)
    found = read(root).modalities["audio"].values
    np.testing.assert_array_equal(found, array.astype(np.float32))


def test_sizes_as_python_2_wrote_them(root: Path):
    (root / "audio.npy").write_bytes(stated("(8L, 3L)") + AUDIO.tobytes())
    np.testing.assert_array_equal(read(root).modalities["audio"].values, AUDIO)


@pytest.mark.parametrize(
    "name",
    ["../evil", "/evil", "(scratch)", "a/b", "", ".", "..", "a b", "\xe4", "a\n"],
)
def test_names_of_modalities_are_names(root: Path, name: str):
    with pytest.raises(ValueError, match="make the name of a modality"):
        read(root, arrays={name: "audio.npy"})
    dataset = table.read(root, MAPPING)
    modalities = {name: dataset.modalities["audio"]}
    bad = type(dataset)(dataset.samples, modalities, source="table")
    with pytest.raises(ValueError, match="make the name of a modality"):
        checking.check(bad, "f", "refuse")


def test_names_that_differ_in_case_only_are_refused(root: Path):
    with pytest.raises(ValueError, match="'Audio' is both"):
        read(root, arrays={"audio": "audio.npy", "Audio": "audio.npy"})


def test_files_outside_the_root_are_refused(root: Path):
    outside = root.parent / "other.npy"
    np.save(outside, AUDIO)
    (root.parent / "other.csv").write_text("id,x\nu0,1\n")
    (root / "link.npy").symlink_to(outside)
    for name in ("../other.npy", str(outside), "sub/../../other.npy", ""):
        with pytest.raises(ValueError, match="not the name of a file inside"):
            read(root, arrays={"audio": name})
    with pytest.raises(ValueError, match="is a link that leaves"):
        read(root, arrays={"audio": "link.npy"})
    with pytest.raises(ValueError, match="not the name of a file inside"):
        read(root, samples="../mine/samples.csv")
    with pytest.raises(ValueError, match="not the name of a file inside"):
        read(root, keep="../other.csv:x=1")


def test_links_and_folders_inside_the_root_are_read(root: Path):
    (root / "sub").mkdir()
    (root / "audio.npy").rename(root / "sub/real.npy")
    (root / "audio.npy").symlink_to("sub/real.npy")
    assert len(read(root).modalities["audio"].values) == 8
    assert len(read(root, arrays={"audio": "sub/real.npy"}).modalities["audio"].values)


def test_folders_circles_and_pipes_are_told_apart(root: Path):
    (root / "audio.npy").unlink()
    (root / "audio.npy").mkdir()
    with pytest.raises(ValueError, match=r"audio\.npy: is a folder"):
        read(root)
    (root / "circle.npy").symlink_to("circle.npy")
    with pytest.raises(ValueError, match=r"no path|leads back to itself"):
        read(root, arrays={"audio": "circle.npy"})
    os.mkfifo(root / "pipe.npy")
    with pytest.raises(ValueError, match="is no regular file"):
        read(root, arrays={"audio": "pipe.npy"})
    with pytest.raises(ValueError, match="no path"):
        read(root, arrays={"audio": "a\0b.npy"})
    with pytest.raises(ValueError, match="File name too long"):
        read(root, arrays={"audio": "a" * 300})


def test_zero_vectors_and_those_too_small_for_float32_are_counted(root: Path):
    audio = AUDIO.astype(np.float64)
    audio[2] = 0
    audio[3] = 1e-60
    np.save(root / "audio.npy", audio)
    dataset = read(root)
    assert "audio: 2 vectors are nothing but 0 once read, taken as present" in (
        dataset.notes
    )
    np.save(root / "audio.npy", np.full((8, 3), 1e-50))
    assert "audio: every value is 0" in read(root).warnings[0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"text": "label"}, "column label is given as the label or split and as"),
        ({"group": "label"}, "column label is given as"),
        ({"label": "split"}, "column split is given as"),
        ({"id": "split"}, "column split is given as"),
    ],
)
def test_a_column_has_one_role(root: Path, changes, message):
    with pytest.raises(ValueError, match=message):
        read(root, **changes)


def test_a_text_or_feature_that_tells_the_label_is_a_warning(root: Path):
    y = np.arange(8) / 3
    write(
        root,
        rows=[row.rsplit(",", 1)[0] + f",{i / 3:.2f}" for i, row in enumerate(ROWS)],
    )
    np.save(root / "audio.npy", np.stack([np.round(y, 2), y**2], axis=1))
    first, second = read(root).warnings
    assert "text: every text is the label" in first
    assert "audio: 1 features are the label" in second


def test_a_keep_file_that_says_two_things_is_refused(root: Path):
    lines = ["id,site", *(f"u{i},a" for i in range(8)), "u3 ,b"]
    (root / "other.csv").write_text("\n".join(lines) + "\n")
    with pytest.raises(ValueError, match=r"other\.csv: site: 'u3' stands in several"):
        read(root, keep="other.csv:site=a")
    (root / "other.csv").write_text("\n".join(lines).replace(",b", ",a") + "\n")
    assert len(read(root, keep="other.csv:site=a").samples) == 8


def test_a_label_that_no_unit_explains_is_a_warning(root: Path):
    write(root, rows=[ROWS[0].replace("0.00", "1e30"), *ROWS[1:]])
    assert "1 labels lie between" in read(root).warnings[0]
