"""Table 5 and BTW on other fusions, from fabricated runs."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from repro import paths
from repro.files import read_json, read_table, write_json
from repro.results.verdict import PAPER_SETTINGS
from repro.tables.fusions import fusions, table5
from repro.tables.labels import AGAINST_UNWEIGHTED
from repro.tables.sentiment import table3
from repro.tables.writing import write_merged

FULL = {"train": 1284, "valid": 229, "test": 686}
PAPER = {
    "preset": "paper",
    "finetune": True,
    "model": dict(PAPER_SETTINGS),
    "training": dict(PAPER_SETTINGS),
}


def errors(folder: str, method: str) -> np.ndarray:
    """Test MAE of every seed of one method of mosi."""
    table = read_table(paths.run("mosi", folder) / "predictions.parquet")
    table = table[(table["split"] == "test") & (table["method"] == method)]
    return (table["prediction"] - table["y"]).abs().groupby(table["seed"]).mean()


def test_every_fusion_is_set_against_itself(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    rows = fusions(study.params).set_index(["row", "metric"])
    for fusion in ("late_fusion", "low_rank", "concat_transformer", "mult"):
        plain = errors(fusion, fusion).mean()
        assert rows.loc[(fusion, "mae"), "mean"] == pytest.approx(plain)
        assert (fusion, AGAINST_UNWEIGHTED) not in rows.index
        for method in ("instance", "bi_level"):
            found = rows.loc[(f"{fusion}_{method}", AGAINST_UNWEIGHTED)]
            gain = errors(fusion, method).mean() - plain
            assert found["mean"] == pytest.approx(gain)
            assert found["alpha"] == study.params.alpha
    against = rows.loc[("moe_bi_level", AGAINST_UNWEIGHTED), "mean"]
    gain = errors("bi_level", "bi_level").mean() - errors("moe", "moe").mean()
    assert against == pytest.approx(gain)


def test_holm_covers_the_weighted_rows_only(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    rows = fusions(study.params)
    tested = rows[rows["p"].notna()]
    assert len(tested) == 10 and set(tested["metric"]) == {AGAINST_UNWEIGHTED}
    assert tested["p_holm"].max() <= 1 and (tested["p_holm"] >= tested["p"]).all()
    alone = rows[rows["row"].isin(["mean", "ridge", "unimodal", "mult"])]
    assert alone["alpha"].isna().all() and alone["p"].isna().all()


def test_the_notes_say_what_a_row_is_set_against(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    write_merged("fusions", fusions(study.params))
    text = paths.plot("fusions", "md").read_text()
    assert "MAE minus unweighted [interval], Holm p" in text
    assert "set against its own unweighted fusion" in text
    assert "differs from its unweighted fusion" in text


def test_table5_stands_on_the_other_encoder(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    rows = table5(study.params)
    for dataset in study.params.datasets:
        part = rows[(rows["dataset"] == dataset) & rows["mean"].notna()]
        assert list(dict.fromkeys(part["row"])) == [
            *("mean", "ridge", "unimodal", "moe"),
            *("mmim", "ithp", "instance", "bi_level"),
        ]
    found = rows.set_index(["dataset", "row", "metric"])
    own = errors("deberta", "bi_level").mean()
    assert found.loc[("mosi", "bi_level", "mae"), "mean"] == pytest.approx(own)
    assert found.loc[("mosi", "ithp", "mae"), "published_mean"] == 0.719
    assert (rows["verdict"] == "").all()


def test_runs_of_two_encoders_cannot_share_a_table(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    path = paths.run("mosi", "deberta_ithp") / "report.json"
    write_json(path, read_json(path) | {"encoder": "bert"})
    with pytest.raises(ValueError, match=r"encoder: deberta and bert.*dvc repro"):
        table5(study.params)


@pytest.mark.parametrize(
    ("weights", "table", "is_judged"),
    [
        ("microsoft/deberta-v3-base", table5, True),
        ("bert-base-uncased", table5, False),
        ("microsoft/deberta-v3-base", table3, False),
    ],
)
def test_real_data_need_the_encoder_of_the_paper(
    study: SimpleNamespace, weights: str, table: Callable, is_judged: bool
) -> None:
    data = {"simulated": False, "sizes": FULL, "dims": {"audio": 5, "video": 20}}
    study.write_runs(study.params, data=data, **PAPER | {"text_weights": weights})
    rows = table(study.params)
    judged = rows[(rows["dataset"] == "mosi") & (rows["row"] == "bi_level")]
    judged = judged[judged["verdict"] != ""]
    assert len(judged) == 8
    if is_judged:
        assert set(judged["verdict"]) <= {"reproduced", "higher", "lower"}
    else:
        assert judged["condition"].str.startswith("encoder ").all()


def test_rows_the_data_cannot_serve_are_left_out_with_a_reason(
    study: SimpleNamespace,
) -> None:
    study.write_runs(study.params)
    path = paths.run("mosi", "mmim") / "report.json"
    report = read_json(path)
    report["data"]["notes"] = ["no MMIM: MMIM needs text"]
    write_json(path, report | {"methods": {}})
    rows = table3(study.params)
    mosi = rows[(rows["dataset"] == "mosi") & rows["mean"].notna()]
    assert "mmim" not in set(mosi["row"]) and "mult" in set(mosi["row"])
    assert mosi["notes"].str.contains("no MMIM: MMIM needs text").all()


def test_data_without_raw_text_have_no_block_in_table5(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    path = paths.run("mosi", "deberta") / "report.json"
    write_json(path, read_json(path) | {"methods": {}})
    assert set(table5(study.params)["dataset"]) == {"mosei"}
