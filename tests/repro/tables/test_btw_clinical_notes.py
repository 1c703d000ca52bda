"""What stands around the numbers of a clinical table, and runs that are refused."""

import numpy as np
import pytest

from repro import paths
from repro.files import read_table, write_table
from repro.params import Params
from repro.results.runs import trained_run
from repro.tables.rendering import block_title
from tests.repro.made_runs import change_report, change_table, write_run
from tests.repro.written import numbers, rows_of, write


def test_a_class_without_test_stays_is_a_footnote(clinical: Params) -> None:
    groups = ("baselines", "base", "btw", "ceilings")
    runs = [paths.run(f"{group}/icu_complete") for group in groups]
    tables = [folder / "predictions.parquet" for folder in runs]
    for path in [*tables, paths.prepared("icu_complete") / "samples.parquet"]:
        table = read_table(path)
        rows = (table["y"] == 3) & (table["split"] == "test")
        write_table(path, table.assign(y=np.where(rows, 2.0, table["y"])))
    text = write("table4", clinical)["md"]
    tree = numbers("table4", "icu_complete__simulated")
    assert "recall_3" not in tree["fusemoe"] and "auroc" in tree["fusemoe"]
    assert "recall_2" in tree["fusemoe"] and "macro_f1" in tree["fusemoe"]
    assert "- no test stay of over 14 days: without recall, its F1 counts as 0" in text


def test_absent_modalities_have_no_rows_but_a_note(clinical: Params) -> None:
    modalities = ["timeseries", "text"]
    for address in ("base/icu_all", "btw/icu_all", "removal/icu_all/text"):
        write_run(clinical, address, data={"modalities": modalities})
    rows = rows_of("table9", clinical)
    ours = rows[rows["mean"].notna()]
    assert not ours["row"].str.contains("ecg|cxr").any()
    assert ours["row"].str.contains("without_text").any()
    notes = rows["notes"].iloc[0]
    assert "no rows without ECG: these data do not have it" in notes
    assert "no rows without CXR" in notes and "without Text:" not in notes
    # What the paper printed stays.
    printed = rows[rows["published_mean"].notna()]
    assert len(printed) == 3 * 3 * 3


def test_titles_tell_seeds_and_test_stays(clinical: Params) -> None:
    written = write("table4", clinical)
    facts = "(timeseries, text, cxr, ecg; 3 seeds; 160 test stays of 80 patients; "
    for kind in ("md", "tex"):
        text = written[kind]
        assert facts in text and "n = " not in text
        # The title tells it, no note does it again.
        titles = [line for line in text.splitlines() if "simulated data (" in line]
        assert text.count("160 test stays") == len(titles)


def test_one_seed_is_singular(clinical: Params) -> None:
    rows = rows_of("table4", clinical)
    single = rows.assign(n=1).astype({"n": "Int64"})
    assert "; 1 seed; " in block_title(single, clinical)
    assert "; 3 seeds; " in block_title(rows.assign(notes=""), clinical)


def test_details_and_differences_stand_in_tables_of_their_own(clinical: Params) -> None:
    written = write("table4", clinical)
    text = written["md"]
    heads = [line for line in text.splitlines() if line.startswith("| method")]
    assert len(heads) == 4  # main, details, differences, printed
    assert "recall" not in heads[0] and "accuracy" not in heads[1]
    assert "recall, over 14 days" in heads[1] and "AUROC" in heads[1]
    tested = "weighted F1 minus FuseMoE [interval] seed SE, Holm p"
    assert tested in heads[2] and "minus" not in heads[0] + heads[1] + heads[3]
    labels = [
        line for line in written["tex"].splitlines() if line.startswith(r"\label")
    ]
    assert len(labels) == len(set(labels)) == 4


def test_other_samples_or_seeds_are_refused(clinical: Params) -> None:
    path = paths.run("base/icu_complete") / "predictions.parquet"
    table = read_table(path)
    is_mult = table["method"] == "mult"
    write_table(path, table[~is_mult | (table["id"] != table["id"].iloc[-1])])
    with pytest.raises(ValueError, match="mult and fusemoe hold different samples"):
        rows_of("table4", clinical)
    write_table(path, table.assign(y=table["y"].where(~is_mult, 0.0)))
    with pytest.raises(ValueError, match="mult and fusemoe hold different samples"):
        rows_of("table4", clinical)
    write_table(path, table[~is_mult | (table["seed"] != 2)])
    with pytest.raises(ValueError, match=r"mult has seeds \[0, 1\], fusemoe \[0, 1, 2"):
        rows_of("table4", clinical)


def test_other_settings_or_alphas_are_refused(clinical: Params) -> None:
    change_report("btw/icu_complete", setup={"text_encoder": "transformer"})
    with pytest.raises(ValueError, match=r"runs/btw/icu_complete: .*text_encoder"):
        rows_of("table4", clinical)
    change_report("btw/icu_complete", setup={"text_encoder": "tfidf"}, alpha=0.6)
    with pytest.raises(ValueError, match=r"icu_complete/report\.json: alpha=0\.6"):
        rows_of("table4", clinical)


def test_a_run_that_is_not_there_is_named(clinical: Params) -> None:
    with pytest.raises(ValueError, match="run 'base/other' is unknown"):
        trained_run(clinical, "base/other")
    (paths.run("base/icu_complete") / "report.json").unlink()
    with pytest.raises(ValueError, match=r"runs/base/icu_complete/report\.json"):
        rows_of("table4", clinical)


def test_one_seed_has_no_interval_but_for_predictors_without_a_network(
    clinical: Params,
) -> None:
    for address in ("base/icu_complete", "btw/icu_complete"):
        change_table(address, lambda table: table[table["seed"] == 0])
    change_table(
        "baselines/icu_complete",
        lambda table: table[(table["seed"] == 0) | (table["method"] != "stratified")],
    )
    rows = rows_of("table4", clinical).set_index(["row", "metric"])
    assert np.isnan(rows.loc[("bi_level", "macro_f1"), "lower"])
    assert rows.loc[("haim", "macro_f1"), "lower"] > 0
    assert rows["p"].isna().all() and rows["se_seeds"].isna().all()
    assert "- not tested: one seed" in write("table4", clinical)["md"]
