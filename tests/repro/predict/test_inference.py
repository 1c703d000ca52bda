"""Laws of prediction: what was stored comes again, row by row, in any order."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from repro.cells.writing import prediction_names
from repro.files import read_table
from tests.repro.predict.made_runs import EVERY, WEIGHTED, chosen, predict

CASES = [
    *(("base/mosi", name) for name in ("moe", "text", "video")),
    *(("btw/mosi", name) for name in WEIGHTED),
    *(("own/all", name) for name in (*EVERY, "mmim", "ithp")),
    *(("own/tea", name) for name in ("moe", "smell", "look", *WEIGHTED)),
    ("own/token", "moe"),
    ("own/experts", "late_fusion"),
    ("own/experts", "taste"),
    ("experts/films", "early_fusion"),
    ("experts/films", "image"),
]


def rows_of(runs: Path, run: str) -> Path:
    """Test rows of the data set of a run, as a table."""
    if "films" in run:
        return runs / "rows/mmimdb"
    return runs / "rows" / ("mosi" if "mosi" in run or "all" in run else "tea")


def numbers(table: pd.DataFrame) -> list[str]:
    """Columns with predictions and weights."""
    names = {*prediction_names(1), *prediction_names(23)}
    return [c for c in table if c in names or c.startswith("w_")]


def copied(runs: Path, run: str, folder: Path) -> Path:
    """All test rows in a folder of their own."""
    samples = rows_of(runs, run) / "samples.csv"
    return chosen(samples, range(len(pd.read_csv(samples))), folder)


@pytest.mark.parametrize(("run", "method"), CASES)
def test_stored_predictions_come_again(
    runs: Path, run: str, method: str, tmp_path: Path
) -> None:
    found = predict(run, copied(runs, run, tmp_path), "--method", method)
    stored = read_table(runs / "runs" / run / "predictions.parquet")
    stored = stored[(stored["method"] == method) & (stored["split"] == "test")]
    assert found["id"].tolist() == stored["id"].tolist()
    assert found["seed"].tolist() == stored["seed"].tolist()
    names = [name for name in stored if name in numbers(found)]
    gap = np.abs(found[names].to_numpy() - stored[names].to_numpy())
    assert gap.max() < 1e-6


def test_a_row_without_the_modality_gets_what_train_says_of_anyone(
    runs: Path, tmp_path: Path
) -> None:
    samples = copied(runs, "base/mosi", tmp_path)
    table = pd.read_csv(samples, dtype={"id": str})
    table.loc[[0, 3], "text"] = ""
    table.to_csv(samples, index=False)
    found = predict("base/mosi", samples, "--method", "text").set_index("id")
    learned = read_table(runs / "data/prepared/mosi/samples.parquet")
    mean = learned.loc[learned["split"] == "train", "y"].mean()
    is_mean = np.isclose(found["prediction"], mean, atol=1e-5)
    assert set(found.index[is_mean]) == set(table["id"][[0, 3]])


@pytest.mark.parametrize(
    ("run", "method"),
    [(r, m) for r in ("btw/mosi", "own/tea") for m in WEIGHTED],
)
def test_stored_weights_come_again(
    runs: Path, run: str, method: str, tmp_path: Path
) -> None:
    found = predict(run, copied(runs, run, tmp_path), "--method", method)
    stored = read_table(runs / "runs" / run / "weights.parquet")
    stored = stored[(stored["method"] == method) & (stored["split"] == "test")]
    names = [name for name in stored if name.startswith("w_")]
    assert [c for c in found if c.startswith("w_")] == names
    np.testing.assert_allclose(found[names], stored[names], atol=1e-6)


@pytest.mark.parametrize(
    "run", ["base/mosi", "btw/mosi", "own/all", "own/tea", "experts/films"]
)
def test_a_row_does_not_depend_on_the_others(
    runs: Path, run: str, tmp_path: Path
) -> None:
    samples = rows_of(runs, run) / "samples.csv"
    together = predict(run, copied(runs, run, tmp_path / "all"))
    for row in (0, 7, 16):
        alone = predict(run, chosen(samples, [row], tmp_path / "one"))
        (name,) = set(alone["id"])
        same = together[together["id"] == name]
        assert alone["method"].tolist() == same["method"].tolist()
        columns = numbers(alone)
        np.testing.assert_allclose(alone[columns], same[columns], atol=1e-5)


@pytest.mark.parametrize("run", ["btw/mosi", "own/tea"])
def test_the_order_of_rows_does_not_matter(
    runs: Path, run: str, tmp_path: Path
) -> None:
    samples = rows_of(runs, run) / "samples.csv"
    count = len(pd.read_csv(samples))
    backwards = chosen(samples, range(count)[::-1], tmp_path / "back")
    keys = ["method", "seed", "id"]
    first = predict(run, copied(runs, run, tmp_path / "all")).sort_values(keys)
    second = predict(run, backwards).sort_values(keys)
    columns = numbers(first)
    np.testing.assert_allclose(first[columns], second[columns], atol=1e-6)


def test_a_row_without_a_modality_ignores_what_another_row_has(
    runs: Path, tmp_path: Path
) -> None:
    """Its weights are shares of what it has, and its own zero."""
    samples = copied(runs, "own/tea", tmp_path)
    found = predict("own/tea", samples, "--method", "instance")
    absent = np.isnan(np.load(tmp_path / "look.npy")).all(axis=1)
    weights = found[["w_smell", "w_taste", "w_look"]].to_numpy().reshape(2, -1, 3)
    assert absent.any() and (weights[:, absent, 2] == 0).all()
    np.testing.assert_allclose(weights.sum(2), 1, atol=1e-6)
    assert len(np.unique(weights[:, ~absent, 0])) > 2
