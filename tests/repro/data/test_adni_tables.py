"""Tables of LONI: which file, which rows of a visit, which words and numbers."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from repro.data.adni_tables import (
    at_visit,
    contradicted,
    first_stated,
    found,
    numbers,
    subjects_of,
    table_of,
    visits,
)
from tests.repro.made_adni import csv_bytes, row, subject, write

HERE = Path("here.csv")


@pytest.mark.parametrize(
    "name",
    [
        *("DXSUM.csv", "DXSUM_09Sep2024.csv", "DXSUM_PDXCONV_ADNIALL.csv"),
        *("All_Subjects_DXSUM_15Oct2024.csv", "DXSUM_09Sep2024 (1).csv"),
        *("DXSUM_PDXCONV_01Jun2024.csv", "DXSUM_PDXCONV_ADNIALL_1Jun2024.csv"),
    ],
)
def test_a_table_is_found_whatever_the_day_of_its_download(name: str, tmp_path: Path):
    (tmp_path / name).touch()
    (tmp_path / "DXSUMMARY_09Sep2024.csv").touch()
    assert found(tmp_path, "DXSUM") == tmp_path / name


def test_no_file_is_none_and_two_of_one_family_are_refused(tmp_path: Path):
    assert found(tmp_path, "DXSUM") is None
    for day in ("09Sep2024", "09Sep2024 (1)"):
        (tmp_path / f"DXSUM_{day}.csv").touch()
    with pytest.raises(ValueError, match=r"09Sep2024 \(1\).csv and DXSUM_09Sep2024"):
        found(tmp_path, "DXSUM")


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_marks_quotes_and_ends_of_lines_do_not_matter(
    start: bytes, end: str, tmp_path: Path
):
    path = tmp_path / "a.csv"
    rows = [row(1, NOTE='a "b", c'), row(2, NOTE="")]
    path.write_bytes(start + csv_bytes(rows, end))
    table, _ = table_of(path, {})
    assert table["PTID"].tolist() == [subject(1), subject(2)]
    assert table["NOTE"].tolist() == ['a "b", c', ""]
    assert "UPDATE_STAMP" in table  # the columns are in capitals


def test_rows_of_a_rid_alone_are_those_of_its_subject(tmp_path: Path):
    rows = [{"RID": 2, "TAU": 5}, {"RID": 1, "TAU": 6}, {"RID": 9, "TAU": 7}]
    path = write(tmp_path, "a.csv", rows)
    table, unknown = table_of(path, {1: subject(1), 2: subject(2)})
    assert table["PTID"].tolist() == [subject(2), subject(1)]  # nobody knows 9
    assert unknown == 1
    write(tmp_path, "a.csv", [{"TAU": 5}])
    with pytest.raises(ValueError, match="has no column PTID"):
        table_of(path, {})


def test_rows_of_a_rid_of_another_ptid_are_refused(tmp_path: Path):
    path = write(tmp_path, "a.csv", [row(1), {**row(2), "RID": 1}])
    said = "RID 1 in row 2 is 011_S_0001, the row says '011_S_0002'"
    with pytest.raises(ValueError, match=said):
        table_of(path, {1: subject(1)})


def test_a_rid_of_two_subjects_is_refused():
    table = pd.DataFrame({"RID": ["1", "1", "2"], "PTID": ["a", "b", "c"]})
    with pytest.raises(ValueError, match="RID 1 is both a and b"):
        subjects_of(table, HERE)
    assert subjects_of(table[1:], HERE) == {1: "b", 2: "c"}
    with pytest.raises(ValueError, match="PTID b is both 1 and 2"):
        subjects_of(table.assign(PTID=["a", "b", "b"])[1:], HERE)
    blank = table.assign(PTID=["", "b", ""], RID=["1", "1", "-4"])
    assert subjects_of(blank, HERE) == {1: "b"}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"PTID": "a", "ptid": "b"}], "has the column PTID twice"),
        ([{"RID": "one", "TAU": 1}], "RID 'one' in row 1 is no whole number"),
    ],
)
def test_bad_tables_are_refused(rows: list[dict], said: str, tmp_path: Path):
    with pytest.raises(ValueError, match=said):
        table_of(write(tmp_path, "a.csv", rows), {1: "a"})


def table(*rows: dict) -> pd.DataFrame:
    own = pd.DataFrame([{k.upper(): str(v) for k, v in one.items()} for one in rows])
    return own.fillna("")


def test_the_baseline_comes_before_screening_and_the_last_entry_first():
    rows = table(
        row(1, "sc", X="screening"),
        row(1, "m12", X="later"),
        row(1, "bl", X="first", update_stamp="2011-01-01"),
        row(1, "bl", X="corrected", update_stamp="2012-01-01"),
        row(2, "sc", X="screened"),
    )
    ordered = at_visit(rows, "baseline", HERE)
    assert ordered["X"].tolist() == ["corrected", "first", "screening", "screened"]
    latest = at_visit(rows.assign(EXAMDATE=rows["EXAMDATE"]), "published", HERE)
    assert set(latest["X"]) == set(rows["X"])


def test_the_latest_visit_comes_first_as_published():
    rows = table(
        row(1, "bl", X="now", EXAMDATE="2011-01-01"),
        row(1, "m24", X="last", EXAMDATE="2013-01-01"),
        row(1, "m12", X="later", EXAMDATE="2012-01-01"),
    )
    assert at_visit(rows, "published", HERE)["X"].tolist() == ["last", "later", "now"]


def test_the_second_code_of_a_visit_counts_and_the_first_where_it_is_empty():
    rows = pd.DataFrame({"VISCODE": ["v03", "bl"], "VISCODE2": ["bl", ""]})
    assert visits(rows, HERE).tolist() == ["bl", "bl"]
    with pytest.raises(ValueError, match="no column VISCODE2 or VISCODE"):
        visits(rows[[]], HERE)


@pytest.mark.parametrize("word", ["", "NA", "-4", " na "])
def test_a_visit_is_told_by_its_first_code_where_the_second_is_missing(word: str):
    rows = pd.DataFrame({"VISCODE": ["bl", "sc"], "VISCODE2": [word.upper(), "m12"]})
    assert visits(rows, HERE).tolist() == ["bl", "m12"]


def test_the_day_of_a_row_is_the_first_it_states():
    rows = table(
        row(1, X="later", EXAMDATE="", VISDATE="-4", USERDATE="2013-01-01"),
        row(1, X="now", EXAMDATE="2011-01-01", USERDATE="2014-01-01"),
        row(1, X="none", EXAMDATE="", USERDATE=""),
    )
    ordered = at_visit(rows, "published", HERE)
    assert ordered["X"].tolist() == ["later", "now", "none"]
    assert ordered["day"].isna().tolist() == [False, False, True]


def test_of_two_rows_at_once_the_order_decides_nothing_and_they_are_counted():
    rows = table(*[row(k, X=1) for k in range(1, 31)], row(1, X=3), row(2, X=""))
    for own in (rows, rows[::-1]):
        ordered = at_visit(own, "baseline", HERE)
        assert ordered["X"].iloc[:2].tolist() == ["1", "3"]
        assert contradicted(ordered, ["X"], HERE) == 1
    more = pd.concat([rows, table(row(3, X=4))], ignore_index=True)
    with pytest.raises(ValueError, match=r"7% of the subjects .first 011_S_0001"):
        contradicted(at_visit(more, "baseline", HERE), ["X"], HERE)
    corrected = table(*[row(k, X=k, update_stamp=f"201{k}-01-01") for k in (1, 2)])
    corrected["PTID"] = subject(1)
    assert contradicted(at_visit(corrected, "baseline", HERE), ["X"], HERE) == 0


def test_a_time_that_is_none_is_refused():
    with pytest.raises(ValueError, match="EXAMDATE 'March' is no date"):
        at_visit(table(row(1, EXAMDATE="March")), "baseline", HERE)


def test_fields_are_filled_from_the_next_row_and_codes_of_absence_are_none():
    rows = table(
        row(1, A="", B="-4", C="-1"), row(1, A="3", B="4", C=""), row(2, A="-2", C="x")
    )
    stated = first_stated(rows, ["A", "B", "C", "D"], [subject(2), subject(1), "x"])
    assert stated.to_numpy().tolist() == [
        ["-2", "", "x", ""],  # -2 is a number as any other
        ["3", "4", "", ""],
        ["", "", "", ""],
    ]


def test_numbers_are_as_stated_and_bounds_are_counted():
    texts = pd.DataFrame({"A": ["1.5", "", "-2"], "B": ["<8", ">1700", "< 0.5"]})
    values, bounds = numbers(texts, HERE)
    expected = [[1.5, 8], [np.nan, 1700], [-2, 0.5]]
    np.testing.assert_array_equal(values, expected)
    assert bounds == 3


@pytest.mark.parametrize("word", ["high", "inf", "1,5", "<"])
def test_a_word_that_is_no_number_is_refused(word: str):
    texts = pd.DataFrame({"TAU": ["1", word]}, index=["a", "b"])
    with pytest.raises(ValueError, match=r"TAU of b is '.*', not a number"):
        numbers(texts, HERE)
