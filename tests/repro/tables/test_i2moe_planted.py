"""Planted data from the simulator to their table, by the stages, on tiny sizes."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from repro import files, params, paths
from repro.features.reading import read_features
from repro.params import Params
from repro.stages import planted as stage
from repro.tables import i2moe
from repro.tables.writing import write_table
from tests.settings import copied_settings

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Params]:
    folder = tmp_path_factory.mktemp("planted")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        copied_settings(folder)
        stage.main()
        yield params.load()


def test_training_can_read_every_set_and_knows_it_simulated(made: Params):
    for name, given in made.datasets.planted.items():
        features = read_features(name, made.encoder)
        meta = features.meta
        assert meta["simulated"] and meta["source"] == "simulated"
        assert (meta["task"], meta["classes"]) == ("classification", len(given.classes))
        assert given.table is not None
        assert list(features.modalities) == list(given.table.arrays)
        assert meta["sizes"] == {"train": 96, "valid": 36, "test": 48}
        truth = files.read_table(paths.simulated_truth(name))
        assert truth["id"].tolist() == features.samples["id"].tolist()


def test_the_table_tells_shares_ceilings_and_decompositions(made: Params):
    table = i2moe.TABLES["planted"]
    write_table("i2moe_planted", table, made)
    rows = pd.read_csv(paths.plot("i2moe_planted", "csv"))
    block = rows[rows["dataset"] == "planted_uniform"].pivot(
        index="row", columns="metric", values="mean"
    )
    assert block.loc["planted", "synergy_part"] == 0.25
    assert block.loc["closed", "synergy_part"] == pytest.approx(0.5)
    assert block.loc["exact", "unique_m1_part"] == pytest.approx(0, abs=1e-3)
    assert set(block.index) == {
        *("planted", "ceiling", "accuracy", "closed", "exact", "codes", "clusters")
    }
    parts = block.loc[["closed", "exact", "codes", "clusters"]]
    sums = parts.drop(columns="information").sum(axis=1)
    assert sums.tolist() == pytest.approx([1.0] * 4)
    hidden = rows[(rows["dataset"] == "planted_hidden") & (rows["row"] == "ceiling")]
    assert hidden.set_index("metric")["mean"]["redundancy_part"] == pytest.approx(5 / 6)
    three = rows[rows["dataset"] == "planted_three"]["row"].unique()
    assert {"exact_m1", "exact_m2", "exact_m3"} <= set(three) and "closed" not in three
    text = paths.plot("i2moe_planted", "md").read_text()
    assert "| decomposition, closed form " in text and "simulated data" in text
    numbers = files.read_json(paths.table_metrics("i2moe_planted"))
    assert set(numbers) == {f"{name}__simulated" for name in made.datasets.planted}
