"""What a recipe trains, what it takes from the runs it uses, and what it refuses."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from repro.baselines.ridge import ridge
from repro.cells import recipes
from repro.cells.evidence import used_results
from repro.cells.noise import with_noise
from repro.cells.result import Result
from repro.cells.study import Study
from repro.cells.writing import write_first_weights, write_run
from repro.files import read_table
from repro.report import read_report
from tests.repro.small_study import small_params, small_study

SETTINGS = small_params([0, 1], training={"epochs": 1})
BASE = ["unimodal", "moe", "first_weights"]


def run_of(study: Study) -> recipes.Trained:
    """The one run of one study."""
    (run,) = recipes.trained([study])
    return run


@pytest.fixture(scope="module")
def base() -> recipes.Trained:
    """The run that others use."""
    return run_of(replace(small_study(SETTINGS, trains=BASE), address="base/mosi"))


@pytest.fixture
def written(
    base: recipes.Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty folder in which the base run has been written."""
    monkeypatch.chdir(tmp_path)
    write_run(base.study, base.results, base.left_out)
    write_first_weights(base.study, base.first_weights)


def using(*trains: str, **changes: object) -> Study:
    """A study that takes the rest from the base run."""
    recipe = {"trains": list(trains), "uses": ["base/mosi"]}
    return small_study(SETTINGS, **recipe, **changes)


def same(one: Result, other: Result) -> bool:
    """Whether all predictions of the shared splits agree bit for bit."""
    return all(
        np.array_equal(other.predictions[split], predictions)
        for split, predictions in one.predictions.items()
    )


@pytest.mark.usefixtures("written")
def test_what_is_used_is_not_trained_again_and_changes_no_number(
    base: recipes.Trained,
) -> None:
    run = run_of(using("instance"))
    assert list(run.results) == ["moe", "instance"]
    assert run.results["moe"].history == []
    assert same(run.results["moe"], base.results["moe"])
    alone = run_of(small_study(SETTINGS, trains=["unimodal", "moe", "instance"]))
    assert same(alone.results["instance"], run.results["instance"])
    assert np.array_equal(alone.evidence.unimodal, run.evidence.unimodal)


@pytest.mark.usefixtures("written")
def test_first_weights_are_those_of_the_instance_variant(
    base: recipes.Trained,
) -> None:
    table = read_table(Path("runs/base/mosi/initial.parquet"))
    assert list(table) == ["id", "seed", "split", "w_text", "w_audio", "w_video"]
    present = base.study.inputs.present[base.study.rows["train"]].numpy()
    weights = table[["w_text", "w_audio", "w_video"]].to_numpy().reshape(2, -1, 3)
    assert ((weights > 0) == present).all()
    assert np.allclose(weights.sum(2), present.any(1))


@pytest.mark.usefixtures("written")
def test_unimodal_beside_a_used_run_means_what_that_run_lacks() -> None:
    study = using("unimodal", "moe", "modality", noise=2)
    run = run_of(replace(study, inputs=with_noise(study.inputs, 2)))
    assert list(run.results) == ["moe", "noise_1", "noise_2", "modality"]
    assert run.results["moe"].history
    weights = run.results["modality"].weights["test"]
    assert weights.shape == (2, 24, 5)
    assert np.allclose(weights.sum(2), 1, atol=1e-5)


@pytest.mark.usefixtures("written")
def test_models_under_other_switches_are_trained_again(
    base: recipes.Trained,
) -> None:
    run = run_of(replace(using("instance"), switches=frozenset({"no_balance_loss"})))
    assert list(run.results) == ["moe", "text", "audio", "video", "instance"]
    assert not same(run.results["moe"], base.results["moe"])
    run = run_of(replace(using("instance"), switches=frozenset({"sum_one"})))
    assert list(run.results) == ["moe", "instance"]


@pytest.mark.usefixtures("written")
def test_in_sample_predictions_are_used_where_the_switch_asks(
    base: recipes.Trained,
) -> None:
    study = replace(using("instance"), switches=frozenset({"in_sample_unimodal"}))
    run, plain = run_of(study), run_of(using("instance"))
    train = study.rows["train"]
    found = run.evidence.unimodal[:, train, 0]
    expected = base.results["text"].predictions["train_in_sample"]
    assert np.array_equal(found, expected)
    assert not np.array_equal(found, plain.evidence.unimodal[:, train, 0])


@pytest.mark.usefixtures("written")
def test_cross_fitted_weights_differ(base: recipes.Trained) -> None:
    run = run_of(using("instance", multimodal_train="cross_fitted"))
    plain = run_of(using("instance"))
    assert same(run.results["moe"], base.results["moe"])
    first, second = (r.results["instance"].weights["train"] for r in (run, plain))
    assert not np.array_equal(first, second)
    assert recipes.HELD_OUT not in run.results


def test_runs_of_one_cell_do_not_touch_each_other() -> None:
    studies = [
        replace(small_study(SETTINGS, trains=BASE, alpha=alpha), address=f"a/b/{alpha}")
        for alpha in (0.3, 0.7)
    ]
    both, alone = recipes.trained(studies), run_of(studies[1])
    for name, result in alone.results.items():
        assert same(result, both[1].results[name])


@pytest.mark.usefixtures("written")
@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"seeds": [0, 2]}, r"seeds \[0, 1\], but test/mosi, .* has \[0, 2\]"),
        ({"encoder": "deberta"}, r"text encoder bert, but test/mosi, .* has deberta"),
    ],
)
def test_a_used_run_of_other_settings_is_refused_before_training(
    params: Mapping[str, object], message: str
) -> None:
    study = using("instance")
    changed = study.params.model_copy(update=dict(params))
    with pytest.raises(ValueError, match=rf"base/mosi/report\.json: {message}"):
        used_results(replace(study, params=changed))


