"""The reader that a source of params.yaml names."""

from pathlib import Path

from repro import paths
from repro.data import mag, mmsa, mult, table
from repro.params.datasets import FileSet
from repro.records import Dataset


def read(source: FileSet, name: str) -> Dataset:
    """The data set `name` from its source, as the reader gives it, not yet checked.

    Raises:
        ValueError: the files are missing or bad, or an option of another source is
            set.
    """
    path = Path(source.path)
    if source.keep != "all" and source.source != "table":
        raise ValueError(
            f"keep={source.keep!r} works for source table only, not for "
            f"{source.source}; set keep: all"
        )
    if source.labels != "none" and source.source != "mult":
        raise ValueError(
            f"labels={source.labels!r} works for source mult only, not for "
            f"{source.source}; set labels: none"
        )
    try:
        return _read(source, path, name)
    except MemoryError:
        raise ValueError(
            f"{path}: its features do not fit into memory; use a larger machine"
        ) from None


def _read(source: FileSet, path: Path, name: str) -> Dataset:
    match source.source:
        case "simulated":
            return mmsa.read(path, name, simulated=True)
        case "mmsa":
            return mmsa.read(path, name)
        case "mult":
            labels = None if source.labels == "none" else Path(source.labels)
            return mult.read(path, labels)
        case "mag":
            return mag.read(path)
        case "table":
            if source.table is None:
                raise ValueError(
                    f"{paths.PARAMS}: datasets.files.{name}: source table needs the "
                    "mapping `table`, which names its columns and arrays"
                )
            return table.read(path, source.table, source.keep, len(source.classes))
