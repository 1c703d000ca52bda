"""Committed figures of real data are of the training that their tables tell of."""

from pathlib import Path

import pandas as pd
import pytest

from repro import paths

ROOT = Path(__file__).parents[3]
FOLDERS = sorted(path.parent for path in (ROOT / paths.REAL).glob("*/btw_figure1.csv"))


def test_there_are_some() -> None:
    assert FOLDERS


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_bars_are_numbers_of_table_3(folder: Path) -> None:
    table = pd.read_csv(ROOT / paths.plot("btw_table3", "csv"))
    table = table[table["block"] == folder.name].copy()
    best = table["name"].str.extract(r"^best unimodal \((.+)\)$")[0]
    table["row"] = best.fillna(table["row"])
    bars = pd.read_csv(folder / "btw_figure1.csv")
    both = bars.merge(table, left_on=["method", "metric"], right_on=["row", "metric"])
    assert len(both) == len(bars) == 6  # text alone and all modalities, three metrics
    for column in ("mean", "sd", "n"):
        told, drawn = both[f"{column}_y"], both[f"{column}_x"]
        assert drawn.to_numpy() == pytest.approx(told.to_numpy(), abs=1e-9), column


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_modalities_are_those_of_the_table(folder: Path) -> None:
    """Figure 3 draws the weights of each modality that Table 3 says was read."""
    table = pd.read_csv(ROOT / paths.plot("btw_table3", "csv"))
    table = table[table["block"] == folder.name]
    (told,) = set(table.loc[table["row"] == "bi_level", "modalities"])
    drawn = pd.read_csv(folder / "btw_figure3.csv").columns
    lines = {name.rpartition("_")[2] for name in drawn if "_bi_level_" in name}
    assert lines - {"lower", "upper"} == set(told.split(", "))
