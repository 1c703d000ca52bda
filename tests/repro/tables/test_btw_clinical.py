"""Clinical tables from fabricated runs: numbers, pairs, verdicts, notes, refusals."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score

from repro import paths
from repro.files import read_table, write_table
from repro.params import Params
from repro.results.runs import best_modality, read_run
from repro.tables.writing import read_rows
from tests.repro.made_data import samples
from tests.repro.made_runs import change_table, write_study
from tests.repro.written import numbers, rows_of, write

CLINICAL = ("table2", "table4", "table7", "table8", "table9")
TRIVIAL = ["majority", "stratified", "unimodal", "logistic", "stacked"]
WEIGHTED = ["averaged_instance", "modality", "instance", "bi_level"]
LOCAL = ("instance", "bi_level")
GIVEN = ("uniform", "shuffled", "oracle", "posterior")
LIMITS = ("attainable", "attainable_known")
RETRAINED = ["fusemoe", "instance", "bi_level"]
REAL: dict[str, Any] = {"source": "mimiciv", "simulated": False}
COUNTS = (1465, 2342, 923, 448)  # stays by class (BTW Table 2)


def chosen_of(group: str, method: str) -> tuple[list[np.ndarray], np.ndarray]:
    """Predicted classes of each seed and true ones on test of the complete cohort."""
    table = read_table(paths.run(f"{group}/icu_complete") / "predictions.parquet")
    table = table[(table["method"] == method) & (table["split"] == "test")]
    columns = [f"p_{k}" for k in range(4)]
    parts = [part for _, part in table.groupby("seed")]
    return [p[columns].to_numpy().argmax(1) for p in parts], parts[0]["y"].to_numpy()


def test_numbers_by_hand(clinical: Params) -> None:
    rows = rows_of("table4", clinical).set_index(["row", "metric"])
    chosen, y = chosen_of("btw", "bi_level")
    f1 = [100 * f1_score(y, c, average="macro") for c in chosen]
    entry = rows.loc[("bi_level", "macro_f1")]
    assert entry["mean"] == pytest.approx(np.mean(f1))
    assert entry["sd"] == pytest.approx(np.std(f1, ddof=1))
    assert entry["lower"] < entry["mean"] < entry["upper"]
    assert (entry["n"], entry["alpha"], entry["published_mean"]) == (3, 0.5, 37.67)
    balanced = [100 * balanced_accuracy_score(y, c) for c in chosen]
    found = rows.loc[("bi_level", "balanced_accuracy"), "mean"]
    assert found == pytest.approx(np.mean(balanced))
    others, _ = chosen_of("base", "fusemoe")
    base = [100 * f1_score(y, c, average="macro") for c in others]
    difference = rows.loc[("bi_level", "macro_f1_vs_fusemoe")]
    assert difference["mean"] == pytest.approx(np.mean(f1) - np.mean(base))
    metrics = {"accuracy", "weighted_f1", "auroc", "quadratic_kappa"}
    metrics |= {"calibration_error", *(f"recall_{k}" for k in range(4))}
    assert metrics <= set(rows.loc["haim"].index)


def test_every_row_stands_in_order(clinical: Params) -> None:
    methods = [*TRIVIAL, "haim", "mult", "fusemoe", *WEIGHTED, *GIVEN, *LIMITS]
    zero = [f"{method}_zero" for method in RETRAINED]
    removed = [*TRIVIAL, *RETRAINED] + [
        f"{method}_without_{name}"
        for name in ("ecg", "text", "cxr")
        for method in ("fusemoe", "bi_level")
    ]
    wanted = {"table4": methods, "table7": [*methods, *zero]}
    wanted |= {"table8": removed, "table9": removed}
    for name, expected in wanted.items():
        rows = rows_of(name, clinical)
        trained = rows[rows["mean"].notna()]
        assert list(dict.fromkeys(trained["row"])) == expected, name
        cohort = "icu_complete" if name in ("table4", "table8") else "icu_all"
        assert set(rows["dataset"]) == {cohort}


def test_only_weighted_methods_have_an_alpha(clinical: Params) -> None:
    rows = rows_of("table7", clinical)
    weighted = {*WEIGHTED, "instance_zero", "bi_level_zero"}
    assert set(rows.loc[rows["alpha"].notna(), "row"]) == weighted


@pytest.mark.parametrize(
    ("table", "suffix", "methods"),
    [("table7", "zero", LOCAL), ("table8", "without_ecg", LOCAL[1:])],
)
def test_rows_are_set_against_their_own_fusemoe(
    clinical: Params, table: str, suffix: str, methods: tuple[str, ...]
) -> None:
    rows = rows_of(table, clinical).set_index(["row", "metric"])
    metric = "macro_f1_vs_fusemoe"
    for method in methods:
        own = rows.loc[(f"{method}_{suffix}", "macro_f1"), "mean"]
        base = rows.loc[(f"fusemoe_{suffix}", "macro_f1"), "mean"]
        found = rows.loc[(f"{method}_{suffix}", metric), "mean"]
        assert found == pytest.approx(own - base)
    assert (f"fusemoe_{suffix}", metric) not in rows.index
    assert ("fusemoe", metric) not in rows.index


def test_holm_covers_all_comparisons_of_a_table(clinical: Params) -> None:
    tested = rows_of("table4", clinical)
    tested = tested[tested["p"].notna()]
    names = ("macro_f1", "weighted_f1", "accuracy", "auroc", "log_loss")
    assert set(tested["metric"]) == {f"{name}_vs_fusemoe" for name in names}
    assert len(tested) == 13 * len(names)
    assert tested["se_seeds"].notna().all()
    smallest = tested["p"].min()
    found = tested.loc[tested["p"].idxmin(), "p_holm"]
    assert found == pytest.approx(min(1.0, 65 * smallest))


def test_every_tested_difference_is_that_of_the_means(clinical: Params) -> None:
    rows = rows_of("table4", clinical).set_index(["row", "metric"])["mean"]
    for name in ("macro_f1", "weighted_f1", "accuracy", "auroc", "log_loss"):
        for row in ("haim", "bi_level"):
            gap = rows[row, name] - rows["fusemoe", name]
            assert rows[row, f"{name}_vs_fusemoe"] == pytest.approx(gap), name


def test_best_modality_has_the_highest_macro_f1_on_valid(clinical: Params) -> None:

    def right_on_valid(table: pd.DataFrame) -> pd.DataFrame:
        rows = (table["method"] == "cxr") & (table["split"] == "valid")
        right = np.eye(4)[table.loc[rows, "y"].astype(int)]
        table.loc[rows, [f"p_{k}" for k in range(4)]] = right
        return table

    change_table("base/icu_complete", right_on_valid)
    assert best_modality(read_run("base/icu_complete")) == "cxr"
    assert "best unimodal (cxr)" in set(rows_of("table4", clinical)["name"])
    change_table("base/icu_complete", lambda table: table.assign(method="other"))
    with pytest.raises(ValueError, match="no method is one of the modalities"):
        best_modality(read_run("base/icu_complete"))


def test_simulated_tables_say_so_and_judge_nothing(clinical: Params) -> None:
    for name in CLINICAL:
        written = write(name, clinical)
        for text in (written["md"], written["tex"]):
            assert "simulated data" in text, name
            for word in ("reproduced", "higher", "lower", "not comparable"):
                assert word not in text, (name, word)
        told = json.dumps(numbers(name))
        assert "published" not in told and "difference" not in told


def test_real_data_get_a_difference_and_the_reason(clinical: Params) -> None:
    write_study(clinical, data=REAL)
    text = write("table4", clinical)["md"]
    tree = numbers("table4", "icu_complete__mimiciv")
    entry = tree["fusemoe"]["macro_f1"]
    assert entry["published"] == 37.67
    assert entry["difference"] == pytest.approx(entry["mean"] - 37.67)
    assert "not comparable" in text and "simulated" not in text
    assert "time policy strict, paper charttime" in text
    assert "test groups (patients)" in text and "videos" not in text
    write("table2", clinical)
    counts = numbers("table2", "icu_complete__mimiciv")
    stays = int((samples("icu_complete")["y"] == 0).sum())
    assert counts["class_0"]["stays"] == {
        "mean": stays,
        "published": 1465,
        "difference": stays - 1465,
    }


def paper_setting(params: Params) -> Params:
    """Write real runs of the complete cohort under all published settings."""
    ingested = {"preset": "published", "time_policy": "charttime"}
    dims = {"timeseries": 60, "text": 768, "cxr": 1024, "ecg": 256}
    setup = {
        "preset": "paper",
        "training": {"epochs": 8, "batch": 32},
        "text_encoder": "transformer",
        "text_weights": "emilyalsentzer/Bio_ClinicalBERT",
    }
    sizes = {"expert_hidden": 512, "layers": 3}
    sizes |= {"router": "per_modality", "gate": "laplace"}
    about = {"data": REAL | {"dims": dims}, "setup": setup, "sizes": sizes}
    write_study(params, ingested=ingested, **about)
    y = np.repeat(np.arange(4.0), COUNTS)
    ids = [f"s{i:04d}" for i in range(len(y))]
    split = np.resize(["train", "valid", "test"], len(y))
    table = pd.DataFrame({"id": ids, "group": ids, "split": split, "y": y})
    write_table(paths.prepared("icu_complete") / "samples.parquet", table)
    rules = {"split": "published", "views": [], "labs_without_admission": "drop"}
    source = params.clinical.model_copy(update=rules)
    return params.model_copy(update={"clinical": source})


def test_the_paper_setting_gets_verdicts(clinical: Params) -> None:
    params = paper_setting(clinical)
    rows = rows_of("table4", params)
    judged = rows[rows["verdict"] != ""]
    words = {"reproduced", "higher", "lower"}
    alone = judged["row"] == "haim"  # deterministic: one seed
    assert set(judged.loc[~alone, "verdict"]) <= words and len(judged) == 5 * 3
    assert set(judged.loc[alone, "verdict"]) == {"not comparable"}
    counts = rows_of("table2", params)
    counts = counts[counts["verdict"] != ""]
    assert set(counts["verdict"]) == {"reproduced"} and len(counts) == 5
    # Masked rows are not the published behavior; rows with zeros lack only the stays.
    rows = rows_of("table7", params)
    reasons = rows[rows["condition"] != ""].groupby("row")["condition"].first()
    assert set(reasons) == {"240 stays, released code 35131"}


def test_table2_counts_splits_and_attrition(clinical: Params) -> None:
    rows = rows_of("table2", clinical)
    rows = rows[rows["dataset"] == "icu_complete"].set_index(["row", "metric"])
    base = samples("icu_complete")
    for split in ("train", "valid", "test"):
        part = base[base["split"] == split]
        for k in range(4):
            found = rows.loc[(f"class_{k}", f"stays_{split}"), "mean"]
            assert found == (part["y"] == k).sum()
        assert rows.loc[("total", f"stays_{split}"), "mean"] == len(part)
    assert rows.loc[("total", "stays"), ["mean", "published_mean"]].tolist() == [
        240,
        5178,
    ]
    assert rows["published_mean"].notna().sum() == 5
    told = "all ICU stays 400 (150), los >= 2 days 240 (120)"
    assert f"left after each step: {told}" in rows["notes"].iloc[0]


def test_writing_twice_gives_the_same_bytes(clinical: Params) -> None:
    kinds = [paths.plot("btw_table8", kind) for kind in ("csv", "md", "tex")]
    files = [paths.table_metrics("btw_table8"), *kinds]
    contents = []
    for _ in range(2):
        write("table8", clinical)
        contents.append([path.read_bytes() for path in files])
    assert contents[0] == contents[1]
    rows = read_rows(kinds[0])
    assert np.isfinite(rows["mean"].dropna()).all()
