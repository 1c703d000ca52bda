"""Tables from fabricated runs: numbers, merging, labels, absent keys, marks."""

import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from repro import paths
from repro.files import read_table, write_table
from repro.params import Params
from repro.results.runs import best_modality, read_run, trained_run
from repro.tables.btw import SENTIMENT
from repro.tables.writing import read_rows
from tests.repro.made_runs import change_report, change_table, only
from tests.repro.written import numbers, rows_of, texts, write

LIMITS = ("attainable", "attainable_known")
REAL: dict[str, Any] = {"data": {"source": "mmsa", "simulated": False}}
FULL = {"train": 1284, "valid": 229, "test": 686}
PAPER: dict[str, Any] = {
    "setup": {
        "preset": "paper",
        "finetune": True,
        "text_weights": "bert-base-uncased",
        "training": {"epochs": 40, "batch": 32},
    },
    "sizes": {
        "expert_hidden": 512,
        "layers": 3,
        "router": "per_modality",
        "gate": "laplace",
    },
}
TABLE3 = [paths.plot("btw_table3", kind) for kind in ("csv", "md", "tex")]


def only_mosi(params: Params) -> Params:
    """Params with the cells of mosi alone."""
    return only(params, ["mosi"])


def test_table3_numbers_by_hand(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    rows = rows_of("table3", study.params)
    rows = rows[rows["dataset"] == "mosi"].set_index(["row", "metric"])
    found = read_table(paths.run("btw/mosi") / "predictions.parquet")
    found = found[(found["split"] == "test") & (found["method"] == "bi_level")]
    error = (found["prediction"] - found["y"]).abs().groupby(found["seed"]).mean()
    entry = rows.loc[("bi_level", "mae")]
    assert entry["mean"] == pytest.approx(error.mean())
    assert entry["sd"] == pytest.approx(error.std(ddof=1))
    assert (entry["n"], entry["alpha"], entry["published_mean"]) == (3, 0.5, 0.716)
    moe = rows.loc[("moe", "mae"), "mean"]
    difference = rows.loc[("bi_level", "mae_vs_moe"), "mean"]
    assert difference == pytest.approx(error.mean() - moe)


def test_every_dataset_has_every_row_in_order(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    rows = rows_of("table3", study.params)
    expected = ["mean", "ridge", "unimodal", "stacked", "moe"]
    fusions = ["early_fusion", "late_fusion", "low_rank", "mult", "mmim"]
    weighted = ["averaged_instance", "modality", "instance", "bi_level"]
    given = ["uniform", "shuffled", "oracle", "posterior"]
    for dataset in SENTIMENT:
        part = rows[(rows["dataset"] == dataset) & rows["mean"].notna()]
        found = [r for r in dict.fromkeys(part["row"]) if r != "concat_transformer"]
        assert found == [*expected, *fusions, *weighted, *given, *LIMITS]
        assert part.loc[part["row"].isin(fusions), "alpha"].isna().all()
    sweep = rows_of("table6", study.params)
    names = list(dict.fromkeys(sweep["row"]))
    assert names[:5] == expected
    assert set(names[5:]) == {
        f"{method}_{alpha}"
        for method in ("instance", "bi_level")
        for alpha in ("03", "05", "07")
    }


def test_best_unimodal_is_chosen_on_valid_and_named(study: SimpleNamespace) -> None:
    study.write_runs(study.params)

    def right_on_valid(table: pd.DataFrame) -> pd.DataFrame:
        rows = (table["method"] == "video") & (table["split"] == "valid")
        return table.assign(prediction=table["prediction"].where(~rows, table["y"]))

    change_table("base/mosi", right_on_valid)
    assert best_modality(read_run("base/mosi")) == "video"
    rows = rows_of("table3", only_mosi(study.params))
    assert "best unimodal (video)" in set(rows["name"])


def test_holm_covers_the_comparisons_of_one_block(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    rows = rows_of("table3", study.params)
    tested = rows[rows["p"].notna()]
    assert set(tested["metric"]) == {"mae_vs_moe"}
    for _, block in tested.groupby("block"):
        count = block["row"].nunique()
        assert len(block) == count >= 12 and "mean" not in set(block["row"])
        assert (block["p_holm"] >= block["p"]).all()
        smallest = block["p"].idxmin()
        assert block.loc[smallest, "p_holm"].max() == pytest.approx(
            min(1.0, count * block["p"].min())
        )


def test_simulated_tables_say_so_and_judge_nothing(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    for name, rows in (
        ("table3", rows_of("table3", study.params)),
        ("table6", rows_of("table6", study.params)),
    ):
        assert (rows["verdict"] == "").all() and rows["difference"].isna().all()
        written = write(name, study.params)
        for kind in ("md", "tex"):
            assert written[kind].count("simulated data") >= 2
            for word in ("reproduced", "higher", "lower"):
                assert word not in written[kind]
        told = json.dumps(numbers(name))
        assert "published" not in told and "difference" not in told


def test_real_data_get_difference_and_reason(study: SimpleNamespace) -> None:
    params = only_mosi(study.params)
    study.write_runs(params, **REAL)
    text = write("table3", params)["md"]
    entry = numbers("table3", "mosi__mmsa")["moe"]["mae"]
    assert entry["published"] == 0.735
    assert entry["difference"] == pytest.approx(entry["mean"] - 0.735)
    assert "not comparable" in text and "split sizes 24/12/30" in text
    assert "simulated" not in text


def test_real_data_under_the_paper_setting_get_a_verdict(
    study: SimpleNamespace,
) -> None:
    params = only_mosi(study.params)
    data = {**REAL["data"], "sizes": FULL, "dims": {"audio": 5, "video": 20}}
    study.write_runs(params, data=data, **PAPER)
    rows = rows_of("table3", params)
    judged = rows[rows["verdict"] != ""]
    unstated = judged[judged["row"].isin(["mult", "mmim"])]
    assert set(unstated["verdict"]) == {"not comparable"} and len(unstated) == 2 * 8
    assert unstated["condition"].str.contains("does not state").all()
    judged = judged.drop(unstated.index)
    assert set(judged["verdict"]) <= {"reproduced", "higher", "lower"}
    assert (judged["condition"] == "").all() and len(judged) == 5 * 8
    assert "within two standard errors" in write("table3", params)["md"]


def test_a_run_replaces_its_own_block_only(study: SimpleNamespace) -> None:
    params = only_mosi(study.params)
    study.write_runs(params)
    write("table3", params)
    simulated = numbers("table3", "mosi__simulated")
    before = read_rows(TABLE3[0])
    study.write_runs(params, **REAL)
    write("table3", params)
    study.write_runs(params, protocol="published", **REAL)
    write("table3", params)
    every = numbers("table3")
    assert set(every) == {"mosi__simulated", "mosi__mmsa", "mosi__mmsa__published"}
    assert every["mosi__simulated"] == simulated
    kept = read_rows(TABLE3[0])
    kept = kept[kept["block"] == "mosi__simulated"].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, before, check_exact=True)
    text = texts("table3")["md"]
    assert text.count("\n## MOSI") == 3 and "protocol published" in text


def test_writing_twice_gives_the_same_bytes(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    files = [paths.table_metrics("btw_table3"), *TABLE3]
    write("table3", study.params)
    first = [path.read_bytes() for path in files]
    write("table3", study.params)
    assert [path.read_bytes() for path in files] == first


def test_a_foreign_csv_is_refused(study: SimpleNamespace) -> None:
    TABLE3[0].parent.mkdir(parents=True)
    TABLE3[0].write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match=r"table3\.csv: columns"):
        read_rows(TABLE3[0])


@pytest.mark.parametrize("address", ["sweep/mosi/alpha_03", "btw/mosi"])
def test_a_label_that_differs_from_the_report_stops(
    study: SimpleNamespace, address: str
) -> None:
    study.write_runs(study.params)
    change_report(address, alpha=0.6)
    table = "table3" if address == "btw/mosi" else "table6"
    with pytest.raises(ValueError, match=rf"{address}/report\.json: alpha=0\.6"):
        rows_of(table, study.params)


def test_an_unpinned_row_follows_the_top_level_alpha(study: SimpleNamespace) -> None:
    params = only_mosi(study.params).model_copy(update={"alpha": 0.3})
    study.write_runs(params)
    rows = rows_of("table3", params)
    assert set(rows.loc[rows["row"] == "bi_level", "alpha"].dropna()) == {0.3}
    assert "| 0.3     |" in write("table3", params)["md"]


def test_undefined_numbers_have_no_key(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    write("table3", study.params)
    mean = numbers("table3", "mosi__simulated")["mean"]
    assert "corr" not in mean and "sd" not in mean["mae"]
    text = paths.table_metrics("btw_table3").read_text()
    assert "NaN" not in text and "null" not in text


def test_printed_rows_of_a_factor_that_is_not_trained_stay(
    study: SimpleNamespace,
) -> None:
    study.write_runs(study.params)
    rows = rows_of("table6", study.params)
    rows = rows[(rows["dataset"] == "mosi") & rows["published_mean"].notna()]
    first = study.params.cells["sweep"]
    kept = {name: row for name, row in first["mosi"].rows.items() if "03" in name}
    assert kept and len(kept) < len(first["mosi"].rows)
    cell = first["mosi"].model_copy(update={"rows": kept})
    cells = {**study.params.cells, "sweep": {**first, "mosi": cell}}
    params = study.params.model_copy(update={"cells": cells})
    fewer = rows_of("table6", params)
    fewer = fewer[(fewer["dataset"] == "mosi") & fewer["published_mean"].notna()]
    assert len(fewer) == len(rows) == 2 * 3 * 8  # methods, factors, metrics


def test_the_notes_say_what_numbers_and_signs_are(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    text = write("table3", study.params)["md"]
    for told in ("F1 in percent", "± sd over seeds", "[interval]: 95 %, seeds and"):
        assert text.count(told) == 2, told
    assert "two standard errors" not in text


def test_metrics_hold_the_blocks_of_the_csv_only(study: SimpleNamespace) -> None:
    params = only_mosi(study.params)
    study.write_runs(params)
    write("table3", params)
    before = paths.table_metrics("btw_table3").read_bytes()
    TABLE3[0].unlink()
    study.write_runs(params, **REAL)
    write("table3", params)
    assert set(numbers("table3")) == {"mosi__mmsa"}
    TABLE3[0].unlink()
    study.write_runs(params)
    write("table3", params)
    assert paths.table_metrics("btw_table3").read_bytes() == before


def test_baselines_of_other_samples_are_refused(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    path = paths.run("baselines/mosi") / "predictions.parquet"
    table = read_table(path)
    write_table(path, table[table["id"] != table["id"].iloc[-1]])
    with pytest.raises(ValueError, match="hold different samples"):
        rows_of("fusions", study.params)


def test_a_missing_run_is_named(study: SimpleNamespace) -> None:
    with pytest.raises(ValueError, match=r"runs/base/mosi/report\.json"):
        trained_run(study.params, "base/mosi")
    with pytest.raises(ValueError, match="did you mean 'base/mosi'"):
        trained_run(study.params, "base/mos")


def test_numbers_survive_the_csv_to_the_last_digit(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    rows = rows_of("table3", study.params).reset_index(drop=True)
    write("table3", study.params)
    back = read_rows(TABLE3[0])
    keys = ["block", "order"]
    pd.testing.assert_frame_equal(
        back.sort_values(keys, ignore_index=True),
        rows.sort_values(keys, ignore_index=True),
        check_exact=True,
    )
    assert np.isfinite(back["mean"].dropna()).all()


def test_one_seed_is_told_and_not_tested(study: SimpleNamespace) -> None:
    params = only_mosi(study.params)
    study.write_runs(params)
    for address in ("base/mosi", "btw/mosi", "fusions/mosi"):
        change_table(address, lambda table: table[table["seed"] == 0])
    text = write("table3", params)["md"]
    block = numbers("table3", "mosi__simulated")
    for row in ("ridge", "bi_level"):
        assert set(block[row]["mae_vs_moe"]) == {"mean", "n"}
        assert block[row]["mae_vs_moe"]["n"] == 1
    assert "not tested: one seed" in text and "| MAE minus MoE   |" in text
    assert "[interval]" not in text and "differs from" not in text
