"""Where the raw tables are, and whether they have the layout that is read here."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from repro.data.mimiciv.lines import UNREADABLE, first_line, opened
from repro.data.mimiciv.settings import Settings

# Discharge notes and diagnosis codes are not listed, so they are never opened.
CORE = {
    "icu/icustays": ("subject_id", "hadm_id", "stay_id", "intime", "outtime", "los"),
    "hosp/admissions": ("hadm_id", "deathtime", "hospital_expire_flag"),
    "icu/d_items": ("itemid", "label"),
    "hosp/d_labitems": ("itemid", "label"),
    "icu/chartevents": (
        "stay_id",
        "itemid",
        "charttime",
        "storetime",
        "value",
        "valuenum",
        "valueuom",
    ),
    "hosp/labevents": (
        "subject_id",
        "hadm_id",
        "itemid",
        "charttime",
        "storetime",
        "value",
        "valuenum",
        "valueuom",
    ),
}
NOTES = {"radiology": ("note_id", "subject_id", "charttime", "storetime", "text")}
CXR = {
    "mimic-cxr-2.0.0-metadata": (
        "dicom_id",
        "subject_id",
        "study_id",
        "ViewPosition",
        "StudyDate",
        "StudyTime",
    )
}
MEASUREMENTS = (
    "rr_interval",
    "p_onset",
    "p_end",
    "qrs_onset",
    "qrs_end",
    "t_end",
    "p_axis",
    "qrs_axis",
    "t_axis",
)
ECG = {
    "record_list": ("subject_id", "study_id", "ecg_time", "path"),
    "machine_measurements": ("study_id", *MEASUREMENTS),
}
_ITEMS_OF_2_2 = 4014  # rows of d_items in version 2.2; later versions have more


@dataclass(frozen=True)
class Source:
    """One raw table: its name, its file and the root that it was found under."""

    name: str
    path: Path
    root: Path

    @property
    def label(self) -> str:
        """The file relative to its root, the same on every machine."""
        return self.path.relative_to(self.root).as_posix()


def sources(settings: Settings) -> dict[str, Source]:
    """Every table that the settings need, once its columns are as they should be.

    Raises:
        ValueError: a root, table or column is missing, a file is cut short, or the
            tree is version 1.
    """
    refuse_version_1(settings.path)
    found = _found_all(settings.path, CORE)
    for root, tables in (
        (settings.notes, NOTES),
        (settings.cxr, CXR),
        (settings.ecg, ECG),
    ):
        if root is not None:
            found |= _found_all(root, tables)
    return found


def table_file(root: Path, name: str) -> Path:
    """`<root>/<name>.csv.gz`, or `.csv`.

    Raises:
        ValueError: neither is there.
    """
    if not root.is_dir():
        raise ValueError(
            f"{root}: no such folder; correct the path under clinical in params.yaml"
        )
    for suffix in (".csv.gz", ".csv"):
        path = root / f"{name}{suffix}"
        if path.is_file():
            return path
    raise ValueError(
        f"{root}: has no table {name}.csv.gz or {name}.csv; download it or correct the "
        "path"
    )


def refuse_version_1(root: Path) -> None:
    """Stop at the layout of MIMIC-IV 1.0.

    Raises:
        ValueError: there is a folder core/, or admissions has the column ethnicity.
    """
    reason = None
    if (root / "core").is_dir():
        reason = "a folder core/"
    else:
        path = table_file(root, "hosp/admissions")
        if "ethnicity" in header(path):
            reason = f"a column ethnicity in {path.name}"
    if reason is not None:
        raise ValueError(
            f"{root}: has {reason}, the layout of MIMIC-IV 1.0; use version 2.0 or "
            "later"
        )


def header(path: Path) -> list[str]:
    """Column names of a csv or csv.gz file; no byte after the first line matters.

    Raises:
        ValueError: the file is empty or damaged, or its first line is not UTF-8, does
            not end or is no row of csv.
    """
    try:
        with opened(path) as handle:
            line = first_line(handle, path).decode("utf-8-sig")
        names = next(csv.reader([line]), [])
    except UnicodeError as error:
        raise ValueError(f"{path}: not UTF-8 ({error}); save it as UTF-8") from error
    except (*UNREADABLE, csv.Error) as error:
        raise ValueError(unreadable(path, error)) from error
    if not line.strip():
        raise ValueError(f"{path}: is empty; copy or download it again")
    return names


def unreadable(path: Path, error: Exception) -> str:
    """One sentence about a file that cannot be read to its end."""
    reason = str(error).strip().splitlines()[0] if str(error).strip() else "cut short"
    return f"{path}: cut short or damaged ({reason}); copy or download it again"


def version(found: Mapping[str, Source], items: int) -> str:
    """The release that the columns and the number of charted items look like."""
    if "caregiver_id" not in header(found["icu/chartevents"].path):
        return "2.0-like"
    return "2.2-like" if items <= _ITEMS_OF_2_2 else "3.1-like"


def check_columns(path: Path, needed: tuple[str, ...]) -> None:
    """Stop when a column is missing, or two have its name.

    Raises:
        ValueError: so it is; the message names it and those that are there.
    """
    there = header(path)
    for told, names in (
        ("no column", [name for name in needed if name not in there]),
        ("two columns", [name for name in needed if there.count(name) > 1]),
    ):
        if names:
            raise ValueError(
                f"{path}: has {told} {', '.join(names)} among {there}; use the file "
                "as it was released"
            )


def _found_all(root: Path, tables: Mapping[str, tuple[str, ...]]) -> dict[str, Source]:
    found = {}
    for name, columns in tables.items():
        source = Source(name, table_file(root, name), root)
        check_columns(source.path, columns)
        found[name] = source
    return found
