"""Probes of made experts: one reads what a modality says, the others detect noise."""

import numpy as np
import pandas as pd
import pytest

import btw
from repro.metrics.bootstrap import resampled
from repro.results.explanations import Explanation, PlantedRows
from repro.results.probes import (
    leaning_statistics,
    own_statistics,
    probe_of,
    removal_statistic,
    sensitivity,
    survival_statistics,
)

EXPERTS = ("unique_m1", "unique_m2", "synergy", "redundancy")
ROWS, SEEDS = 300, 3


def planted() -> PlantedRows:
    draw = np.random.default_rng(0)
    return PlantedRows(
        dataset="planted_uniform",
        ids=np.array([f"row{k}" for k in range(ROWS)], dtype=object),
        y=draw.integers(3, size=ROWS),
        mechanism=draw.integers(4, size=ROWS),
        experts=EXPERTS,
        shares=np.full(4, 0.25),
        classes=3,
    )


def recorded(rows: PlantedRows) -> pd.DataFrame:
    """Expert 0 reads the code of m1, the others only see whether a vector is noise."""
    draw = np.random.default_rng(1)
    codes, noisy = draw.integers(3, size=(2, ROWS)), draw.standard_normal((2, ROWS, 3))
    lines = []
    for seed in range(SEEDS):
        other = codes[:, draw.permutation(ROWS)]
        for mask in ("random", "shuffled", "dropout"):
            for e, expert in enumerate(EXPERTS):
                for m, name in enumerate(("m1", "m2") if mask != "dropout" else ("-",)):
                    moved = np.full(ROWS, 0.01)  # of dropout
                    if mask == "random":
                        moved = np.abs(noisy[m]).sum(1) if e or m == 0 else 0 * moved
                    if mask == "shuffled":
                        reads = e == 0 and m == 0
                        moved = np.sqrt(2) * (codes[m] != other[m]) * reads
                    keys = {"seed": seed, "mask": mask, "expert": expert}
                    table = pd.DataFrame({**keys, "modality": name, "id": rows.ids})
                    lines.append(table.assign(distance=moved))
    table = pd.concat(lines, ignore_index=True)
    order = np.random.default_rng(9).permutation(len(table))
    return table.iloc[order].reset_index(drop=True)


def test_an_expert_that_reads_survives_and_a_detector_does_not() -> None:
    rows = planted()
    probe = probe_of(recorded(rows), rows)
    groups, some = len(rows.ids), 20
    survival = resampled(survival_statistics(probe, rows), groups, resamples=some)
    noise, others = probe.distance["random"], probe.distance["shuffled"]
    for e, name in enumerate(EXPERTS):
        known = btw.surviving_share(noise[0].mean(axis=2), others[0].mean(axis=2))
        assert survival[name].found[0] == pytest.approx(known[e])
    assert survival["unique_m1"].found.min() > 0.3
    assert survival["synergy"].found.max() == 0.0
    own = resampled(own_statistics(probe, rows), groups, resamples=some)
    assert own["unique_m1"].found.min() > 0.3  # the positive control
    assert own["unique_m2"].found.max() == 0.0
    leaning = resampled(leaning_statistics(probe, rows), groups, resamples=some)
    assert leaning["unique_m1"].found.tolist() == [1.0] * SEEDS
    assert np.isnan(leaning["unique_m2"].found).all()  # moves nowhere
    assert sensitivity(probe, "dropout") == pytest.approx(0.01)


def test_a_lost_row_is_told() -> None:
    rows = planted()
    with pytest.raises(ValueError, match=r"probe\.parquet has \d+ of \d+ rows of mask"):
        probe_of(recorded(rows)[1:], rows)


def test_removal_is_the_effect_of_deletion() -> None:
    rows, draw = planted(), np.random.default_rng(3)
    raw = draw.random((SEEDS, ROWS, 4)) + 2 * np.eye(4)[rows.mechanism]
    weights = raw / raw.sum(axis=-1, keepdims=True)
    logits = draw.standard_normal((SEEDS, ROWS, 4, 3))
    at = np.arange(ROWS)
    logits[:, at, rows.mechanism, rows.y] += 4
    of = Explanation(weights, np.ones((SEEDS, ROWS), dtype=bool), logits)
    found = removal_statistic(of, rows)(np.ones((1, ROWS), dtype=np.int64))[0]
    pairs = zip(logits, weights, strict=True)
    expected = [100 * btw.deletion(*pair, rows.y).effect for pair in pairs]
    assert found == pytest.approx(expected)
    assert found.min() > 5
    with pytest.raises(ValueError, match="no experts to remove"):
        removal_statistic(Explanation(weights, of.right), rows)
