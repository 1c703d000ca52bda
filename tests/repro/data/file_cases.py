"""Reported files as bytes: pickles, tables and arrays that are not what they seem."""

import os
import pickle
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np

from repro.data import mmsa
from repro.data.unpickling import load_pickle
from repro.records import Dataset
from tests.pipeline_graph import ROOT
from tests.repro.data.feature_cases import changed
from tests.repro.data.made_features import at, mmsa_content, put
from tests.repro.data.made_table import (
    AUDIO,
    HEADER,
    ROWS,
    header,
    read,
    stated,
    write,
    written,
)
from tests.repro.data.test_hostile_pickles import HOSTILE
from tests.repro.reported import Case

WHOLE = pickle.dumps(mmsa_content(), 4)


def hostile(*names: str) -> dict[str, Case]:
    """Pickles that would crash, hang or fill the memory."""
    return {
        name: pickled(HOSTILE[name], r"byte \d+ \([A-Z]", load_pickle) for name in names
    }


def pickled(
    content: bytes,
    refused: str,
    reader: Callable[[Path], object] = lambda path: mmsa.read(path, "mine"),
) -> Case:
    """A case of a file of these bytes."""

    def make(folder: Path) -> object:
        path = folder / "mine.pkl"
        path.write_bytes(content)
        return reader(path)

    return Case(make, refused)


def tabled(
    edit: Callable[[Path], object],
    refused: str = "",
    what: Callable[[Dataset], object] = lambda dataset: len(dataset.samples),
    found: object = 8,
    **mapping: object,
) -> Case:
    """A case of a folder of one's own data once it is edited."""

    def make(folder: Path) -> object:
        root = written(folder / "mine")
        edit(root)
        return what(read(root, **mapping))

    return Case(make, refused, found)


def rows(*changed_rows: str) -> Callable[[Path], None]:
    """The first rows of the samples become others."""
    return lambda root: write(root, rows=[*changed_rows, *ROWS[len(changed_rows) :]])


def saved(array: np.ndarray) -> Callable[[Path], None]:
    """The array becomes another."""
    return lambda root: np.save(root / "audio.npy", array)


def stored(content: bytes, name: str = "audio.npy") -> Callable[[Path], object]:
    """The file of the array becomes these bytes."""
    return lambda root: (root / name).write_bytes(content)


def repository_of_an_archive(folder: Path) -> bool:
    """Whether the Makefile makes a repository where there is none."""
    shutil.copy(ROOT / "Makefile", folder)
    given = {"GIT_CEILING_DIRECTORIES": str(folder.parent), "PATH": os.environ["PATH"]}
    subprocess.run(["make", "-s", "repository"], cwd=folder, env=given, check=True)
    return (folder / ".git").is_dir()


def grouped(*groups: str) -> Callable[[Path], None]:
    """Samples of three splits, their first groups in other spellings."""
    first = [f"u{i},{group},train,{i},so" for i, group in enumerate(groups[:1])]
    others = [f"u4,{groups[1]},valid,1,so", f"u6,{groups[2]},test,1,so"]
    kept = [row for i, row in enumerate(ROWS) if i not in (0, 4, 6)]
    return lambda root: write(root, rows=[*first, *others, *kept])


