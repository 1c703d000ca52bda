"""The table of what can be known, from fabricated runs."""

from types import SimpleNamespace

import numpy as np
import pytest

from repro import paths
from repro.files import read_table, write_table
from repro.metrics.classification import auroc
from repro.results.planted import told, weights_beside_truth
from repro.results.runs import read_run
from tests.repro.made_runs import change_table
from tests.repro.written import numbers, rows_of, write


def test_rows_are_the_weights_their_ceilings_and_the_label(
    study: SimpleNamespace,
) -> None:
    study.write_runs(study.params)
    rows = rows_of("ceilings", study.params)
    assert set(rows["dataset"]) == {"mosi", "mosei", "icu_complete", "icu_all"}
    mosi = rows[rows["dataset"] == "mosi"]
    assert list(dict.fromkeys(mosi["row"])) == [
        *("instance", "bi_level"),
        *("predictions", "features", "posterior"),
        *("moe", "attainable", "attainable_known"),
    ]
    stays = rows[rows["dataset"] == "icu_all"].set_index(["row", "metric"])["mean"]
    assert stays["features", "ecg_reliability"] == 0.7
    assert {"log_loss", "accuracy"} <= set(stays["attainable"].index)
    assert "mae" in set(mosi.loc[mosi["row"] == "attainable", "metric"])


def test_a_weight_is_scored_per_seed_against_the_truth(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    run = read_run("btw/mosi")
    joined = weights_beside_truth(run)
    chosen = joined[(joined["method"] == "bi_level") & (joined["seed"] == 1)]
    expected = auroc(
        chosen["w_audio"].to_numpy(), chosen["reliable_audio"].to_numpy(bool)
    )
    assert told(joined, "bi_level", "audio").areas[1] == pytest.approx(expected)
    write("ceilings", study.params)
    areas = told(joined, "bi_level", "audio").areas
    found = numbers("ceilings", "mosi__simulated")["bi_level"]["audio_reliability"]
    assert found["mean"] == pytest.approx(areas.mean())
    assert found["sd"] == pytest.approx(areas.std(ddof=1))


def test_a_modality_that_is_always_reliable_has_no_number(
    study: SimpleNamespace,
) -> None:
    study.write_runs(study.params)
    change_table("ceilings/mosi", lambda t: t.assign(reliable_text=True), "truth")
    path = paths.run("ceilings/mosi") / "reliability.parquet"
    table = read_table(path)
    table.loc[table["modality"] == "text", "auroc"] = np.nan
    write_table(path, table)
    rows = rows_of("ceilings", study.params)
    mosi = rows[rows["dataset"] == "mosi"]
    assert "text_reliability" not in set(mosi["metric"])
    assert "audio_reliability" in set(mosi["metric"])


def test_real_data_have_no_block(study: SimpleNamespace) -> None:
    study.write_runs(study.params, data={"source": "mmsa", "simulated": False})
    assert rows_of("ceilings", study.params).empty
    assert "Ceilings" in write("ceilings", study.params)["md"]
