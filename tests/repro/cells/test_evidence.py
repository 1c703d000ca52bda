"""What of a used run serves another one, and what weights are made from."""

from dataclasses import replace
from pathlib import Path

import pytest

from repro.cells.writing import write_run
from tests.repro.cells.test_recipes import SETTINGS, run_of, same
from tests.repro.small_study import small_study


def test_models_that_trained_longer_are_trained_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plain = small_study(SETTINGS, trains=["unimodal", "moe"])
    base = run_of(replace(plain, address="base/mosi"))
    write_run(base.study, base.results, base.left_out)
    own = {"trains": ["instance"], "uses": ["base/mosi"]}
    assert list(run_of(small_study(SETTINGS, **own)).results) == ["moe", "instance"]
    run = run_of(small_study(SETTINGS, **own, times_epochs=2))
    assert list(run.results) == ["moe", "text", "audio", "video", "instance"]
    assert not same(run.results["moe"], base.results["moe"])


def test_models_of_another_loss_are_trained_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plain = small_study(SETTINGS, trains=["unimodal", "moe"], classes=3)
    run = run_of(replace(plain, address="base/mosi"))
    write_run(run.study, run.results, run.left_out)
    own = {"trains": ["instance"], "uses": ["base/mosi"], "classes": 3}
    taken = run_of(small_study(SETTINGS, **own))
    assert taken.results["moe"].history == []
    weighted = small_study(SETTINGS, **own, class_weights=[1.0, 1.0, 9.0])
    task = replace(weighted.task, weights=(1.0, 1.0, 9.0))
    found = run_of(replace(weighted, task=task)).results
    assert found["moe"].history and found["text"].history
    assert not same(found["moe"], taken.results["moe"])


@pytest.mark.parametrize("classes", [0, 3])
def test_absent_modalities_that_count_are_present_and_predict_nothing(
    classes: int,
) -> None:
    trains = ["unimodal", "moe", "instance"]
    asked = {"count_absent": True, "missing": "zero", "classes": classes}
    run = run_of(small_study(SETTINGS, trains=trains, **asked))
    absent = ~run.study.inputs.present.numpy()
    assert absent.any() and run.evidence.present.all()
    assert (run.evidence.unimodal[:, absent] == 0).all()
    assert (run.evidence.unimodal[:, ~absent] != 0).all()
