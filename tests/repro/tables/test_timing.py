"""Seconds of each part of a method, from fabricated timings."""

from types import SimpleNamespace

import pytest

from repro import paths
from repro.files import read_json, write_json
from tests.repro.written import rows_of, write


def test_times_add_up_beside_the_printed_ones(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    rows = rows_of("table10", study.params)
    rows = rows[rows["dataset"] == "mosi"].set_index(["row", "metric"])
    # text, audio, video and the MoE took 10 to 13 seconds; in the other run the
    # retold MoE counts 10 and BTW, which comes last, 14
    assert rows.loc[("moe", "total_s"), "mean"] == 13.0
    assert rows.loc[("bi_level", "main_training_s"), "mean"] == 14.0
    assert rows.loc[("bi_level", "total_s"), "mean"] == 14.0 + 33.0
    assert rows.loc[("bi_level", "total_s"), "published_mean"] == 1066.0
    assert ("moe", "text_overhead_s") not in rows.index


def test_overhead_columns_are_the_modalities_of_the_data(
    study: SimpleNamespace,
) -> None:
    names = ["speech", "audio"]
    study.write_runs(study.params, data={"modalities": names})
    rows = rows_of("table10", study.params)
    metrics = list(dict.fromkeys(rows["metric"]))
    overhead = [metric for metric in metrics if metric.endswith("_overhead_s")]
    assert overhead == ["speech_overhead_s", "audio_overhead_s"]
    printed = rows[rows["published_mean"].notna()]
    assert "speech_overhead_s" not in set(printed["metric"])
    text = write("table10", study.params)["md"]
    assert "| speech (s)   | audio (s)" in text
    path = paths.timing("base/mosi")
    seconds = {"base/mosi": {"audio": 2.0, "moe": 1.0}}
    write_json(path, {**read_json(path), "seconds": seconds})
    with pytest.raises(ValueError, match=r"timing/base/mosi\.json: seconds of"):
        rows_of("table10", study.params)
