"""Tables of real patients tell no small cell; those of others tell all."""

from typing import Any

import pandas as pd
import pytest

from repro import paths
from repro.files import read_json, read_table, write_json, write_table
from repro.params import Params
from repro.results.small_cells import FEWEST, NOTE
from repro.tables.stays_by_class import attrition_note, protected_of
from tests.repro.made_data import samples
from tests.repro.made_runs import write_study
from tests.repro.written import numbers, write

REAL: dict[str, Any] = {"source": "mimiciv", "simulated": False}
BLOCK = "icu_complete__mimiciv"


@pytest.fixture
def real(clinical: Params) -> Params:
    """Runs of real stays; of the last class few patients are tested."""
    write_study(clinical, data=REAL)
    return clinical


def patients_of_last_class() -> int:
    """Test patients of the rare class."""
    base = samples("icu_complete")
    rare = base[(base["y"] == 3) & (base["split"] == "test")]
    return int(rare["group"].nunique())


def test_the_rare_class_is_small() -> None:
    assert 0 < patients_of_last_class() < FEWEST


def test_table2_has_no_small_number_of_stays(real: Params) -> None:
    texts = write("table2", real)
    tree = numbers("table2")
    assert set(tree) == {BLOCK, "icu_all__mimiciv"}
    rows = [row for block in tree.values() for row in block.values()]
    found = [row[m]["mean"] for row in rows for m in row if m.startswith("stays")]
    assert min(found) >= FEWEST
    rows = [tree[BLOCK].get(f"class_{k}", {}) for k in range(4)]
    assert "stays_test" not in rows[3]
    assert sum("stays_test" in row for row in rows) < 3  # else it follows from the sum
    assert NOTE in texts["md"] and "448" in texts["md"]


def test_a_hidden_number_stands_beside_no_difference(real: Params) -> None:
    for cohort in ("icu_complete", "icu_all"):
        path = paths.prepared(cohort) / "samples.parquet"
        table = read_table(path)
        table.loc[table["y"] == 3, "group"] = "one"  # all of one patient
        write_table(path, table)
    write("table2", real)
    csv = pd.read_csv(paths.plot("btw_table2", "csv")).query("dataset=='icu_complete'")
    (last,) = csv[csv["row"] == "class_3"].to_dict("records")
    assert last["published_mean"] == 448 and last["verdict"] == "not comparable"
    assert pd.isna(last["mean"]) and pd.isna(last["difference"])
    assert csv[csv["metric"] == "share"]["row"].nunique() < 4


@pytest.mark.parametrize("name", ["table4", "table7", "table8", "table9"])
def test_scores_of_one_class_are_left_out(real: Params, name: str) -> None:
    texts = write(name, real)
    for block in numbers(name).values():
        for row in block.values():
            assert not any(metric.startswith("recall") for metric in row)
            assert "balanced_accuracy" not in row and "macro_f1" in row
        assert "majority" not in block
    assert NOTE in texts["md"] and "recall, over" not in texts["md"]
    counts = samples("icu_complete")["y"].astype(int).value_counts().sort_index()
    stays = "/".join(map(str, counts))
    assert not any(stays in text for text in texts.values())


def test_open_and_simulated_data_are_shown_whole(clinical: Params) -> None:
    write("table4", clinical)
    (block,) = numbers("table4").values()
    assert "recall_3" in block["fusemoe"]
    write_study(clinical, data=REAL)
    source = clinical.clinical.model_copy(update={"small_cells": "show"})
    write("table4", clinical.model_copy(update={"clinical": source}))
    assert "recall_3" in numbers("table4", BLOCK)["fusemoe"]
    # Asked to suppress again, a block that tells them does not stay.
    write_study(clinical)
    write("table4", clinical)
    assert set(numbers("table4")) == {"icu_complete__simulated"}
    write_study(clinical, data=REAL)
    write("table4", clinical)
    write_study(clinical)
    write("table4", clinical)
    assert set(numbers("table4")) == {"icu_complete__simulated", BLOCK}


def test_notes_do_not_count_few_patients(real: Params) -> None:
    for cohort in ("icu_complete", "icu_all"):
        folder = paths.prepared(cohort)
        notes = ["fold 1: cohort all: test has no stay of class 3", "kept"]
        meta = read_json(folder / "meta.json") | {"notes": notes}
        write_json(folder / "meta.json", meta)
    for text in write("table2", real).values():
        assert "no stay of" not in text and "kept" in text


def test_few_tested_patients_leave_no_score(real: Params) -> None:
    folder = paths.prepared("icu_complete")
    table = read_table(folder / "samples.parquet")
    test = table["split"] == "test"
    table.loc[test, "group"] = table.loc[test, "group"].iloc[0]  # all of one patient
    write_table(folder / "samples.parquet", table)
    for text in write("table4", real).values():
        assert "37.67" in text and NOTE in text  # the printed number alone
    assert numbers("table4") == {}


def test_titles_do_not_tell_who_lacks_a_modality(real: Params) -> None:
    path = paths.prepared("icu_complete") / "samples.parquet"
    table = read_table(path)
    write_table(paths.prepared("icu_all") / "samples.parquet", table)
    few = table.index[table["split"] == "test"][:6]
    write_table(path, table.drop(index=few))  # three patients of the other cohort
    hidden = protected_of(real, ["icu_complete", "icu_all"]).hidden
    told = {}
    for name, cohort in (("table4", "icu_complete"), ("table7", "icu_all")):
        told[cohort] = " test stays of " in write(name, real)["md"]
        assert told[cohort] == ((cohort, "total", "test") not in hidden)
    assert sum(told.values()) < 2


def step(name: str, stays: int, patients: int) -> dict[str, Any]:
    """A step of the attrition."""
    return {"step": name, "stays": stays, "patients": patients}


def test_steps_that_few_did_not_pass_are_left_out() -> None:
    steps = [
        step("all", 140, 100),
        step("los", 80, 60),
        step("alive", 76, 57),  # four stays, three patients fewer
        step("series", 76, 57),
        step("of these, with text", 60, 45),
        step("of these, with cxr", 6, 5),
        step("of these, with ecg", 72, 54),
    ]
    whole = attrition_note(steps)
    assert "alive 76 (57)" in whole and "cxr 6 (5)" in whole
    secret = [{"stays": 76, "patients": 57, "hidden": True}]
    assert "76" not in attrition_note(steps, secret)
    totals = [{"stays": 76, "patients": 57}]
    assert attrition_note(steps, totals) == (
        "stays (patients) left after each step: all 140 (100), alive 76 (57), "
        "series 76 (57); of the last: with text 60 (45)"
    )
