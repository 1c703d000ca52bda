"""Values in a unit and ages: nothing is guessed, what is unknown is missing."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from repro.data.adni_values import ages, in_common_units, with_units, with_years

HERE = Path("here.csv")


def test_pounds_inches_and_fahrenheit_become_kilograms_and_so_on():
    values = pd.DataFrame(
        {"VSWEIGHT": [150.0, 70], "VSHEIGHT": [70.0, 170], "VSTEMP": [98.6, 36.5]}
    )
    units = pd.DataFrame({n: ["1", "2"] for n in ("VSWTUNIT", "VSHTUNIT", "VSTMPUNT")})
    common = in_common_units(values, units)
    expected = [[68.0388555, 177.8, 37.0], [70, 170, 36.5]]
    np.testing.assert_allclose(common, expected, rtol=1e-9)


def test_a_value_without_a_known_unit_is_missing_and_counted():
    rows = pd.DataFrame(
        {
            "VSWEIGHT": ["165", "165", "80", "-4", "150"],
            "VSWTUNIT": ["-4", "3", "2.0", "1", "1.0"],
            "VSHEIGHT": ["66", "", "-4", "", ""],
        }
    )
    paired, lost = with_units(rows)
    assert paired["VSWEIGHT"].tolist() == ["", "", "80", "", "150"]
    assert paired["VSWTUNIT"].tolist() == ["", "", "2", "", "1"]
    assert paired["VSHEIGHT"].tolist() == [""] * 5  # there is no column of its unit
    assert lost == {"VSWEIGHT": 2, "VSHEIGHT": 1}
    values = pd.DataFrame({"VSWEIGHT": [165.0, 80]})
    units = pd.DataFrame({"VSWTUNIT": ["", "2"]})
    common = in_common_units(values, units)["VSWEIGHT"].to_numpy()
    np.testing.assert_array_equal(common, [np.nan, 80])


def test_a_year_of_birth_is_the_first_stated_in_whatever_form():
    rows = pd.DataFrame(
        {
            "PTDOBYY": ["1938", "1938.0", "", "-4", ""],
            "PTDOB": ["", "01/1900", "07/1938", "7/21/1938", "NA"],
        }
    )
    years = with_years(rows, HERE)["BORN"].tolist()
    assert years == ["1938", "1938", "1938", "1938", ""]


@pytest.mark.parametrize("word", ["38", "19380", "38.0", "1738", "Jul-38", "07/38"])
def test_what_is_no_year_is_refused_with_its_row(word: str):
    rows = pd.DataFrame({"PTDOB": ["1938", word]})
    with pytest.raises(ValueError, match=f"PTDOB '{word}' in row 2 is no year"):
        with_years(rows, HERE)


def test_ages_are_years_and_those_that_cannot_be_are_refused():
    days = pd.to_datetime(pd.Series(["2011-03-05", None, "2011-01-01"]))
    born = pd.DataFrame({"BORN": ["1938", "1938", ""]}, index=["a", "b", "c"])
    np.testing.assert_array_equal(ages(born, days, HERE), [73, np.nan, np.nan])
    for year, age in (("2001", 10), ("1900", 111)):
        with pytest.raises(ValueError, match=f"a, born in {year}, was {age} at"):
            ages(born.assign(BORN=year), days, HERE)
