"""Raw tables against the list of sums of their release."""

import hashlib
from pathlib import Path

import pytest

from repro.data.mimiciv.layout import Source
from repro.data.mimiciv.release import SUMS, check_sums


@pytest.fixture
def table(tmp_path: Path) -> Source:
    """One table of a root."""
    path = tmp_path / "icu/icustays.csv"
    path.parent.mkdir()
    path.write_text("stay_id\n31\n")
    return Source("icu/icustays", path, tmp_path)


def listed(table: Source, line: str) -> None:
    """The list of the root; `SUM` stands for the sum of the table."""
    found = hashlib.sha256(table.path.read_bytes()).hexdigest()
    (table.root / SUMS).write_text(line.replace("SUM", found))


@pytest.mark.parametrize(
    "line",
    [
        "SUM icu/icustays.csv\n",
        "SUM *icu/icustays.csv",
        "\nSUM  ./icu/icustays.csv\r\n",
    ],
)
def test_a_table_of_the_release_passes(table: Source, line: str) -> None:
    listed(table, line)
    assert check_sums([table]) == []
    table.path.write_text("stay_id\n32\n")
    with pytest.raises(ValueError, match=r"icustays\.csv: its SHA-256 .* lists \w{64}"):
        check_sums([table])


def test_a_root_without_a_list_is_taken_as_it_is(table: Source) -> None:
    assert check_sums([table]) == []


def test_a_table_that_is_not_listed_is_told(table: Source) -> None:
    listed(table, "SUM icu/icustays.csv.gz")
    (warning,) = check_sums([table])
    assert warning.startswith("icu/icustays.csv is not in SHA256SUMS.txt")


def test_a_list_that_is_none_is_named(table: Source) -> None:
    listed(table, "SUM icu/icustays.csv\n<html>")
    with pytest.raises(ValueError, match=r"SHA256SUMS\.txt: line 2: '<html>' is no"):
        check_sums([table])


def test_a_file_of_two_sums_is_named(table: Source) -> None:
    listed(table, f"SUM icu/icustays.csv\n{'0' * 64} icu/icustays.csv")
    with pytest.raises(ValueError, match=r"icu/icustays\.csv has two sums"):
        check_sums([table])


def test_an_empty_list_lists_nothing(table: Source) -> None:
    listed(table, "\ufeff\n")
    assert len(check_sums([table])) == 1
