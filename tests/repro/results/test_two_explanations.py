"""Weights of modalities against what was planted: controls score as they must."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from repro import files, paths
from repro.metrics.bootstrap import resampled
from repro.results.runs import Predictions
from repro.results.two_explanations import (
    PlantedParts,
    area_statistics,
    largest_posterior,
    likeness,
    planted_parts,
)

NAMES = ("text", "audio")
ROWS, SEEDS = 400, 2


def made() -> PlantedParts:
    draw = np.random.default_rng(0)
    return PlantedParts(
        modalities=NAMES,
        ids=np.array([f"row{k}" for k in range(ROWS)], dtype=object),
        group=np.array([f"g{k // 4}" for k in range(ROWS)], dtype=object),
        present=draw.random((ROWS, 2)) > 0.05,
        reliable=draw.random((ROWS, 2)) > 0.3,
        parts=np.abs(draw.standard_normal((ROWS, 4))),
    )


def areas(weights: np.ndarray, rows: PlantedParts) -> dict[str, np.ndarray]:
    given = np.broadcast_to(weights, (SEEDS, *weights.shape[-2:]))
    drawn = resampled(area_statistics(given, rows), 100, resamples=5)
    return {name: value.found for name, value in drawn.items()}


def test_oracle_uniform_and_shuffled_weights_score_as_they_must() -> None:
    rows, draw = made(), np.random.default_rng(1)
    oracle = areas(rows.reliable.astype(float), rows)
    assert oracle["text_reliability"].tolist() == [1.0] * SEEDS
    assert abs(oracle["text_largest"][0] - 0.5) < 0.1
    largest = areas(rows.largest.astype(float), rows)
    assert largest["audio_largest"].tolist() == [1.0] * SEEDS
    uniform = areas(np.full((ROWS, 2), 0.5), rows)
    assert set(np.concatenate(list(uniform.values()))) == {0.5}
    shuffled = areas(rows.reliable[draw.permutation(ROWS)].astype(float), rows)
    assert all(abs(value[0] - 0.5) < 0.08 for value in shuffled.values())


def test_only_rows_that_have_a_modality_count() -> None:
    rows, draw = made(), np.random.default_rng(2)
    weights = draw.random((ROWS, 2))
    found = areas(weights, rows)
    for m, name in enumerate(NAMES):
        here = rows.present[:, m]
        known = roc_auc_score(rows.reliable[here, m], weights[here, m])
        assert found[f"{name}_reliability"][0] == pytest.approx(known)


def test_likeness_is_spearman_and_undefined_for_equal_weights() -> None:
    rows, draw = made(), np.random.default_rng(3)
    one, other = draw.random((2, SEEDS, ROWS, 2))
    here = rows.present[:, 1]
    known = spearmanr(one[1, here, 1], other[1, here, 1]).statistic
    assert likeness(one, other, rows)["audio"][1] == pytest.approx(known)
    assert np.isnan(likeness(np.ones_like(one), other, rows)["text"]).all()


def test_the_largest_part_is_that_of_the_whole_label(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    truth = pd.DataFrame(
        {
            "id": ["a", "b", "c"],
            "unique_text": [-3.0, 0.1, 1.0],
            "unique_audio": [1.0, 0.2, 2.0],
            "synergy": [0.5, -0.9, 0.0],
            "shared": [2.0, 0.3, 0.0],
        }
    )
    for name in NAMES:
        truth = truth.assign(**{f"present_{name}": True, f"reliable_{name}": True})
    files.write_table(paths.simulated_truth("mosi"), truth)
    rows = Predictions(
        method="m",
        seeds=np.array([0]),
        id=np.array(["c", "a", "b"], dtype=object),
        group=np.array(["g", "h", "i"], dtype=object),
        y=np.zeros(3),
        prediction=np.zeros((1, 3)),
    )
    found = planted_parts("mosi", NAMES, rows)
    assert found.largest.tolist() == [[False, True], [True, False], [False, False]]
    truth[1:].to_parquet(paths.simulated_truth("mosi"))
    with pytest.raises(ValueError, match="holds nothing of a; simulate"):
        planted_parts("mosi", NAMES, rows)


def test_the_chance_of_the_largest_part_is_read_in_the_order_of_the_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = made()
    table = pd.DataFrame({"id": rows.ids[::-1], "largest_text": np.arange(ROWS) / ROWS})
    table["largest_audio"] = 1 - table["largest_text"]
    place = paths.run("ceilings/mosi") / "truth.parquet"
    files.write_table(place, table)
    found = largest_posterior("mosi", rows)
    assert found[0].tolist() == [1 - 1 / ROWS, pytest.approx(1 / ROWS)]
    files.write_table(place, table[1:])
    with pytest.raises(ValueError, match=f"holds nothing of row{ROWS - 1}; make"):
        largest_posterior("mosi", rows)
