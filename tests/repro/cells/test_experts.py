"""A cell with interaction experts: what it trains, writes, refuses and tells."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from repro import paths
from repro.cells import recipes
from repro.cells.evidence import serves
from repro.cells.experts import refuse_unlearnable, separation_note, separation_notes
from repro.cells.refusal import refuse_impossible
from repro.cells.study import Study
from repro.cells.writing import report, write_run
from repro.params.cells import Recipe
from repro.params.interactions import VARIANTS, Interaction, Reweighting, Variant
from repro.records import decoded
from tests.repro.small_study import small_params, small_study

FUSION = "concat_transformer"
SMALL = Reweighting(hidden=4, dropout=0.0)
NAMES = ["unique_text", "unique_audio", "unique_video", "synergy", "redundancy"]


TASKS = {"a score": (0, 0), "classes": (3, 0), "labels": (0, 4)}


def study_of(classes: int = 0, *trains: str, labels: int = 0, **settings: Any) -> Study:
    return small_study(
        small_params((0, 3)),
        classes=classes,
        labels=labels,
        fusion=FUSION,
        trains=[FUSION, *trains],
        interaction=Interaction(reweighting=SMALL, **settings),
    )


def written(study: Study, monkeypatch: pytest.MonkeyPatch, place: Path) -> Any:
    """The trained run, and its tables."""
    (run,) = recipes.trained([study])
    monkeypatch.setattr(paths, "run", lambda address: place)
    write_run(study, run.results, run.left_out)
    return run


@pytest.mark.parametrize(("classes", "labels"), TASKS.values(), ids=TASKS)
def test_a_run_keeps_every_expert_of_every_instance(
    classes: int, labels: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    study = study_of(classes, labels=labels, mask="mean")
    run = written(study, monkeypatch, tmp_path)
    table = pd.read_parquet(tmp_path / "experts.parquet")
    logits = [f"logit_{k}" for k in range(max(classes, labels, 1))]
    columns = ["method", "seed", "split", "id", "expert", "weight", *logits]
    assert list(table) == [*columns, "share", "left_out"]
    keys = ["method", "seed", "split", "id"]
    assert len(table) == 2 * (24 + 24) * len(NAMES)
    groups = table.groupby(keys, sort=False)
    assert groups["expert"].agg(list).map(lambda own: own == NAMES).all()
    assert np.allclose(groups["weight"].sum(), 1.0)
    assert np.allclose(groups["share"].sum(), 1.0)
    mixed = (
        table[logits]
        .mul(table["weight"], axis=0)
        .groupby([table[k] for k in keys], sort=False)
        .sum()
    )
    predictions = pd.read_parquet(tmp_path / "predictions.parquet")
    wanted = predictions.set_index(keys).loc[mixed.index]
    found = mixed.to_numpy()
    if classes:
        found = np.exp(found) / np.exp(found).sum(1, keepdims=True)
    if labels:
        found = 1 / (1 + np.exp(-found))
    columns = [c for c in wanted if c.startswith("p")]
    assert np.allclose(found, wanted[columns].to_numpy(), atol=1e-6)
    history = pd.read_parquet(tmp_path / "history.parquet")
    assert np.isfinite(history["interaction_loss"]).all()
    stored = run.results[FUSION].checkpoint["buffers.fusion.moments.mean"]
    assert stored.shape[:2] == (2, 3)


def test_the_effect_of_an_expert_is_what_the_row_loses_over_its_labels(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    study = study_of(labels=4)
    written(study, monkeypatch, tmp_path)
    table = pd.read_parquet(tmp_path / "experts.parquet")
    true = decoded(study.samples["y"].to_numpy(), 4)
    place = {name: k for k, name in enumerate(study.samples["id"])}
    logits = [f"logit_{k}" for k in range(4)]

    def loss(outputs: np.ndarray, row: int) -> float:
        p = 1 / (1 + np.exp(-outputs))
        return float(-np.log(np.where(true[row], p, 1 - p)).mean())

    for keys, own in list(table.groupby(["seed", "id"]))[::7]:
        weights, said = own["weight"].to_numpy(), own[logits].to_numpy()
        row = place[keys[1]]
        whole = loss(weights @ said, row)
        for e in range(len(NAMES)):
            left = np.delete(weights, e) / np.delete(weights, e).sum()
            without = loss(left @ np.delete(said, e, 0), row)
            assert own["left_out"].iloc[e] == pytest.approx(without - whole, abs=1e-6)


@pytest.mark.parametrize("labels", [0, 4])
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_is_trained_at_the_same_sizes(
    variant: Variant, labels: int
) -> None:
    expert = "unique_audio" if variant == "trained_alone" else None
    study = study_of(labels=labels, variant=variant, expert=expert)
    (run,) = recipes.trained([study])
    result, experts = run.results[FUSION], run.results[FUSION].records["test"]
    kept = {"trained_alone": 1, "synergy_redundancy": 2}.get(variant, len(NAMES))
    assert experts["expert_weights"].shape == (2, 24, kept)
    assert ("interaction_loss" in result.history[0]) != (variant == "no_interaction")
    one, full = report(study, run.results, {}), report(study_of(), {}, {})
    assert one.setup == full.setup
    assert len(experts["expert_logits"][0, 0, 0]) == max(labels, 1)
    assert one.methods[FUSION].settings == study.params.models("mosi").fusions[FUSION]
    assert one.interaction is not None
    assert full.interaction is not None
    differ = {k for k, v in one.interaction.items() if full.interaction[k] != v}
    assert differ <= {"variant", "expert"}


def test_a_run_without_experts_writes_what_it_always_did(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    study = small_study(small_params((0,)), fusion="moe", trains=["moe"])
    run = written(study, monkeypatch, tmp_path)
    assert not (tmp_path / "experts.parquet").exists()
    history = pd.read_parquet(tmp_path / "history.parquet")
    known = ["method", "seed", "fold", "epoch", "train_loss", "valid_error"]
    assert list(history) == known
    assert "interaction" not in (tmp_path / "report.json").read_text()
    assert not any(n.startswith("buffers") for n in run.results["moe"].checkpoint)


def test_weights_of_instances_act_inside_experts() -> None:
    study = study_of(0, "unimodal", "instance", "uniform")
    (run,) = recipes.trained([study])
    for name in (FUSION, "instance", "uniform"):
        assert set(run.results[name].records) == {"valid", "test"}
    assert run.results["text"].records == {}  # a modality alone has no interactions
    one, other = (run.results[n].records["test"] for n in (FUSION, "instance"))
    assert not np.allclose(one["expert_logits"], other["expert_logits"])


def test_an_unwrapped_run_serves_no_fusion_to_a_wrapped_one() -> None:
    study = study_of()
    own = report(study, {}, {})
    bare = report(
        replace(study, recipe=Recipe(dataset="mosi", trains=[FUSION])), {}, {}
    )
    assert own.interaction is not None
    assert serves(study, FUSION, own)
    assert not serves(study, FUSION, bare)
    assert serves(study, "text", bare)


def test_the_variance_is_that_of_train_labels_alone() -> None:
    study = study_of()
    y = study.samples["y"].to_numpy()[study.rows["train"]]
    assert study.architecture(FUSION).variance == pytest.approx(y.var(), rel=1e-6)
    assert study_of(3).architecture(FUSION).variance == 1.0
    changed = study.inputs.y.clone()
    changed[study.rows["test"]] += 9
    inputs = replace(study.inputs, y=changed)
    later = replace(study, inputs=inputs).architecture(FUSION)
    assert later.variance == study.architecture(FUSION).variance


@pytest.mark.parametrize("fusion", ["mmim", "ithp"])
def test_fusions_without_experts_are_refused_in_params(fusion: str) -> None:
    recipe = Recipe(dataset="mosi", trains=[fusion], interaction=Interaction())
    with pytest.raises(
        ValueError, match=rf"interaction: fusion {fusion} .*use another"
    ):
        refuse_impossible(small_params(), "fusions/mosi", recipe)
    latent = Interaction(variant="latent_contrastive")
    recipe = Recipe(dataset="mosi", trains=["early_fusion"], interaction=latent)
    with pytest.raises(ValueError, match="no parameters ahead of its fused vector"):
        refuse_impossible(small_params(), "fusions/mosi", recipe)


def test_a_modality_absent_everywhere_and_an_unknown_expert_are_refused() -> None:
    study = study_of()
    train = study.rows["train"]
    present = study.inputs.present.clone()
    present[torch.from_numpy(train), 1] = False
    inputs = replace(study.inputs, present=present)
    with pytest.raises(
        ValueError, match=r"no train sample has audio.*without: \[audio\]"
    ):
        refuse_unlearnable("i2moe/mosi", study.recipe, inputs, train)
    odd = study_of(variant="trained_alone", expert="unique_txt").recipe
    with pytest.raises(ValueError, match=r"interaction\.expert: .*'unique_text'"):
        refuse_unlearnable("i2moe/mosi", odd, study.inputs, train)
    refuse_unlearnable("i2moe/mosi", study.recipe, study.inputs, train)


def test_experts_that_nothing_moves_apart_are_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    still, moving = {"heads": 2, "dropout": 0.0}, {"heads": 2, "dropout": 0.1}
    off = Interaction(strength=0.0)
    assert "but for their weights" in separation_note(FUSION, still, off)
    simple = Interaction(strength=0.0, variant="simple_weight")
    assert "are one model: they start" in separation_note(FUSION, still, simple)
    assert separation_note(FUSION, moving, off) == ""
    assert separation_note(FUSION, still, Interaction()) == ""
    apart = off.model_copy(update={"initial": "independent"})
    assert separation_note(FUSION, still, apart) == ""
    assert separation_note("moe", {"head_dropout": 0.0}, off) == ""  # router noise
    params = small_params()
    params.models("mosi").fusions[FUSION]["dropout"] = 0.0
    recipe = Recipe(dataset="mosi", trains=[FUSION], interaction=off)
    with caplog.at_level(logging.WARNING):
        assert len(separation_notes(params, recipe)) == 1
    assert "are one model" in caplog.text
