"""How far experts move when a modality is masked."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from repro.cells import recipes
from repro.cells.probing import DROPOUT, PROBED, distances, floor
from repro.models.batch import gather
from repro.models.fusions.interface import EXPERT_LOGITS
from repro.params.cells import Recipe
from repro.training.fitting import fit
from tests.repro.cells.test_experts import FUSION, NAMES, TASKS, study_of, written


@pytest.mark.parametrize(("classes", "labels"), TASKS.values(), ids=TASKS)
def test_a_probe_tells_how_far_every_expert_moves(
    classes: int, labels: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    study = study_of(classes, labels=labels, probe=2, variant="less_forward")
    written(study, monkeypatch, tmp_path)
    table = pd.read_parquet(tmp_path / "probe.parquet")
    keys = ["seed", "expert", "modality", "id", "mask"]
    assert list(table) == [*keys, "distance", "method"]
    rows = len(study.rows["test"])
    assert len(table) == 2 * len(NAMES) * rows * (3 * len(PROBED) + 1)
    assert not table.duplicated(keys).any()
    masked = table[table["mask"] != DROPOUT]
    m = study.inputs.present.numpy()[study.rows["test"]]
    assert masked["distance"].isna().mean() == pytest.approx(1 - m.mean())
    moved = table.groupby(["mask", "expert", "modality"])["distance"].mean()
    assert (moved > 0).all()
    assert set(table.loc[table["mask"] == DROPOUT, "modality"]) == {"none"}


def test_a_model_as_it_was_drawn_is_probed_without_means(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    study = study_of(3, probe=1)
    recipe = study.recipe.model_copy(update={"times_epochs": 0})
    study = replace(study, recipe=recipe)
    run = written(study, monkeypatch, tmp_path)
    assert not (tmp_path / "history.parquet").exists()
    table = pd.read_parquet(tmp_path / "probe.parquet")
    assert set(table["mask"]) == {*PROBED, DROPOUT} - {"mean"}
    experts = pd.read_parquet(tmp_path / "experts.parquet")
    spread = experts.groupby(["seed", "split", "id"])["logit_0"].agg(np.ptp)
    assert (spread < 1e-6).all()  # copies of one draw
    again = recipes.trained([study])[0].results[FUSION].predictions["test"]
    assert np.array_equal(run.results[FUSION].predictions["test"], again)
    with pytest.raises(ValueError, match="times_epochs=0 with trains"):
        Recipe(dataset="mosi", fusion=FUSION, trains=["bi_level"], times_epochs=0)


@pytest.mark.parametrize(("classes", "labels"), TASKS.values(), ids=TASKS)
def test_a_distance_is_the_change_of_the_output(classes: int, labels: int) -> None:
    study = study_of(classes, labels=labels, probe=1)
    outcome = fit(
        study.inputs,
        study.rows,
        study.members(folds=False),
        study.architecture(FUSION),
        study.settings(FUSION, FUSION),
    )
    found = np.nanmean(distances(study, outcome.model, "zero", 0), axis=3)
    index = torch.from_numpy(study.rows["test"]).expand(2, -1)
    given = outcome.model.fusion_input(gather(study.inputs, index))
    anchor = outcome.model.fusion(given).gates[EXPERT_LOGITS]
    silent = given.tokens.clone()
    silent[:, 1] = 0.0
    moved = outcome.model.fusion(replace(given, tokens=silent)).gates[EXPERT_LOGITS]
    for s in range(2):
        here = given.mask[s, 1].any(1)
        change = (moved - anchor)[s, here].detach()
        if classes:  # what all of them share chooses none
            change = change - change.mean(2, keepdim=True)
        change = change.square().sum(2).sqrt().mean(0)
        assert np.allclose(found[s, :, 1], change.numpy(), atol=1e-6)


def test_the_floor_is_what_dropout_alone_moves() -> None:
    still = study_of(probe=1)
    still.params.models("mosi").fusions[FUSION]["dropout"] = 0.0
    for study, is_still in ((still, True), (study_of(probe=1), False)):
        outcome = fit(
            study.inputs,
            study.rows,
            study.members(folds=False),
            study.architecture(FUSION),
            study.settings(FUSION, FUSION),
        )
        assert (floor(study, outcome.model, 0).max() == 0.0) == is_still
