"""The tables beside the main ones, and the runs that every dvc stage depends on."""

from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from repro import params as parameters
from repro.params.switches import SWITCHES
from repro.tables.btw import TABLES
from repro.tables.btw_checks import ATTRIBUTION, attribution, hyperparameters, noise
from tests.repro.made_runs import change_report, change_table
from tests.repro.written import numbers, write
from tests.settings import copied_settings

LEAK_FREE = "attribution/controls/leak_free"


def test_attribution_gain_is_positive_when_better(study: SimpleNamespace) -> None:
    study.write_runs(study.params)

    def halved(table: pd.DataFrame) -> pd.DataFrame:
        moe = table.loc[table["method"] == "moe", ["y", "prediction"]].to_numpy()
        better, same = (table["method"] == m for m in ("bi_level", "instance"))
        # Half of the MoE's error everywhere: the gain is half of its MAE.
        table.loc[better, "prediction"] = moe[:, 0] + (moe[:, 1] - moe[:, 0]) / 2
        table.loc[same, "prediction"] = moe[:, 1]
        return table

    change_table(LEAK_FREE, halved)
    rows = attribution(study.params).set_index(["row", "metric"])
    mae = rows.loc[("leak_free", "moe_mae"), "mean"]
    gain = rows.loc[("leak_free", "bi_level_gain")]
    assert gain["mean"] == pytest.approx(mae / 2) and gain["lower"] > 0
    same = rows.loc[("leak_free", "instance_gain")]
    assert (same["mean"], same["lower"], same["upper"], same["p"]) == (0, 0, 0, 1)


def test_attribution_keeps_one_block_for_all_switches(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    text = write("attribution", study.params)["md"]
    assert set(numbers("attribution")) == {"mosi__simulated"}
    names = [
        address.rpartition("/")[2]
        for key in ATTRIBUTION
        for address in study.params.runs_of(f"attribution/{key}")
    ]
    assert set(numbers("attribution", "mosi__simulated")) == set(names)
    order = list(dict.fromkeys(attribution(study.params)["row"]))
    assert order[:3] == ["leak_free", "contribution", "mean_one"]
    switched = [name for name in SWITCHES if name in names]
    assert [name for name in order if name in SWITCHES] == switched
    assert order[-1] == "published_without_own_label"
    assert sorted(order) == sorted(names)
    assert (
        "simulated data" in text
        and "mean predictor" in text
        and "; 3 seeds; 30 test samples of " in text
    )


def test_noise_share_by_hand(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    shares = dict.fromkeys(("w_text", "w_audio", "w_video"), 1.5)
    shares |= {f"w_noise_{k}": 0.5 for k in range(3)}
    change_table("noise/mosi/noise_3", lambda table: table.assign(**shares), "weights")
    rows = noise(study.params).set_index(["row", "metric"])
    assert rows.loc[("noise_3", "bi_level_noise_share"), "mean"] == pytest.approx(0.25)
    assert rows.loc[("noise_3", "uniform_noise_share"), "mean"] == 0.5
    assert rows.loc[("noise_5", "uniform_noise_share"), "mean"] == 5 / 8
    found = list(dict.fromkeys(row for row, _ in rows.index))
    assert found == ["noise_0", "noise_1", "noise_3", "noise_5", "exchanged_30"]


def test_noise_needs_no_other_cell(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    every = [a for a in study.params.recipes if not a.startswith("attribution/")]
    found = noise(study.params.only(every))
    assert found["row"].iloc[0] == "noise_1"
    assert "best unimodal" in found["notes"].iloc[0]
    alone = noise(study.params.only([a for a in every if a.startswith("noise/")]))
    assert alone["mean"].equals(found["mean"])
    assert "mean predictor" in alone["notes"].iloc[0]
    assert "best unimodal" not in alone["notes"].iloc[0]


@pytest.mark.parametrize(("name", "value"), [("noise", 2), ("exchanged", 0.5)])
def test_numbers_of_another_stress_do_not_stand_under_its_name(
    study: SimpleNamespace, name: str, value: float
) -> None:
    study.write_runs(study.params)
    row = {"noise": "noise_3", "exchanged": "exchanged"}[name]
    change_report(f"noise/mosi/{row}", **{name: value})
    with pytest.raises(ValueError, match=rf"{row}/report\.json: {name}={value}, but"):
        noise(study.params)


@pytest.mark.parametrize(
    "address", ["attribution/weights/eval_state", "noise/mosi/noise_3", "base/mosi"]
)
def test_cells_of_other_settings_are_refused(
    study: SimpleNamespace, address: str
) -> None:
    study.write_runs(study.params)
    change_report(address, setup={"training": {"epochs": 99}})
    make = noise if address.startswith("noise") else attribution
    with pytest.raises(ValueError, match=rf"runs/{address}: .*training: .*99"):
        make(study.params)


def test_every_merged_table_tells_its_setup(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    clinical = "- preset default, text encoder tfidf (none, frozen)"
    setups = dict.fromkeys(("table4", "table7", "table8", "table9"), clinical)
    setups["sites"] = "- preset default, text encoder"
    setups["table2"] = "- preset default\n"  # nothing is trained for it
    setups["table5"] = "- preset default, text encoder deberta (random, frozen)"
    for name in TABLES:
        if name == "hyperparameters":
            continue
        text = write(name, study.params)["md"]
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
    copied_settings(Path(), "paper")
    paper = parameters.load()
    assert (hyperparameters(paper).rows["same"] == "yes").all()
    written = write("hyperparameters", paper)
    assert r"per\_modality" in written["tex"]
    for kind in ("md", "tex"):
        assert "preset paper" in written[kind]
        assert "text encoder bert (bert-base-uncased, fine-tuned)" in written[kind]
