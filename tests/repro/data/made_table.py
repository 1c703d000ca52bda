"""A folder of one's own data: a CSV of samples and an array."""

from pathlib import Path

import numpy as np

from repro.data import checking, table
from repro.params.datasets import TableMapping
from repro.records import Dataset

HEADER = "id,group,split,label,text"
ROWS = [
    f"u{i},g{i},{split},{i / 3:.2f},word{i} words"
    for i, split in enumerate(["train"] * 4 + ["valid"] * 2 + ["test"] * 2)
]
AUDIO = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
MAPPING = TableMapping(
    samples="samples.csv",
    id="id",
    group="group",
    split="split",
    label="label",
    text="text",
    arrays={"audio": "audio.npy"},
)


def written(folder: Path) -> Path:
    """A folder that is read as it is."""
    folder.mkdir()
    write(folder)
    np.save(folder / "audio.npy", AUDIO)
    return folder


def write(folder: Path, header: str = HEADER, rows: list[str] = ROWS) -> None:
    """The CSV of samples."""
    (folder / "samples.csv").write_text("\n".join([header, *rows]) + "\n")


def read(root: Path, keep: str = "all", **changes: object) -> Dataset:
    """The checked data set; parts of the mapping may be others."""
    found = table.read(root, MAPPING.model_copy(update=changes), keep)
    return checking.check(found, str(root), "refuse")


def header(text: str, version: int = 1) -> bytes:
    """A .npy file that is nothing but its header."""
    length = len(text).to_bytes(2 if version == 1 else 4, "little")
    return b"\x93NUMPY" + bytes([version, 0]) + length + text.encode("latin-1")


def stated(shape: str, descr: str = "'<f4'") -> bytes:
    """Such a header, of this shape and kind."""
    return header(f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n")
