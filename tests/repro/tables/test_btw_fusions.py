"""Table 5 and BTW on other fusions, from fabricated runs."""

from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from repro import paths
from repro.files import read_table
from repro.report import read_report
from repro.tables.btw import SENTIMENT
from repro.tables.btw_sites import fusions
from tests.repro.made_runs import change_report
from tests.repro.written import rows_of, write

AGAINST = "mae_vs_unweighted"
FULL = {"train": 1284, "valid": 229, "test": 686}
SETUP: dict[str, Any] = {
    "preset": "paper",
    "finetune": True,
    "training": {"epochs": 40, "batch": 32},
}
SIZES = {
    "expert_hidden": 512,
    "layers": 3,
    "router": "per_modality",
    "gate": "laplace",
}


def errors(address: str, method: str) -> pd.Series:
    """Test MAE of every seed of one method of a run."""
    table = read_table(paths.run(address) / "predictions.parquet")
    table = table[(table["split"] == "test") & (table["method"] == method)]
    return (table["prediction"] - table["y"]).abs().groupby(table["seed"]).mean()


def test_every_fusion_is_set_against_itself(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    rows = fusions(study.params).set_index(["row", "metric"])
    for fusion in ("late_fusion", "low_rank", "concat_transformer", "mult"):
        plain = errors("fusions/mosi", fusion).mean()
        assert rows.loc[(fusion, "mae"), "mean"] == pytest.approx(plain)
        assert (fusion, AGAINST) not in rows.index
        for method in ("instance", "bi_level", "oracle"):
            found = rows.loc[(f"{fusion}_{method}", AGAINST)]
            own = errors(f"sites/mosi/{fusion}_embedding", method)
            assert found["mean"] == pytest.approx(own.mean() - plain)
            has_factor = method != "oracle"
            assert found["alpha"] == study.params.alpha if has_factor else True
    against = rows.loc[("moe_bi_level", AGAINST), "mean"]
    gain = errors("btw/mosi", "bi_level").mean() - errors("base/mosi", "moe").mean()
    assert against == pytest.approx(gain)


def test_holm_covers_the_weighted_rows_only(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    rows = fusions(study.params)
    tested = rows[rows["p"].notna()]
    assert len(tested) == 15 and set(tested["metric"]) == {AGAINST}
    assert tested["p_holm"].max() <= 1 and (tested["p_holm"] >= tested["p"]).all()
    alone = rows[rows["row"].isin(["mean", "ridge", "unimodal", "mult"])]
    assert alone["alpha"].isna().all() and alone["p"].isna().all()


def test_the_notes_say_what_a_row_is_set_against(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    text = write("fusions", study.params)["md"]
    assert "MAE minus unweighted [interval] seed SE, Holm p" in text
    assert "set against its own unweighted fusion" in text
    assert "differs from its unweighted fusion" in text


def test_table5_stands_on_the_other_encoder(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    rows = rows_of("table5", study.params)
    for dataset in SENTIMENT:
        part = rows[(rows["dataset"] == dataset) & rows["mean"].notna()]
        assert list(dict.fromkeys(part["row"])) == [
            *("mean", "ridge", "unimodal", "moe"),
            *("mmim", "ithp", "instance", "bi_level"),
        ]
    found = rows.set_index(["dataset", "row", "metric"])
    own = errors("deberta_btw/mosi", "bi_level").mean()
    assert found.loc[("mosi", "bi_level", "mae"), "mean"] == pytest.approx(own)
    assert found.loc[("mosi", "ithp", "mae"), "published_mean"] == 0.719
    assert (rows["verdict"] == "").all()


def test_runs_of_two_encoders_cannot_share_a_table(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    change_report("deberta_btw/mosi", setup={"text_encoder": "bert"})
    with pytest.raises(ValueError, match=r"encoder: deberta and bert.*dvc repro"):
        rows_of("table5", study.params)


@pytest.mark.parametrize(
    ("weights", "table", "is_judged"),
    [
        ("microsoft/deberta-v3-base", "table5", True),
        ("bert-base-uncased", "table5", False),
        ("microsoft/deberta-v3-base", "table3", False),
    ],
)
def test_real_data_need_the_encoder_of_the_paper(
    study: SimpleNamespace, weights: str, table: str, is_judged: bool
) -> None:
    data = {"simulated": False, "sizes": FULL, "dims": {"audio": 5, "video": 20}}
    setup = SETUP | {"text_weights": weights}
    study.write_runs(study.params, data=data, setup=setup, sizes=SIZES)
    rows = rows_of(table, study.params)
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
    report = read_report("fusions/mosi")
    kept = {name: told for name, told in report.methods.items() if name != "mmim"}
    left_out = {"mmim": "MMIM needs text"}
    report.model_copy(update={"methods": kept, "left_out": left_out}).write()
    rows = rows_of("table3", study.params)
    mosi = rows[(rows["dataset"] == "mosi") & rows["mean"].notna()]
    assert "mmim" not in set(mosi["row"]) and "mult" in set(mosi["row"])
    assert mosi["notes"].str.contains("no MMIM: MMIM needs text").all()


def test_data_without_raw_text_have_no_block_in_table5(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    read_report("deberta/mosi").model_copy(update={"methods": {}}).write()
    assert set(rows_of("table5", study.params)["dataset"]) == {"mosei"}
