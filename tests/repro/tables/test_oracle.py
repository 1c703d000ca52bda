"""A table in which the oracle gains nothing says so."""

from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest

from repro.results.runs import trained_run
from repro.tables.first_rows import MOE
from repro.tables.lines import line, numbered
from repro.tables.oracle import is_gain, oracle_notes
from repro.tables.rows import Entry
from tests.repro.made_runs import change_table

SENTENCE = "cannot tell a good weighting from a bad one"


def difference(metric: str, mean: float, p_holm: float | None) -> Entry:
    """A tested difference of the oracle row."""
    return Entry("oracle", "oracle", metric, mean=mean, p=p_holm, p_holm=p_holm)


@pytest.mark.parametrize(
    ("differences", "is_said"),
    [
        ([("mae_vs_moe", -0.1, 0.01)], False),
        ([("mae_vs_moe", -0.1, 0.05)], True),
        ([("mae_vs_moe", 0.1, 0.01)], True),  # significant, and worse
        ([("macro_f1_vs_fusemoe", 3.0, 0.3), ("auroc_vs_fusemoe", 0.02, 0.01)], False),
        ([("macro_f1_vs_fusemoe", 3.0, 0.3), ("auroc_vs_fusemoe", 0.02, 0.2)], True),
        ([("macro_f1_vs_fusemoe", 3.0, None)], False),  # cross-validated: no tests
        ([], False),
    ],
)
def test_any_significant_gain_in_the_better_direction_counts(
    differences: list[tuple[str, float, float | None]], is_said: bool
) -> None:
    entries = [difference(*told) for told in differences]
    entries.append(Entry("bi_level", "BTW", "mae_vs_moe", mean=-1.0, p=0.0, p_holm=0.0))
    notes = oracle_notes({"oracle": ("the oracle", "MoE")}, entries)
    assert len(notes) == is_said
    assert all(
        "the oracle: no gain over MoE" in note and SENTENCE in note for note in notes
    )
    assert oracle_notes({}, entries) == []


def test_a_gain_before_holm_only_has_a_note_of_its_own() -> None:
    gain = Entry("oracle", "oracle", "mae_vs_moe", mean=-0.1, p=0.01, p_holm=0.2)
    (note,) = oracle_notes({"oracle": ("the oracle", "MoE")}, [gain])
    assert "gains over MoE by its own interval, not after Holm" in note
    assert SENTENCE not in note


def test_what_is_no_difference_is_named() -> None:
    with pytest.raises(ValueError, match="oracle: mae is no difference"):
        is_gain(difference("mae", 1.0, 0.01))


@pytest.mark.parametrize("gain", [0.0, 0.9])
def test_a_block_says_it_below_its_rows(study: SimpleNamespace, gain: float) -> None:
    study.write_runs(study.params)
    change_table("btw/mosi", lambda table: nearer(table, gain))
    base, other = (trained_run(study.params, f"{g}/mosi") for g in ("base", "btw"))
    weighted = line(study.params, other, "bi_level", reference=MOE)
    for method, is_said in (("oracle", gain == 0.0), ("bi_level", False)):
        row = replace(weighted, row=method, method=method)
        found = [line(study.params, base, MOE), row]
        notes = numbered(study.params, found, MOE)["notes"].iloc[0]
        assert (SENTENCE in notes) is is_said


def nearer(table: pd.DataFrame, gain: float) -> pd.DataFrame:
    """The table with BTW as the MoE of the run, moved towards the truth by a share."""
    moe, kept = (table[(table["method"] == m)] for m in (MOE, "bi_level"))
    moved = moe["prediction"] + gain * (moe["y"] - moe["prediction"])
    others = table.drop(kept.index)
    return pd.concat([others, moe.assign(method="bi_level", prediction=moved)])
