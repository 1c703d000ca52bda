import os
import pickle
import subprocess
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from repro.data.unpickling import load_pickle

PLAIN = {
    "strings": ["a", "ä", b"bytes"],
    "numbers": (1, 2.5, 10**30, True, None, 1j),
    "sets": [{1}, frozenset({2}), bytearray(b"x"), OrderedDict(a=1)],
    "nested": [[{"deep": ({},)}]],
}


class Runs:
    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


def saved(path: Path, content: object, protocol: int = 4) -> Path:
    path.write_bytes(pickle.dumps(content, protocol))
    return path


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_content_and_arrays_come_back(tmp_path: Path, protocol: int):
    arrays = [
        np.arange(6, dtype=np.float32).reshape(2, 3),
        np.arange(6).reshape(2, 3).T,
        np.array(["ab", "c"]),
        np.array([b"ab", b"c"]),
        np.array(["ab", 1, None], dtype=object),
        np.array(3.5),
    ]
    scalars = [np.float32(0.5), np.int64(3), np.bool_(True), np.str_("s")]
    path = saved(tmp_path / "a.pkl", (PLAIN, arrays, scalars), protocol)
    plain, back, numbers = load_pickle(path)
    assert plain == PLAIN
    assert numbers == scalars
    for one, other in zip(arrays, back, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


def test_names_of_numpy_1_are_understood(tmp_path: Path):
    content = pickle.dumps(np.arange(3.0), protocol=2)
    assert b"numpy._core.multiarray" in content
    path = tmp_path / "old.pkl"
    path.write_bytes(content.replace(b"numpy._core.", b"numpy.core."))
    assert load_pickle(path).tolist() == [0, 1, 2]


def test_python_2_strings_and_arrays_are_read(tmp_path: Path):
    # SHORT_BINSTRING, as Python 2 wrote str; the key and one non-ASCII value.
    path = tmp_path / "old.pkl"
    path.write_bytes(b"\x80\x02}U\x05trainU\x02\xe4bs.")
    assert load_pickle(path) == {"train": "äb"}


@pytest.mark.parametrize(
    ("function", "arguments", "name"),
    [
        (os.system, ("touch hurt",), f"{os.system.__module__}.system"),
        (eval, ("open('hurt', 'w')",), "builtins.eval"),
        (getattr, ("", "join"), "builtins.getattr"),
        (subprocess.Popen, (["touch", "hurt"],), "subprocess.Popen"),
        (Path, ("hurt",), "pathlib"),
        (np.load, ("hurt",), "numpy"),
    ],
)
def test_functions_and_classes_are_refused_by_name(
    tmp_path, monkeypatch, function, arguments, name
):
    monkeypatch.chdir(tmp_path)
    path = saved(tmp_path / "bad.pkl", {"train": [Runs(function, *arguments)]})
    with pytest.raises(ValueError, match="not data; refused") as error:
        load_pickle(path)
    assert name in str(error.value) and str(path) in str(error.value)
    assert not (tmp_path / "hurt").exists()


def test_a_dotted_name_does_not_reach_through_an_admitted_module(tmp_path: Path):
    path = tmp_path / "bad.pkl"
    path.write_bytes(b"\x80\x04\x8c\x05numpy\x8c\x0endarray.tofile\x93.")
    with pytest.raises(ValueError, match=r"numpy\.ndarray\.tofile"):
        load_pickle(path)


def test_no_other_codec_is_looked_up(tmp_path: Path):
    path = tmp_path / "bad.pkl"
    path.write_bytes(b"c_codecs\nencode\n(Vx\nVrot13\ntR.")
    with pytest.raises(ValueError, match=r"_codecs\.encode with 'rot13'"):
        load_pickle(path)


def test_every_truncation_is_reported_with_the_file(tmp_path: Path):
    whole = pickle.dumps({"train": [np.arange(3.0), "text"]}, protocol=4)
    path = tmp_path / "cut.pkl"
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match=r"cut\.pkl: not a complete pickle"):
            load_pickle(path)


def test_a_missing_file_and_no_pickle_are_reported(tmp_path: Path):
    with pytest.raises(ValueError, match=r"none\.pkl: no such file"):
        load_pickle(tmp_path / "none.pkl")
    (tmp_path / "page.pkl").write_text("<html>quota exceeded</html>")
    with pytest.raises(ValueError, match=r"page\.pkl: not a complete pickle"):
        load_pickle(tmp_path / "page.pkl")


@pytest.mark.parametrize(
    ("start", "what"),
    [
        (b"PK\x03\x04", "a zip archive"),
        (b"\x1f\x8b\x08", "packed by gzip; unpack it"),
        (b"version https://git-lfs.github.com/spec/v1", "fetch the file itself"),
        (b"<!DOCTYPE html>", "a page of the web"),
        (b"\x89HDF\r\n", "an HDF5 file"),
    ],
)
def test_other_files_are_told_apart(tmp_path: Path, start: bytes, what: str):
    path = tmp_path / "bad.pkl"
    path.write_bytes(start + b"\0" * 90)
    with pytest.raises(ValueError, match=rf"bad\.pkl: not a complete pickle.*{what}"):
        load_pickle(path)


def test_names_of_numpy_1_are_understood_in_new_protocols(tmp_path: Path):
    array = np.arange(6, dtype=">f4").reshape(2, 3)
    for protocol in (4, 5):
        framed = pickle.dumps([array, np.float32(2)], protocol)
        content = framed[:2] + framed[11:]  # without the length of the frame
        for name in (b"multiarray", b"numeric"):
            old, new = b"numpy.core." + name, b"numpy._core." + name
            lengths = bytes([len(new)]), bytes([len(old)])
            content = content.replace(lengths[0] + new, lengths[1] + old)
        assert b"_core" not in content
        path = tmp_path / "old.pkl"
        path.write_bytes(content)
        found, number = load_pickle(path)
        assert found.dtype == array.dtype and number == 2
        np.testing.assert_array_equal(found, array)
