"""The table of variables: ids, conversions, ranges, checks."""

import polars as pl
import pytest

from repro.data.mimiciv.variables import (
    CONVERSIONS,
    TABLE,
    accepted_labels,
    check_items,
    converted,
    item_table,
    load,
    plausible,
)


def one(preset: str, name: str):
    return next(v for v in load(preset) if v.name == name)


def through(preset: str, item: int, values: list[float]) -> pl.DataFrame:
    variables = load(preset)
    table = next(v.table for v in variables if item in v.itemids)
    row = item_table(variables, table).filter(pl.col("itemid") == item)
    frame = pl.DataFrame({"value": values}).join(row, how="cross")
    frame = frame.with_columns(value=converted())
    return frame.with_columns(plausible=plausible())


@pytest.mark.parametrize(
    ("item", "given", "expected"),
    [
        (223761, 98.6, 37.0),
        (223761, 32.0, 0.0),
        (223762, 36.5, 36.5),
        (226531, 220.0, 99.7903214),
        (226512, 70.0, 70.0),
        (223835, 0.4, 40.0),
        (223835, 1.0, 100.0),
        (223835, 40.0, 40.0),
    ],
)
def test_units_are_converted(item, given, expected):
    assert through("corrected", item, [given])["value"].item() == pytest.approx(
        expected
    )


@pytest.mark.parametrize(
    ("item", "outside", "inside"),
    [
        (220045, [0.0, 300.0, -5.0, 1e7, float("nan"), float("inf")], [0.1, 299.9]),
        (220277, [0.0, 100.1], [0.1, 100.0]),
        (223900, [0.0, 6.0], [1.0, 5.0]),
        (223762, [98.6, 10.0], [37.0]),
        (223761, [37.0], [98.6]),
        (51248, [0.0], [1e6]),
    ],
)
def test_ranges_hold_their_bounds(item, outside, inside):
    assert not through("corrected", item, outside)["plausible"].any()
    assert through("corrected", item, inside)["plausible"].all()


def test_published_filters_nothing_but_what_is_no_number():
    frame = through("published", 220045, [-5.0, 1e7, float("inf")])
    assert frame["plausible"].to_list() == [True, True, False]


def test_presets_differ_where_the_study_erred():
    assert one("published", "Glucose").itemids == (50809,)
    assert one("published", "Hemoglobin").itemids == (50811,)
    assert one("published", "Systolic BP").itemids == (220179,)
    assert one("corrected", "Glucose").itemids[0] == 50931
    assert one("corrected", "Potassium").itemids[0] == 50971
    assert {220050, 225309} < set(one("corrected", "Systolic BP").itemids)
    assert one("corrected", "GCS Verbal").missing_value == "No Response-ETT"
    assert len(load("published")) == 31
    assert len(load("corrected")) == 34


def test_ionized_calcium_and_urine_are_nowhere():
    for preset in ("corrected", "published"):
        items = {i for v in load(preset) for i in v.itemids}
        assert not items & {50808, 225667, 220734}


def test_a_unit_label_belongs_to_an_item():
    temperature = one("corrected", "Temperature")
    assert "°f" in accepted_labels(temperature, 223761)
    assert "°c" not in accepted_labels(temperature, 223761)
    assert "mmol/l" not in accepted_labels(one("corrected", "Sodium"), 50983)
    assert "g/dl" in accepted_labels(one("corrected", "MCHC"), 51249)


def test_every_conversion_is_used():
    used = {name for v in load("corrected") for name in v.conversions}
    assert used == set(CONVERSIONS)


def test_unknown_items_are_named():
    labels = {"icu/chartevents": {220045: "Heart Rate"}, "hosp/labevents": {}}
    heart = [one("corrected", "Heart Rate")]
    assert check_items(heart, labels) == ["Heart Rate: 220045 Heart Rate"]
    with pytest.raises(ValueError, match=r"variables.csv row 14 .*50868.*d_labitems"):
        check_items([one("corrected", "Anion Gap")], labels)


def test_an_unknown_preset_is_refused():
    with pytest.raises(ValueError, match=r"'best' is no preset; choose one of"):
        load("best")


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("fahrenheit_to_celsius;none", "none", "1 conversions for 2 itemids"),
        ("fahrenheit_to_celsius;none", "kelvin;none", "conversions is 'kelvin'"),
        ("220045,bpm", "heart,bpm", "itemid 'heart' is no whole number"),
        ("220210;224690", "220210;220045", "220045 belongs to Heart Rate already"),
        (",vitals,", ",vital,", "kind is 'vital'"),
        (",(),,mean", ",><,,mean", "bounds is '><'"),
        (",mean", ",median", "aggregation is 'median'"),
        ("icu/chartevents", "icu/outputevents", "table is 'icu/outputevents'"),
    ],
)
def test_a_bad_row_is_named(tmp_path, before, after, message):
    bad = tmp_path / "variables.csv"
    bad.write_text(TABLE.read_text(encoding="utf-8").replace(before, after))
    with pytest.raises(ValueError, match=rf"variables.csv row \d+ .*{message}"):
        load("corrected", bad)