SHARED = "groups stand in two splits"
CASES = {
    "17-table-files": {
        "extra field": tabled(rows(f"{ROWS[0]},x"), "row 1 has 6 fields, the header"),
        "cut field": tabled(rows("u0,g0,tr"), "row 1 has 3 fields"),
        "blank lines": tabled(lambda root: write(root, rows=["", *ROWS, "", ""])),
        "old Mac": tabled(
            lambda root: (root / "samples.csv").write_bytes(
                "\r".join([HEADER, *ROWS]).encode()
            )
        ),
        "NUL": tabled(rows(ROWS[0].replace("word0", "wo\0rd0"))),
        "a text nobody sees": tabled(
            rows(ROWS[0].replace("word0 words", "\u200b")),
            "",
            lambda d: d.modalities["text"].values[0],
            "",
        ),
        "number of Python": tabled(
            rows(ROWS[0].replace("0.00", "1_0")), "is no number"
        ),
        "semicolons": tabled(
            lambda root: write(root, HEADER.replace(",", ";")), "row 1 has 5 fields"
        ),
        "folder": tabled(
            lambda root: [
                (root / "samples.csv").unlink(),
                (root / "samples.csv").mkdir(),
            ],
            "is a folder",
        ),
        "one NaN": tabled(
            saved(np.where(np.arange(24).reshape(8, 3) == 4, np.nan, AUDIO)),
            "1 vectors are NaN in some features only",
        ),
        "infinite": tabled(saved(np.full((8, 3), np.inf)), "has 24 infinite"),
        "bool": tabled(saved(AUDIO > 0), "holds bool"),
        "objects": tabled(saved(AUDIO.astype(object)), "it holds objects"),
        "cut": tabled(stored(stated("(8, 3)") + b"\0" * 89), "needs"),
        "npz": tabled(stored(b"PK\x03\x04" + b"\0" * 99), "it is a zip archive"),
    },
    "28-dvc-without-git": {"make repository": Case(repository_of_an_archive, "", True)},
    "attack/01-pickle-dtype-rce": hostile(
        "dtype of a record with a hidden object",
        "scalar of that record",
        "buffer of that record",
        "dtype with fields",
    ),
    "attack/02-pickle-object-short-list": hostile(
        "objects of a short list", "objects from bytes"
    )
    | {
        "two pickles": pickled(WHOLE + WHOLE, r"ends the pickle, but \d+ bytes follow"),
        "padding": pickled(WHOLE + b"\0" * 512, "but 512 bytes follow"),
        "half": pickled(WHOLE[: len(WHOLE) // 2], "not a complete pickle"),
        "zstd": pickled(b"\x28\xb5\x2f\xfd" + WHOLE, "packed by zstd; unpack"),
        "7z": pickled(b"7z\xbc\xaf\x27\x1c" + WHOLE, "a 7z archive; unpack"),
        "rar": pickled(b"Rar!\x1a\x07" + WHOLE, "a rar archive; unpack"),
        "a page": pickled(b"\n <!doctype html>", "a page of the web; download"),
        "text mode": pickled(WHOLE.decode("latin-1").encode(), "not a complete pickle"),
    },
    "attack/03-pickle-hash-laughs": hostile("hash of tuples", "set of tuples"),
    "attack/04-pickle-str-laughs": hostile("text of lists", "list in itself"),
    "attack/05-pickle-runtimeerror": hostile(
        "scalar of an object", "buffer of objects"
    ),
    "attack/06-pickle-deep-list-text": hostile("very deep list")
    | {
        "as a text": changed(
            "mmsa", at("raw_text", 0, [[[["so"]]]]), r"raw_text\[0\]: is a list"
        )
    },
    "attack/07-pickle-0dim-text": {
        "column": changed("mmsa", put("raw_text", np.array("so")), "without axes"),
        "entry": changed("mmsa", at("raw_text", 0, np.array("so")), "is a ndarray"),
        "labels": changed(
            "mmsa", put("regression_labels", np.array(1.0)), "without axes"
        ),
    },
    "attack/08-pickle-complex-labels": {
        "one": changed(
            "mmsa", at("regression_labels", 0, 1 + 2j), r"is \(1\+2j\), not"
        ),
        "all": changed(
            "mmsa", put("regression_labels", np.ones(4) * 1j), r"numpy\.dtype 'c16'"
        ),
    },
    "attack/09-pickle-datetime-labels": {
        kind: changed(
            "mmsa", put("regression_labels", np.zeros(4, kind)), rf"dtype '{kind[:2]}"
        )
        for kind in ("M8[D]", "m8[s]")
    },
    "attack/13-npy-header-bomb": {
        "shape": tabled(stored(stated("(100000000000, 3)")), "needs 12000000000"),
        "product": tabled(
            stored(stated("(8, 4294967296, 4294967296)")), "needs|header"
        ),
        "long header": tabled(stored(header("(" * 60000)), "header of 60000 bytes"),
    },
    "attack/14-npy-token-error": {
        "parentheses": tabled(stored(header("(" * 9900)), "header"),
        "a call": tabled(stored(header("__import__('os')\n")), "header"),
        "no end": tabled(stored(header("{'descr': '<f4'")), "header"),
    },
    "attack/15-array-name-escapes": {
        repr(name): tabled(
            lambda root: None, "make the name of a modality", arrays={name: "audio.npy"}
        )
        for name in ("../evil", "/evil", "a\0b", "a;b", "a\n", "\u202ea", "")
    },
    "attack/16-group-whitespace": {
        "spaces, case": tabled(grouped("v0", "v0 ", "V0"), SHARED),
        "full width": tabled(grouped("v0", "\uff56\uff10", "w"), SHARED),
        "sharp s": tabled(grouped("stra\u00dfe", "STRASSE", "w"), SHARED),
        "an accent of its own": tabled(grouped("caf\u00e9", "cafe\u0301", "w"), SHARED),
        "inner space": tabled(grouped("v 0", "v\u2003 0", "w"), SHARED),
        "soft hyphen": tabled(grouped("v0", "v\u00ad0", "w"), SHARED),
    },
    "attack/18-underflow-zero": {
        "float64": tabled(
            saved(np.full((8, 3), 1e-50)),
            "",
            lambda d: "audio: every value is 0" in d.warnings[0],
            True,
        )
    },
}
