"""Name what a file of data is: `python -m repro.data.identify FILE`.

Nothing in it is run: pickles go through `repro.data.unpickling`, arrays through the
check of their header, and of tables the first line is read.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from repro import process
from repro.data import adni_fields, adni_tables, csv_files, mmimdb, mmsa, mult, plink
from repro.data.checksums import KNOWN, sha256
from repro.data.mimiciv import layout as mimiciv
from repro.data.npy_files import npy_array
from repro.data.places import foreign, regular_file
from repro.data.unpickling import load_pickle
from repro.records import SPLITS

_HDF5 = b"\x89HDF\r\n\x1a\n"
_NUMPY, _PICKLE, _GZIP = b"\x93NUMPY", (b"\x80", b"("), b"\x1f\x8b"
_PICKLED = (".pkl", ".pickle")  # protocols 0 and 1 begin in many ways
_MAG_SPLITS = ("train", "dev", "test")
# Columns of audio by data set; MAG and MMSA alike, MulT too.
_OF_AUDIO = {5: "MOSI", 74: "MOSEI, or MOSI in the mag layout"}
_ROOTS = (
    ("path", mimiciv.CORE),
    ("note", mimiciv.NOTES),
    ("cxr", mimiciv.CXR),
    ("ecg", mimiciv.ECG),
)
_TABLE = "source: table (docs/extending.md)"
_ADNI = "datasets.folders.adni: the folder that holds it (layout: adni, source: own)"
_ADNI_TERMS = "under ADNI's data use agreement unless simulated; docs/data.md"
_MOST_SHOWN = 12  # names of columns or keys


@dataclass(frozen=True)
class Found:
    """The family of a file, what params.yaml says to use it, and what is known."""

    family: str
    use: str
    known: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """As it is shown."""
        return [self.family, f"use: {self.use}", *self.known]


def identify(path: Path) -> Found:
    """What a file, or a folder of MIMIC-IV or of a table, is.

    Raises:
        ValueError: it is missing, cut, packed, or a pickle that holds more than data.
    """
    if path.is_dir():
        return _folder(path)
    with regular_file(path).open("rb") as handle:
        start = handle.read(32)
    if start.startswith(_HDF5):
        return _hdf5(path)
    if start.startswith(_NUMPY):
        return _array(path)
    if start.startswith(plink.MAGIC):
        return _bed(path, start)
    if start.startswith(_PICKLE) or path.suffix in _PICKLED:
        return _pickle(path)
    if path.suffix == ".csv" or (path.name.endswith(".csv.gz") and start[:2] == _GZIP):
        return _csv(path)
    if what := foreign(start):
        raise ValueError(f"{path}: is {what}")
    return Found("unknown", f"nothing here reads it; it begins with {start[:8]!r}")


def _hdf5(path: Path) -> Found:
    """The arrays of MM-IMDb, or another file, by the names in it."""
    import h5py  # needed here alone

    try:
        with h5py.File(path, "r") as file:
            names = sorted(file)
    except OSError as error:
        raise ValueError(f"{path}: not a whole HDF5 file ({error})") from None
    if set(mmimdb.MODALITIES.values()) <= set(names):
        return Found(
            "MM-IMDb, vectors of plots and posters",
            f"layout: mmimdb, source: own, path: {path.parent} of "
            "datasets.folders.mmimdb",
            (f"it has to be called {mmimdb.FILE}",),
        )
    return Found(
        "HDF5 file",
        "nothing here reads it; convert it to a table (docs/extending.md)",
        (f"holds {', '.join(names[:9]) or 'nothing'}",),
    )


def _folder(path: Path) -> Found:
    if (path / "hosp").is_dir() and (path / "icu").is_dir():
        mimiciv.refuse_version_1(path)
        use = f"clinical: {{source: mimiciv, path: {path}}}"
        return Found("MIMIC-IV tree", use, ("docs/data.md tells who may see it",))
    arrays = sorted(file.name for file in path.glob("*.npy"))
    tables = sorted(file.name for file in path.glob("*.csv"))
    if arrays and tables:
        known = (f"samples: {', '.join(tables)}", f"arrays: {', '.join(arrays)}")
        return Found("table layout", _TABLE, known)
    return Found("unknown folder", "give a file in it")


def _bed(path: Path, start: bytes) -> Found:
    """A .bed of PLINK, with what lies beside it."""
    beside = [path.with_suffix(end) for end in (".bim", ".fam")]
    lacking = [other.name for other in beside if not other.is_file()]
    is_major = start[2:3] == plink.SNP_MAJOR
    known = (
        "SNP-major" if is_major else "not SNP-major: write it again with --make-bed",
        f"lacks {' and '.join(lacking)}" if lacking else "with its .bim and .fam",
        _ADNI_TERMS,
    )
    return Found("PLINK genotypes (.bed)", _ADNI, known)


def _array(path: Path) -> Found:
    array = npy_array(path)
    shape = f"{array.dtype} of shape {array.shape}"
    kinds = {2: "a vector per sample", 3: "a sequence per sample"}
    if array.ndim not in kinds:
        return Found("array, no modality", "save (samples, [time,] features)", (shape,))
    return Found(f"modality of a table: {kinds[array.ndim]}", _TABLE, (shape,))


def _csv(path: Path) -> Found:
    header = mimiciv.header(path)
    for field, tables in _ROOTS:
        for name, columns in tables.items():
            # Names of tables are those of files; d_items and d_labitems look alike.
            is_named = path.name.split(".")[0] == name.rpartition("/")[2]
            if is_named and set(columns) <= set(header):
                use = f"clinical.{field}: the root that holds {name} (source: mimiciv)"
                known = ("real patients unless simulated; docs/data.md",)
                return Found(f"MIMIC-IV table {name}", use, known)
    shown = f"columns: {', '.join(header[:_MOST_SHOWN])}"
    named = {name.strip().upper() for name in header}
    for family in adni_fields.FAMILIES:
        is_of = adni_tables.is_named(path.name, family)
        if is_of and not named.isdisjoint({adni_tables.SUBJECT, adni_tables.RID}):
            return Found(f"ADNI table {family}", _ADNI, (_ADNI_TERMS, shown))
    if {"video_id", "clip_id", "text"} <= set(header):
        use = "labels: data/labels/<file>, beside source: mult"
        return Found("label CSV of MOSI or MOSEI", use, (shown,))
    column = None if path.suffix == ".gz" else _split_column(path)
    if column is None:
        needs = "a column that has train, valid or test in every row, and no other word"
        return Found("unknown CSV", f"a {_TABLE} needs {needs}", (shown,))
    return Found("samples of a table", _TABLE, (f"split: {column}", shown))


def _split_column(path: Path) -> str | None:
    """The column that has nothing but train, valid and test."""
    table = csv_files.csv_table(path, ())
    found = [name for name in table if set(table[name]) == set(SPLITS)]
    return found[0] if found else None


def _pickle(path: Path) -> Found:
    content = load_pickle(path)
    if not isinstance(content, dict):
        return Found("pickle, unknown", "no reader", (f"is a {_kind(content)}",))
    if set(SPLITS) <= set(content):
        columns = content["train"]
        if isinstance(columns, dict) and set(mmsa.NEEDED) <= set(columns):
            return _mmsa(path, content)
        if isinstance(columns, dict) and set(mult.NEEDED) <= set(columns):
            known = (*_sizes(content, "labels"), *_widths(columns))
            use = f"source: mult, path: {path}; labels for the words"
            return Found(f"MulT features, {_aligned(columns)}", use, known)
    if set(_MAG_SPLITS) <= set(content) and _is_mag(content["train"]):
        sizes = [f"{name} {len(content[name])}" for name in _MAG_SPLITS]
        known = (f"samples: {', '.join(sizes)}", "other test sets than mmsa and mult")
        return Found("MAG-BERT features", f"source: mag, path: {path}", known)
    keys = ", ".join(str(key)[:40] for key in list(content)[:_MOST_SHOWN])
    return Found("pickle, unknown", "no reader", (f"keys: {keys}",))


def _mmsa(path: Path, content: dict[str, Any]) -> Found:
    columns, known = content["train"], [*_sizes(content, "id")]
    known += _widths(columns)
    ids = [str(name) for split in SPLITS for name in _column(content[split], "id")]
    is_made_up = bool(ids) and all(name.startswith("sim") for name in ids)
    owner = {total: key for key, total in KNOWN.items()}.get(sha256(path))
    if owner:
        known.append(f"SHA-256 of the public {owner[0].upper()} {owner[1]}")
    elif is_made_up:
        known.append("simulated: its ids are those of repro.stages.simulate")
    else:
        known.append("SHA-256 is that of no public file of MMSA")
    source = "simulated" if is_made_up else "mmsa"
    use = f"source: {source}, path: {path}"
    return Found(f"MMSA features, {_aligned(columns)}", use, tuple(known))


def _sizes(content: dict[str, Any], column: str) -> list[str]:
    sizes = [f"{split} {len(_column(content[split], column))}" for split in SPLITS]
    return [f"samples: {', '.join(sizes)}"]


def _column(columns: object, name: str) -> Sequence[Any]:
    """A column of a split; empty where there is none."""
    found = columns.get(name) if isinstance(columns, dict) else None
    if isinstance(found, np.ndarray) and found.ndim:
        return found.tolist()
    return found if isinstance(found, list | tuple) else ()


def _widths(columns: dict[str, Any]) -> list[str]:
    """Time and features of each array, and the data set that has such."""
    arrays = {n: a for n, a in columns.items() if getattr(a, "ndim", 0) == 3}
    told = [f"{name} {a.shape[1]} x {a.shape[2]}" for name, a in arrays.items()]
    audio = arrays.get("audio")
    of = None if audio is None else _OF_AUDIO.get(audio.shape[2])
    shown = [f"rows x features: {', '.join(told)}"] if told else []
    return shown + ([f"audio as in {of}"] if of else [])


def _aligned(columns: dict[str, Any]) -> str:
    """Whether the series have one row per word, so that all are as long."""
    series = [columns[name] for name in ("audio", "vision")]
    lengths = {a.shape[1] for a in series if getattr(a, "ndim", 0) == 3}
    has_lengths = "audio_lengths" in columns
    return "aligned" if len(lengths) == 1 and not has_lengths else "unaligned"


def _is_mag(samples: object) -> bool:
    """Whether the first sample is ((words, visual, acoustic), label, segment)."""
    if not isinstance(samples, list | tuple) or not samples:
        return False
    first = samples[0]
    if not isinstance(first, list | tuple) or len(first) != 3:
        return False
    return isinstance(first[0], list | tuple) and len(first[0]) == 3


def _kind(content: object) -> str:
    size = f" of {len(content)}" if isinstance(content, list | tuple) else ""
    return f"{type(content).__name__}{size}"


def main(arguments: list[str] | None = None) -> None:
    """Print what a file is.

    Raises:
        ValueError: it is refused; says why.
    """
    parser = argparse.ArgumentParser(
        prog="repro.data.identify", description=__doc__.split("\n")[0]
    )
    parser.add_argument("file", type=Path)
    for line in identify(parser.parse_args(arguments).file).lines():
        print(line)


if __name__ == "__main__":
    process.run_stage(main)