@pytest.mark.usefixtures("written")
def test_a_used_run_of_other_samples_is_refused() -> None:
    study = using("instance")
    rows = {**study.rows, "test": study.rows["test"][:-1]}
    with pytest.raises(ValueError, match=r"predictions\.parquet: split test does not"):
        used_results(replace(study, rows=rows))


@pytest.mark.usefixtures("written")
def test_a_used_run_of_another_data_set_is_refused() -> None:
    study = using("instance")
    recipe = study.recipe.model_copy(update={"dataset": "mosei"})
    with pytest.raises(ValueError, match=r"data set mosi, but .* has mosei"):
        used_results(replace(study, recipe=recipe))


def test_a_used_run_of_the_old_layout_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    place = Path("runs/base/mosi")
    place.mkdir(parents=True)
    (place / "report.json").write_text('{"cell": "moe", "dataset": "mosi"}')
    with pytest.raises(ValueError, match=r"report\.json: .*another version.*dvc repro"):
        used_results(using("instance"))


def test_in_sample_predictions_of_a_used_run_are_not_taken_for_held_out_ones(
    base: recipes.Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    leaky = frozenset({"in_sample_unimodal"})
    write_run(replace(base.study, switches=leaky), base.results, {})
    assert set(used_results(using("instance"))) == {"moe"}
    asking = replace(using("instance"), switches=leaky)
    assert set(used_results(asking)) == {"text", "audio", "video", "moe"}


@pytest.mark.usefixtures("written")
@pytest.mark.parametrize("changed", ["noise", "missing", "without"])
def test_an_unweighted_fusion_of_other_inputs_is_trained_again(changed: str) -> None:
    study = using("instance")
    if changed == "noise":
        study = replace(study, inputs=with_noise(study.inputs, 1))
    elif changed == "without":
        study = replace(study, inputs=study.inputs.only("text", "audio"))
    else:
        recipe = study.recipe.model_copy(update={"missing": "zero"})
        study = replace(study, recipe=recipe)
    found = used_results(study)
    assert "moe" not in found and "text" in found


def test_a_fusion_that_the_data_cannot_serve_is_left_out_with_its_reason() -> None:
    study = small_study(SETTINGS, trains=["late_fusion", "ithp"])
    run = run_of(study)
    assert list(run.results) == ["late_fusion"]
    assert run.left_out["ithp"].startswith("ITHP needs text in every sample; ")


def test_nothing_is_trained_without_a_modality_that_is_absent_anyway() -> None:
    study = small_study(SETTINGS, trains=["moe", "instance"], without=["smell"])
    run = run_of(study)
    assert run.results == {} and run.evidence is None
    assert run.left_out == {"moe": "the data do not have smell anyway"}


@pytest.mark.usefixtures("written")
def test_the_report_tells_what_was_trained_and_what_was_used() -> None:
    run = run_of(using("instance", "bi_level"))
    write_run(run.study, run.results, run.left_out)
    report = read_report("test/mosi")
    assert report.uses == ["base/mosi"] and report.alpha == SETTINGS.alpha
    told = {name: m.trained for name, m in report.methods.items()}
    assert told == {"moe": False, "instance": True, "bi_level": True}
    assert report.methods["instance"].fusion == "moe"
    assert set(report.methods["instance"].weight_shift) == {"text", "audio", "video"}


def test_out_of_fold_predictions_come_from_members_without_the_group(
    base: recipes.Trained,
) -> None:
    study = base.study
    for m, name in enumerate(study.inputs.names):
        predictions = base.results[name].predictions
        train, in_sample = predictions["train"], predictions["train_in_sample"]
        assert np.isfinite(train).all()
        there = study.inputs.present[study.rows["train"], m].numpy()
        assert np.array_equal(train[:, ~there], in_sample[:, ~there])
        assert (train[:, there] != in_sample[:, there]).mean() > 0.9


def test_in_sample_predictions_are_not_stacked() -> None:
    study = small_study(SETTINGS, trains=["unimodal", "stacked"])
    switched = replace(study, switches=frozenset({"in_sample_unimodal"}))
    run = run_of(switched)
    assert "stacked" not in run.results
    assert "in-sample" in run.left_out["stacked"]


def test_stacking_takes_the_out_of_fold_rows_of_every_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = small_study(SETTINGS, trains=["unimodal", "stacked"])
    run = run_of(study)
    found, names = run.results["stacked"], study.inputs.names
    y = study.samples["y"].to_numpy()
    split = study.samples["split"].to_numpy()
    for k in range(2):
        scores = np.zeros((len(y), len(names)))
        for m, name in enumerate(names):
            for part, rows in study.rows.items():
                scores[rows, m] = run.results[name].predictions[part][k]
        expected = ridge(scores, y, split)
        for part, rows in study.rows.items():
            values = found.predictions[part][k]
            np.testing.assert_array_equal(values, expected.predictions[0, rows])
        assert found.settings["strength"][k] == expected.settings["strength"]
    monkeypatch.chdir(tmp_path)
    write_run(study, run.results, run.left_out)
    told = read_report(study.address).methods["stacked"]
    assert told.trained and told.fusion == "" and told.settings == found.settings
    table = read_table(tmp_path / "runs" / study.address / "predictions.parquet")
    assert "stacked" in set(table["method"])
