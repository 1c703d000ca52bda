"""The printed numbers as a frame."""

from pathlib import Path

import numpy as np
import pytest

from repro import paths
from repro.results.published import contents, keys_of_datasets, printed

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def at_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Printed files are read from the repository root."""
    monkeypatch.chdir(ROOT)


def test_every_number_of_the_tables_is_there() -> None:
    rows = printed("btw")
    counts = rows["table"].value_counts()
    assert counts["table3"] == 2 * 7 * 8
    assert counts["table6"] == 2 * 2 * 3 * 8
    assert counts["table8"] == counts["table9"] == 3 * 3 * 3
    assert not rows.duplicated(
        ["table", "dataset", "method", "alpha", "without", "metric"]
    ).any()


def test_spot_checks() -> None:
    keys = ["table", "dataset", "method", "metric"]
    rows = printed("btw").set_index(keys).sort_index()
    btw = rows.loc[("table3", "mosi", "bi_level", "mae")].squeeze()
    assert (btw["mean"], btw["sd"]) == (0.716, 0.01)
    sweep = rows.loc[("table6", "mosei", "instance", "mae")]
    assert sweep.set_index("alpha")["mean"].to_dict() == {
        0.3: 0.574,
        0.5: 0.566,
        0.7: 0.563,
    }
    seconds = rows.loc[("table10", "mosi", "moe", "total_s")].squeeze()
    assert seconds["mean"] == 405.0
    without = rows.loc[("table8", "", "bi_level", "macro_f1")].set_index("without")
    assert without.loc["Text", "mean"] == 17.0


def test_missing_file_and_unknown_method_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = paths.printed("btw").read_text()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"no\.yaml: no such file"):
        contents("no")
    other = paths.printed("other")
    other.parent.mkdir(parents=True)
    other.write_text(text.replace("    MMIM:", "    Mystery:"))
    with pytest.raises(ValueError, match=r"other\.yaml: 'Mystery' has no code name"):
        printed("other")


def test_a_second_paper_is_a_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = paths.printed("second")
    path.parent.mkdir(parents=True)
    path.write_text(
        "methods: {Plain: moe}\nlevels: {table1: [method, dataset]}\n"
        "table1: {Plain: {adni: {accuracy: [61.2, 0.4]}}, note: one}\n"
    )
    (row,) = printed("second").to_dict("records")
    assert (row["dataset"], row["method"], row["sd"]) == ("adni", "moe", 0.4)


def test_the_second_paper_is_in_our_terms() -> None:
    rows = printed("i2moe")
    counts = rows["table"].value_counts()
    assert counts["table1"] == 8 * 8 and counts["table2"] == 3 * 8 * 2
    assert counts["table3"] == 5 * 4 and counts["table4"] == 5 * 4 * 2
    assert counts["table5"] == 3 * 8 and counts["table6"] == 5 * 2 * 3
    keys = keys_of_datasets("i2moe")
    assert set(rows["dataset"]) == set(keys.values()) and keys["IMDB"] == "mmimdb"
    found = rows.set_index(["table", "dataset", "method", "metric"]).sort_index()
    area = found.loc[("table1", "adni", "concat_transformer_i2moe", "auroc")]
    assert area["mean"].item() == pytest.approx(0.8109)  # printed: 81.09
    spread = found.loc[("table5", "adni", "i2moe", "auroc"), "sd"].item()
    assert spread == pytest.approx(0.0002)
    seconds = found.loc[("table6", "mortality", "concat_transformer_i2moe", "epoch_s")]
    assert seconds["variance"].item() == 0.67 and np.isnan(seconds["sd"].item())
    assert rows.loc[rows["table"] != "table6", "variance"].isna().all()
    gap = ("table4", "enrico", "synergy_redundancy", "accuracy_vs_i2moe")
    assert found.loc[gap, "mean"].item() == -0.73
