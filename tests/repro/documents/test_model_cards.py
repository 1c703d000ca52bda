"""Cards of released checkpoints: every one, with what its report says."""

import re
from types import SimpleNamespace

import pytest
import yaml

from repro import paths
from repro.documents.model_cards import GROUPS, model_cards, released
from repro.files import read_table
from repro.report import read_report
from repro.results.runs import read_run
from repro.stages import cards as stage
from tests.repro.conftest import ROOT
from tests.repro.made_runs import change_report


def write_runs(study: SimpleNamespace) -> None:
    """Every run, with an empty checkpoint of each network but the unimodal ones."""
    study.write_runs(study.params)
    for address in (a for own in released(study.params).values() for a in own):
        report = read_report(address)
        for method, told in report.methods.items():
            if told.trained and told.fusion and method not in report.data.modalities:
                path = paths.run(address) / f"checkpoint-{method}.safetensors"
                path.write_bytes(b"")


def test_every_checkpoint_has_a_row(study: SimpleNamespace) -> None:
    write_runs(study)
    text = model_cards(study.params)["models_mosi"]
    runs = (paths.run(address) for address in released(study.params)["mosi"])
    expected = {p.as_posix() for run in runs for p in run.glob("checkpoint-*")}
    assert set(re.findall(r"\| (runs/\S+) ", text)) == expected
    assert "checkpoint-stacked" not in text and len(expected) >= 14
    assert "simulated data" in text.splitlines()[0] and "## Limits" in text


def test_numbers_are_those_of_the_run(study: SimpleNamespace) -> None:
    write_runs(study)
    change_report("btw/mosi", methods={"bi_level": {"parameters": 12345}})
    text = model_cards(study.params)["models_mosi"]
    (row,) = re.findall(r"\| runs/btw/mosi/checkpoint-bi_level.*", text)
    found = read_table(paths.run("btw/mosi") / "predictions.parquet")
    found = found[(found["split"] == "test") & (found["method"] == "bi_level")]
    error = (found["prediction"] - found["y"]).abs().groupby(found["seed"]).mean()
    assert f"{error.mean():.3f} ± {error.std(ddof=1):.3f} [" in row
    assert "| 12,345 " in row and "| 2, 3, 4 " in row and "| BTW " in row
    lower, upper = map(float, re.findall(r"\[([\d.]+), ([\d.]+)\]", row)[0])
    assert lower < error.mean() < upper


def test_a_run_without_checkpoints_says_so(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    text = model_cards(study.params)["models_mosi"]
    assert "keep no checkpoints" in text and ".safetensors" not in text


def test_models_of_real_data_are_not_released(study: SimpleNamespace) -> None:
    study.write_runs(study.params, data={"source": "mmsa", "simulated": False})
    for text in model_cards(study.params).values():
        assert "not released" in text and ".safetensors" not in text
    assert not read_run("base/mosi").simulated


def test_the_stage_depends_on_the_runs_and_writes_the_same_bytes(
    study: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]["cards"]
    runs = {f"runs/{a}" for own in released(study.params).values() for a in own}
    assert {dep for dep in told["deps"] if dep.startswith("runs/")} == runs
    assert {run.split("/")[1] for run in runs} == set(GROUPS)
    write_runs(study)
    monkeypatch.setattr(stage.params, "load", lambda: study.params)
    stage.main()
    first = {path.name: path.read_bytes() for path in paths.CARDS.iterdir()}
    assert len(first) == 9
    stage.main()
    assert {p.name: p.read_bytes() for p in paths.CARDS.iterdir()} == first
