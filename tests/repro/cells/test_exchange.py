"""Exchanged modalities: whole instances of one split, all else as it was."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from pydantic import ValidationError

from repro import paths
from repro.cells.applying import applies
from repro.cells.exchange import exchanged
from repro.cells.planted import given_weights, unplanted
from repro.cells.refusal import refuse_impossible
from repro.cells.study import study_of
from repro.features.reading import Features
from repro.files import write_table
from repro.models.batch import Inputs, gather, unpadded
from repro.params import Params
from repro.params.cells import Recipe
from tests.repro.small_study import small_study, with_file_sets

ROWS = {
    "train": np.arange(600),
    "valid": np.arange(600, 700),
    "test": np.arange(700, 990),
}
SAMPLES = 1000  # ten are in no split


def made() -> Inputs:
    """Two modalities of one to four rows, each of which tells its sample, and gaps."""
    draw = torch.Generator().manual_seed(0)
    lengths = torch.randint(1, 5, (SAMPLES, 2), generator=draw)
    present = torch.rand((SAMPLES, 2), generator=draw) > 0.2
    lengths = lengths * present
    padded = torch.arange(SAMPLES).view(-1, 1, 1).expand(-1, 4, 1).float() + 1
    values = tuple(unpadded(padded, lengths[:, m]) for m in range(2))
    return Inputs(
        names=("text", "audio"),
        values=values,
        lengths=lengths,
        present=present,
        y=torch.arange(SAMPLES).float(),
        times=(None, values[1].values[:, 0] / 7),
        hourly=(None, padded[:, :2] * present[:, 1].view(-1, 1, 1)),
    )


def shown(inputs: Inputs) -> np.ndarray:
    """The sample that every modality is of, -1 where it is absent."""
    batch = gather(inputs, torch.arange(SAMPLES)[None])
    first = torch.stack([values[0, :, 0, 0] for values in batch.values], 1)
    return np.where(inputs.present.numpy(), first.numpy() - 1, -1).astype(int)


def test_whole_instances_move_within_their_split_and_are_told() -> None:
    inputs = made()
    found, foreign = exchanged(inputs, 0.3, ROWS)
    source, own = shown(found), np.arange(SAMPLES)
    here = inputs.present.numpy()
    assert np.array_equal(foreign, here & (source != own[:, None]))
    for rows in ROWS.values():
        for m in range(2):
            kept = rows[here[rows, m]]
            assert sorted(source[kept, m]) == kept.tolist()
    used = np.concatenate(list(ROWS.values()))
    assert not foreign[990:].any()
    assert foreign[used].sum() / here[used].sum() == pytest.approx(0.3, abs=0.04)
    both = foreign[used].all(1).mean() / (here[used].all(1).mean() * 0.09)
    assert both == pytest.approx(1, abs=0.5)  # each modality is drawn by itself
    assert torch.equal(found.present, inputs.present)
    assert torch.equal(found.y, inputs.y)


def test_lengths_times_and_grids_go_with_their_instance() -> None:
    inputs = made()
    found, foreign = exchanged(inputs, 0.5, ROWS)
    source = torch.from_numpy(np.where(foreign, shown(found), np.arange(1000)[:, None]))
    after = gather(found, torch.arange(SAMPLES)[None])
    before = gather(inputs, source[:, 1][None])
    assert torch.equal(found.lengths[:, 1], inputs.lengths[source[:, 1], 1])
    assert torch.equal(after.values[1], before.values[1])
    assert torch.equal(after.times[1], before.times[1])
    assert torch.equal(after.hourly[1], before.hourly[1])
    assert after.times[0] is None and after.hourly[0] is None
    assert not found.values[0].values[-1].any()  # what padding reads


def test_it_is_the_same_every_time_and_nothing_at_zero() -> None:
    inputs = made()
    one, other = (exchanged(inputs, 0.4, ROWS)[1] for _ in range(2))
    assert np.array_equal(one, other)
    same, none = exchanged(inputs, 0.0, ROWS)
    assert not none.any() and np.array_equal(shown(same), shown(inputs))


def test_the_oracle_leaves_out_what_is_exchanged_in_any_data() -> None:
    study = small_study()
    inputs, foreign = exchanged(study.inputs, 0.5, study.rows)
    real = with_file_sets(study.params, source="mmsa", path="data/raw/mine.pkl")
    made = replace(study, inputs=inputs, exchanged=foreign, params=real)
    assert unplanted(made, "oracle") is None
    assert "no law" in str(unplanted(made, "posterior"))
    found = given_weights(made, "oracle")
    assert np.array_equal(found, inputs.present.numpy() & ~foreign)
    recipe = made.recipe.model_copy(update={"exchanged": 0.5})
    assert not applies(replace(made, recipe=recipe))


def test_a_recipe_exchanges_and_planted_noise_stays_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    study = small_study()
    truth = pd.DataFrame({"id": study.samples["id"]})
    for name in study.inputs.names:
        truth[f"reliable_{name}"] = name != "video"
    write_table(paths.simulated_truth("mosi"), truth)
    recipe = study.recipe.model_copy(update={"exchanged": 0.5})
    meta = study.meta | {"task": "regression", "classes": 0}
    data = Features(study.samples, {}, meta)
    made = study_of(study.params, "test/mosi", recipe, "mosi", data, study.inputs)
    assert made.exchanged is not None and made.exchanged.any(0).all()
    assert not torch.equal(made.inputs.values[0].values, study.inputs.values[0].values)
    wanted = study.inputs.present.numpy() & ~made.exchanged & [True, True, False]
    assert np.array_equal(given_weights(made, "oracle"), wanted)


def test_what_is_exchanged_does_not_depend_on_other_modalities() -> None:
    inputs = made()
    _, both = exchanged(inputs, 0.4, ROWS)
    _, alone = exchanged(inputs.only("audio"), 0.4, ROWS)
    assert np.array_equal(both[:, 1], alone[:, 0])


def test_a_run_of_true_data_uses_no_exchanged_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    study = small_study()
    foreign = Recipe(dataset="mosi", trains=["unimodal", "moe"], exchanged=0.3)
    own = Recipe(dataset="mosi", trains=["bi_level"], uses=["noise/mosi/exchanged"])
    monkeypatch.setattr(Params, "recipes", {"noise/mosi/exchanged": foreign})
    with pytest.raises(ValueError, match=r"uses: noise/mosi/exchanged saw other data"):
        refuse_impossible(study.params, "btw/mosi", own)


def test_models_of_other_data_are_refused() -> None:
    with pytest.raises(ValidationError, match="those runs saw other data"):
        Recipe(dataset="mosi", trains=["moe"], uses=["base/mosi"], exchanged=0.3)
    with pytest.raises(ValidationError, match="exchanged"):
        Recipe(dataset="mosi", trains=["moe"], exchanged=1.5)
    with pytest.raises(ValidationError, match=r"0\.304: .* write hundredths"):
        Recipe(dataset="mosi", trains=["moe"], exchanged=0.304)
    with pytest.raises(ValidationError, match="one of them in a row"):
        Recipe(dataset="mosi", trains=["moe"], exchanged=0.3, noise=1)
