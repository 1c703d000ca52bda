"""Families of files, told from what is in them; hostile and cut ones are refused."""

import gzip
import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest

from repro.data import checksums, identify, mmimdb
from repro.data.identify import main
from repro.data.mimiciv.layout import CORE
from tests.repro.data.made_features import CONTENTS, saved
from tests.repro.data.test_hostile_pickles import HOSTILE
from tests.repro.made_adni import write_adni


def told(path: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines that the command prints."""
    main([str(path)])
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    ("layout", "family", "samples"),
    [
        ("mmsa", "MMSA features, unaligned", "samples: train 4, valid 2, test 2"),
        ("mult", "MulT features, unaligned", "samples: train 4, valid 2, test 2"),
        ("mag", "MAG-BERT features", "samples: train 4, dev 2, test 2"),
    ],
)
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_pickles_of_features(
    layout: str,
    family: str,
    samples: str,
    protocol: int,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = saved(tmp_path, CONTENTS[layout](0), protocol)
    lines = told(path, capsys)
    assert lines[0] == family and samples in lines
    assert lines[1].startswith(f"use: source: {layout}, path: {path}")


def test_widths_and_alignment_tell_the_data_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = CONTENTS["mmsa"](0)
    for columns in content.values():
        count = len(columns["id"])
        columns["audio"] = np.zeros((count, 50, 74))
        columns["vision"] = np.zeros((count, 50, 35))
        del columns["audio_lengths"], columns["vision_lengths"]
    lines = told(saved(tmp_path, content), capsys)
    assert lines[0] == "MMSA features, aligned"
    assert "rows x features: audio 50 x 74, vision 50 x 35" in lines
    assert "audio as in MOSEI, or MOSI in the mag layout" in lines
    assert "SHA-256 is that of no public file of MMSA" in lines


def test_a_public_file_is_known_by_its_sum(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path, CONTENTS["mmsa"](0))
    known = {("mosi", "unaligned_50.pkl"): checksums.sha256(path)}
    monkeypatch.setattr(identify, "KNOWN", known)
    assert "SHA-256 of the public MOSI unaligned_50.pkl" in told(path, capsys)


def test_a_simulated_file_is_told_by_its_ids(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = CONTENTS["mmsa"](0)
    for columns in content.values():
        columns["id"] = [f"sim00000$_${i}" for i in range(len(columns["id"]))]
    lines = told(saved(tmp_path, content), capsys)
    assert lines[1].startswith("use: source: simulated")
    assert "simulated: its ids are those of repro.stages.simulate" in lines


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"a": 1, "b": 2}, "keys: a, b"),
        ([1, 2], "is a list of 2"),
        ({"train": {}, "valid": {}, "test": {}}, "keys: train, valid, test"),
        ({"train": [], "dev": [], "test": []}, "keys: train, dev, test"),
        ({"train": [1], "dev": 1, "test": None}, "keys: train, dev, test"),
    ],
)
def test_other_pickles_are_unknown_and_say_what_they_hold(
    content: object, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = told(saved(tmp_path, content), capsys)
    assert lines == ["pickle, unknown", "use: no reader", said]


@pytest.mark.parametrize("column", ["id", "audio", "regression_labels"])
def test_odd_columns_do_not_stop_it(
    column: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = CONTENTS["mmsa"](0)
    content["train"][column] = [[1], [1, 2]]
    content["valid"] = 3
    content["test"][column] = 5
    assert told(saved(tmp_path, content), capsys)[0].startswith("MMSA features")


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pickles_are_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "mine.pkl"
    path.write_bytes(HOSTILE[name])
    with pytest.raises(ValueError, match=r"mine\.pkl: "):
        main([str(path)])


def test_a_pickle_that_calls_is_refused_and_calls_nothing(tmp_path: Path) -> None:
    path = tmp_path / "mine"
    path.write_bytes(pickle.dumps(Path, 4)[:-1] + b"X\x05\x00\x00\x00/none\x85R.")
    with pytest.raises(ValueError, match=r"pathlib.*refused"):
        main([str(path)])


NOT_WHOLE = [
    ("cut.pkl", pickle.dumps(CONTENTS["mmsa"](0))[:-40], "not a complete pickle"),
    ("empty.pkl", b"", "it is empty"),
    ("cut.npy", b"\x93NUMPY\x01", "not a complete .npy file"),
    ("cut.csv.gz", gzip.compress(bytes(range(35, 99)))[:40], "cut"),
    ("odd.csv", b"\xff\xfe\x00a", "odd.csv"),
    ("wide.csv", "id,split\n".encode("utf-16"), r"wide\.csv: not UTF-8 .*save it as"),
    ("packed", gzip.compress(b"x"), "is packed by gzip; unpack it"),
    ("model.pt", b"PK\x03\x04rest", "is a zip archive"),
    ("page.pkl", b"<!DOCTYPE html>", "a page of the web"),
]


# Ids are names: a packed file holds the second it was packed in, and workers
# that collect in different seconds would disagree about the tests there are.
@pytest.mark.parametrize(
    ("name", "content", "said"), NOT_WHOLE, ids=[name for name, _, _ in NOT_WHOLE]
)
def test_files_that_are_not_whole_are_refused(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=said) as caught:
        main([str(tmp_path / name)])
    assert name in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
@pytest.mark.parametrize("name", CORE)
def test_tables_of_mimic(
    name: str, suffix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"{name.rpartition('/')[2]}{suffix}"
    text = (",".join(["more", *CORE[name]]) + "\n1\n").encode()
    path.write_bytes(gzip.compress(text) if suffix.endswith("gz") else text)
    lines = told(path, capsys)
    assert lines[0] == f"MIMIC-IV table {name}"
    assert lines[1].startswith("use: clinical.path: the root that holds")


@pytest.mark.parametrize(
    ("text", "family"),
    [
        ("id,part\na,train\nb,valid\nc,test\n", "samples of a table"),
        ("id,part\na,train\n", "unknown CSV"),
        ("video_id,clip_id,text,label\n", "label CSV of MOSI or MOSEI"),
    ],
)
def test_other_csv_files(
    text: str, family: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "some.csv").write_text(text)
    assert told(tmp_path / "some.csv", capsys)[0] == family


@pytest.mark.parametrize(
    ("shape", "family"),
    [
        ((3, 2), "modality of a table: a vector per sample"),
        ((3, 2, 4), "modality of a table: a sequence per sample"),
        ((3,), "array, no modality"),
    ],
)
def test_arrays(
    shape: tuple[int, ...],
    family: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    np.save(tmp_path / "audio.npy", np.zeros(shape))
    lines = told(tmp_path / "audio.npy", capsys)
    assert lines[0] == family and lines[2] == f"float64 of shape {shape}"


def test_folders_and_foreign_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tree/hosp").mkdir(parents=True)
    (tmp_path / "tree/icu").mkdir()
    columns = ",".join(CORE["hosp/admissions"])
    (tmp_path / "tree/hosp/admissions.csv").write_text(f"subject_id,{columns}\n")
    np.save(tmp_path / "a.npy", np.zeros((2, 2)))
    (tmp_path / "samples.csv").write_text("id\na\n")
    with h5py.File(tmp_path / "x.hdf5", "w") as file:
        file["words"] = [1, 2]
    (tmp_path / "cut.hdf5").write_bytes(b"\x89HDF\r\n\x1a\nrest")
    (tmp_path / "x.bin").write_bytes(b"\x01\x02")
    families = {
        "tree": "MIMIC-IV tree",
        ".": "table layout",
        "tree/hosp": "unknown folder",
        "x.hdf5": "HDF5 file",
        "x.bin": "unknown",
    }
    for name, family in families.items():
        assert told(tmp_path / name, capsys)[0] == family
    assert "holds words" in told(tmp_path / "x.hdf5", capsys)
    with pytest.raises(ValueError, match=r"cut\.hdf5: not a whole HDF5 file"):
        main([str(tmp_path / "cut.hdf5")])
    with pytest.raises(ValueError, match="no such file"):
        main([str(tmp_path / "none")])


def test_the_vectors_of_mm_imdb_are_known(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with h5py.File(tmp_path / mmimdb.FILE, "w") as file:
        for name in mmimdb.MODALITIES.values():
            file[name] = np.zeros((2, 3))
    family, use, *_ = told(tmp_path / mmimdb.FILE, capsys)
    assert family == "MM-IMDb, vectors of plots and posters"
    assert use == (
        f"use: layout: mmimdb, source: own, path: {tmp_path} of datasets.folders.mmimdb"
    )


def test_tables_and_genotypes_of_adni(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_adni(tmp_path / "adni")
    families = {
        "DXSUM_09Sep2024.csv": "ADNI table DXSUM",
        "UCSFFSX7_09Sep2024.csv": "ADNI table UCSFFSX7",
        "UPENNBIOMK_ROCHE_ELECSYS_09Sep2024.csv": (
            "ADNI table UPENNBIOMK_ROCHE_ELECSYS"
        ),
        "ADNI3_PLINK_Final.bed": "PLINK genotypes (.bed)",
    }
    for name, family in families.items():
        lines = told(root / name, capsys)
        assert lines[0] == family and "layout: adni" in lines[1]
        assert any("data use agreement" in line for line in lines)
    assert "with its .bim and .fam" in lines
    (root / "ADNI3_PLINK_Final.fam").unlink()
    path = root / "ADNI3_PLINK_Final.bed"
    path.write_bytes(b"\x6c\x1b\x00" + path.read_bytes()[3:])
    lines = told(path, capsys)
    assert "lacks ADNI3_PLINK_Final.fam" in lines
    assert lines[2].startswith("not SNP-major")
    (tmp_path / "VITALS_1.csv").write_text("a,b\n1,2\n")
    assert told(tmp_path / "VITALS_1.csv", capsys)[0] == "unknown CSV"
