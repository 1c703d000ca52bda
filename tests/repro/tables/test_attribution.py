"""The tables beside the main ones, and the runs that every dvc stage depends on."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml

from repro import paths
from repro.figures.named import FIGURES
from repro.files import read_json, read_table, write_json, write_table
from repro.tables.attribution import attribution
from repro.tables.labels import METHOD_LABELS
from repro.tables.named import MERGED
from repro.tables.noise import noise
from repro.tables.settings import hyperparameters
from repro.tables.timing import table10
from repro.tables.writing import write_merged, write_plain

ROOT = Path(__file__).parents[2]


def test_attribution_gain_is_positive_when_better(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    path = paths.run("mosi", "attribution_leak_free") / "predictions.parquet"
    table = read_table(path)
    better = table["method"] == "bi_level"
    moe = table.loc[table["method"] == "moe", ["y", "prediction"]].to_numpy()
    # Half of the MoE's error everywhere: the gain is half of its MAE.
    table.loc[better, "prediction"] = moe[:, 0] + (moe[:, 1] - moe[:, 0]) / 2
    table.loc[table["method"] == "instance", "prediction"] = moe[:, 1]
    write_table(path, table)
    rows = attribution(study.params).set_index(["row", "metric"])
    mae = rows.loc[("leak_free", "moe_mae"), "mean"]
    gain = rows.loc[("leak_free", "bi_level_gain")]
    assert gain["mean"] == pytest.approx(mae / 2) and gain["lower"] > 0
    same = rows.loc[("leak_free", "instance_gain")]
    assert (same["mean"], same["lower"], same["upper"], same["p"]) == (0, 0, 0, 1)
    order = list(dict.fromkeys(attribution(study.params)["row"]))
    assert order == list(study.params.cells["attribution"])


def test_attribution_keeps_one_block_for_all_switches(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    write_merged("attribution", attribution(study.params))
    tree = read_json(paths.table_metrics("attribution"))
    assert set(tree) == {"mosi__simulated"}
    assert set(tree["mosi__simulated"]) == set(study.params.cells["attribution"])
    text = paths.plot("attribution", "md").read_text()
    assert "simulated data" in text and "mean predictor" in text and "n = 3" in text


def test_noise_share_by_hand(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    path = paths.run("mosi", "noise_3") / "weights.parquet"
    table = read_table(path)
    for name in ("text", "audio", "video"):
        table[f"w_{name}"] = 1.5
    for k in range(3):
        table[f"w_noise_{k}"] = 0.5
    write_table(path, table)
    rows = noise(study.params).set_index(["row", "metric"])
    assert rows.loc[("noise_3", "bi_level_noise_share"), "mean"] == pytest.approx(0.25)
    assert rows.loc[("noise_3", "uniform_noise_share"), "mean"] == 0.5
    assert rows.loc[("noise_5", "uniform_noise_share"), "mean"] == 5 / 8
    assert {"noise_0", "noise_1", "noise_3", "noise_5"} == {
        row for row, _ in rows.index
    }


def test_times_add_up_beside_the_printed_ones(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    rows = table10(study.params)
    rows = rows[rows["dataset"] == "mosi"].set_index(["row", "metric"])
    assert rows.loc[("moe", "total_s"), "mean"] == 10.0
    # unimodal text, audio, video took 10, 11 and 12 seconds
    assert rows.loc[("bi_level", "total_s"), "mean"] == 10.0 + 33.0
    assert rows.loc[("bi_level", "total_s"), "published_mean"] == 1066.0
    assert ("moe", "text_overhead_s") not in rows.index


def test_overhead_columns_are_the_modalities_of_the_data(
    study: SimpleNamespace,
) -> None:
    names = ["speech", "audio"]
    study.write_runs(study.params, data={"modalities": names})
    for dataset in study.params.datasets:
        path = paths.timing(dataset, "unimodal")
        seconds = {"audio": 2.0, "speech": 3.0}
        write_json(path, {**read_json(path), "seconds": seconds})
    rows = table10(study.params)
    metrics = list(dict.fromkeys(rows["metric"]))
    overhead = [metric for metric in metrics if metric.endswith("_overhead_s")]
    assert overhead == ["speech_overhead_s", "audio_overhead_s"]
    printed = rows[rows["published_mean"].notna()]
    assert "speech_overhead_s" not in set(printed["metric"])
    write_merged("table10", rows)
    assert "| speech (s)   | audio (s)" in paths.plot("table10", "md").read_text()
    write_json(path, {**read_json(path), "seconds": {"audio": 2.0}})
    with pytest.raises(ValueError, match=r"unimodal\.timing\.json: seconds of"):
        table10(study.params)


def test_weights_held_at_one_must_give_the_moe(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    rows = attribution(study.params).set_index(["row", "metric"])
    assert rows.loc[("weights_one", "bi_level_gain"), "mean"] == 0
    path = paths.run("mosi", "attribution_weights_one") / "predictions.parquet"
    table = read_table(path)
    chosen = (table["method"] == "bi_level") & (table["split"] == "test")
    first = table.index[chosen][0]
    table.loc[first, "prediction"] = np.nextafter(table.loc[first, "prediction"], 9.0)
    write_table(path, table)
    with pytest.raises(ValueError, match=r"weights_one.*'bi_level' differs from the"):
        attribution(study.params)


@pytest.mark.parametrize("folder", ["attribution_eval_state", "noise_3", "unimodal"])
def test_cells_of_other_settings_are_refused(
    study: SimpleNamespace, folder: str
) -> None:
    study.write_runs(study.params)
    path = paths.run("mosi", folder) / "report.json"
    write_json(path, {**read_json(path), "training": {"epochs": 99}})
    make = noise if folder == "noise_3" else attribution
    with pytest.raises(ValueError, match=rf"runs/mosi/{folder}: .*training: .*99"):
        make(study.params)


def test_every_merged_table_tells_its_setup(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    clinical = "- preset default, text encoder tfidf (none, frozen)"
    setups = dict.fromkeys(("table4", "table7", "table8", "table9"), clinical)
    setups["table2"] = "- preset default\n"  # nothing is trained for it
    setups["table5"] = "- preset default, text encoder deberta (random, frozen)"
    for name, make in MERGED.items():
        write_merged(name, make(study.params))
        text = paths.plot(name, "md").read_text()
        setup = "- preset default, text encoder bert (random, frozen)"
        assert setups.get(name, setup) in text, name


def test_one_noise_modality_is_singular(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    names = set(noise(study.params)["name"])
    assert {"1 noise modality", "3 noise modalities"} <= names
    assert "1 noise modalities" not in names


def test_hyperparameters_agree_only_under_the_paper_preset(
    study: SimpleNamespace,
) -> None:
    ours = hyperparameters(study.params).rows.set_index("setting")["same"]
    assert ours["FFN hidden size"] == "no" and ours["Top k"] == "yes"
    paper = study.params.model_copy(update={"preset": "paper"})
    assert (hyperparameters(paper).rows["same"] == "yes").all()
    write_plain("hyperparameters", hyperparameters(paper))
    assert r"per\_modality" in paths.plot("hyperparameters", "tex").read_text()
    for kind in ("md", "tex"):
        text = paths.plot("hyperparameters", kind).read_text()
        assert "preset paper" in text
        assert "text encoder bert (bert-base-uncased, fine-tuned)" in text


def test_column_labels_are_the_paper_names_of_params(study: SimpleNamespace) -> None:
    names = study.params.names
    labels = {m: n for m, n in METHOD_LABELS.items() if m != "uniform"}
    assert labels == {method: names[method] for method in labels}


def test_dvc_stages_list_every_run_that_they_read(
    study: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reads are recorded while each table and figure is made."""
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    study.write_runs(study.params)
    real, seen = paths.run, set()

    def recording(dataset: str, cell: str) -> Path:
        seen.add(f"runs/{dataset}/{cell}")
        return real(dataset, cell)

    monkeypatch.setattr(paths, "run", recording)
    for name, make in {**MERGED, **FIGURES}.items():
        seen.clear()
        make(study.params)
        listed = {dep for dep in stages[name]["deps"] if dep.startswith("runs/")}
        assert seen == {dep for dep in listed if not dep.endswith(".json")}, name
