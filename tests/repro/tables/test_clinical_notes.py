"""What stands around the numbers of a clinical table, and runs that are refused."""

import numpy as np
import pytest

from repro import paths
from repro.files import read_json, read_table, write_json, write_table
from repro.params import Params
from repro.results.clinical_results import cohort_run
from repro.tables.clinical import table4, table9
from repro.tables.rendering import block_title
from repro.tables.writing import write_merged
from tests.repro.clinical_runs import write_folder


def change(path: str, **changes: object) -> None:
    """Overwrite fields of a JSON file of the complete cohort's runs."""
    file = paths.run("icu_complete", path) / "report.json"
    write_json(file, {**read_json(file), **changes})


def test_a_class_without_test_stays_is_a_footnote(clinical: Params) -> None:
    runs = paths.run("icu_complete", "baselines").parent
    tables = [*runs.rglob("predictions.parquet")]
    for path in [*tables, paths.prepared("icu_complete") / "samples.parquet"]:
        table = read_table(path)
        rows = (table["y"] == 3) & (table["split"] == "test")
        write_table(path, table.assign(y=np.where(rows, 2.0, table["y"])))
    write_merged("table4", table4(clinical))
    tree = read_json(paths.table_metrics("table4"))["icu_complete__simulated"]
    assert "recall_3" not in tree["fusemoe"] and "auroc" not in tree["fusemoe"]
    assert "recall_2" in tree["fusemoe"] and "macro_f1" in tree["fusemoe"]
    text = paths.plot("table4", "md").read_text()
    assert "- no test stay of over 14 days: without recall and AUROC" in text


def test_absent_modalities_have_no_rows_but_a_note(clinical: Params) -> None:
    modalities = ["timeseries", "text"]
    for folder in ("unimodal", "fusemoe", "btw", "without_text"):
        write_folder("icu_all", folder, data={"modalities": modalities})
    rows = table9(clinical)
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
    write_merged("table4", table4(clinical))
    facts = "(timeseries, text, cxr, ecg; 3 seeds; 160 test stays of 80 patients; "
    for kind in ("md", "tex"):
        text = paths.plot("table4", kind).read_text()
        assert facts in text and "n = " not in text
        # The title tells it, no note does it again.
        titles = [line for line in text.splitlines() if "simulated data (" in line]
        assert text.count("160 test stays") == len(titles)


def test_one_seed_is_singular(clinical: Params) -> None:
    rows = table4(clinical)
    assert "; 1 seed; " in block_title(rows.assign(n=1).astype({"n": "Int64"}))
    sentiment = rows.assign(dataset="mosi", notes="")
    assert "; n = 3; " in block_title(sentiment)


def test_wide_metrics_stand_in_a_second_table(clinical: Params) -> None:
    write_merged("table4", table4(clinical))
    text = paths.plot("table4", "md").read_text()
    heads = [line for line in text.splitlines() if line.startswith("| method")]
    assert len(heads) == 3  # main, details, printed
    assert "recall" not in heads[0] and "accuracy" not in heads[1]
    assert "recall, over 14 days" in heads[1] and "AUROC" in heads[1]
    tex = paths.plot("table4", "tex").read_text()
    labels = [line for line in tex.splitlines() if line.startswith(r"\label")]
    assert len(labels) == len(set(labels)) == 3


def test_other_samples_or_seeds_are_refused(clinical: Params) -> None:
    path = paths.run("icu_complete", "mult") / "predictions.parquet"
    table = read_table(path)
    write_table(path, table[table["id"] != table["id"].iloc[-1]])
    with pytest.raises(ValueError, match="mult and fusemoe hold different samples"):
        table4(clinical)
    write_table(path, table.assign(y=0.0))
    with pytest.raises(ValueError, match="mult and fusemoe hold different samples"):
        table4(clinical)
    write_table(path, table[table["seed"] != 2])
    with pytest.raises(ValueError, match=r"mult has seeds \[0, 1\], fusemoe \[0, 1, 2"):
        table4(clinical)


def test_other_settings_or_alphas_are_refused(clinical: Params) -> None:
    change("mult", text_encoder="transformer")
    with pytest.raises(ValueError, match=r"runs/icu_complete/mult: .*text_encoder"):
        table4(clinical)
    change("mult", text_encoder="tfidf")
    change("btw", alpha=0.6)
    with pytest.raises(ValueError, match=r"btw/report\.json: alpha=0\.6"):
        table4(clinical)


def test_a_cell_that_is_not_there_is_named(clinical: Params) -> None:
    with pytest.raises(ValueError, match=r"no cell of cells\.icu_\* writes other of"):
        cohort_run(clinical, "icu_complete", "other")
    path = paths.run("icu_complete", "fusemoe") / "report.json"
    path.unlink()
    with pytest.raises(ValueError, match=r"runs/icu_complete/fusemoe/report\.json"):
        table4(clinical)
