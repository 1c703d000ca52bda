from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from repro import files, params, paths
from repro.results import explanations
from repro.results.explanations import Explanation, PlantedRows

ROOT = Path(__file__).parents[3]
PARAMETERS = params.load(ROOT / "params.yaml")
EXPERTS = ("unique_m1", "unique_m2", "synergy", "redundancy")
ROWS, SEEDS = 600, 3


def planted(seed: int = 0) -> PlantedRows:
    generator = np.random.default_rng(seed)
    return PlantedRows(
        dataset="planted_uniform",
        ids=np.array([f"row{k}" for k in range(ROWS)], dtype=object),
        y=generator.integers(3, size=ROWS),
        mechanism=generator.integers(4, size=ROWS),
        experts=EXPERTS,
        shares=np.full(4, 0.25),
        classes=3,
    )


def recorded(
    rows: PlantedRows, weights: np.ndarray, logits: np.ndarray
) -> pd.DataFrame:
    """As a run writes it, in an order of its own, with rows of another split."""
    lines = []
    for seed in range(len(weights)):
        for k, name in enumerate([*rows.ids, "of_valid"]):
            for e, expert in enumerate(EXPERTS):
                own = min(k, len(rows.ids) - 1)
                values = logits[seed, own, e]
                numbers = {f"logit_{c}": v for c, v in enumerate(values)}
                split = "valid" if name == "of_valid" else "test"
                head = {"seed": seed, "split": split, "id": name, "expert": expert}
                lines.append({**head, "weight": weights[seed, own, e], **numbers})
    table = pd.DataFrame(lines)
    order = np.random.default_rng(9).permutation(len(table))
    return table.iloc[order].reset_index(drop=True)


def oracle(rows: PlantedRows, able: tuple[int, ...] = (0, 1, 2, 3)) -> Explanation:
    """Every expert is right in its rows if it is able, and weighs all there."""
    generator = np.random.default_rng(5)
    logits = 0.01 * generator.standard_normal((SEEDS, ROWS, 4, 3))
    for kind in able:
        chosen = np.flatnonzero(rows.mechanism == kind)
        logits[:, chosen, kind, rows.y[chosen]] += 3.0
    weights = np.broadcast_to(np.eye(4)[rows.mechanism], (SEEDS, ROWS, 4)).copy()
    right = np.einsum("sne,snec->snc", weights, logits).argmax(-1) == rows.y
    return Explanation(weights, right, logits)


def test_a_record_comes_back_in_the_order_of_the_rows():
    rows = planted()
    small = replace(
        rows, ids=rows.ids[:20], y=rows.y[:20], mechanism=rows.mechanism[:20]
    )
    generator = np.random.default_rng(1)
    weights = generator.dirichlet(np.ones(4), (2, 20))
    logits = generator.standard_normal((2, 20, 4, 3))
    table = recorded(small, weights, logits)
    found = explanations.explanation_of(table, small, EXPERTS)
    assert found.logits is not None
    assert (found.scores == weights).all() and (found.logits == logits).all()
    mixed = np.einsum("sne,snec->snc", weights, logits)
    assert (found.right == (mixed.argmax(-1) == small.y)).all()
    with pytest.raises(ValueError, match="159 of 160 rows"):
        lost = table[table["split"] == "test"].iloc[1:]
        explanations.explanation_of(lost, small, EXPERTS)
    with pytest.raises(ValueError, match="3 experts"):
        explanations.explanation_of(table, small, EXPERTS[:3])


def test_an_oracle_is_perfect_in_everything():
    rows = planted()
    found = oracle(rows)
    assert explanations.learned(found, rows).all()
    scores = explanations.local_scores(found, rows)
    for metric in ("told", "top_one", "told_contribution", "told_effect"):
        assert scores[metric].tolist() == pytest.approx([1.0] * SEEDS), metric
    assert scores["total_variation"].max() < 0.05
    assert scores["named"].min() > 0.5
    assert scores["gap"].tolist() == pytest.approx([0.0] * SEEDS)
    assert scores["deletion"].min() > 0.4
    assert explanations.agreement(found) == pytest.approx(1.0)


def test_wrong_names_are_a_gap():
    rows = planted()
    found = oracle(rows)
    assert found.logits is not None
    swapped = replace(
        found,
        scores=found.scores[..., [1, 0, 3, 2]],
        logits=found.logits[:, :, [1, 0, 3, 2]],
    )
    scores = explanations.local_scores(swapped, rows)
    assert scores["told"].max() < 0.5 and scores["top_one"].max() == 0.0
    assert scores["gap"].min() > 0.5
    assert scores["relabelled"].min() > 0.5


def test_equal_weights_are_chance():
    rows = planted()
    equal = explanations.equal_weights(oracle(rows))
    scores = explanations.local_scores(equal, rows)
    assert scores["told"].tolist() == [0.5] * SEEDS
    assert scores["top_one"].tolist() == pytest.approx([0.25] * SEEDS)
    assert np.isnan(explanations.agreement(equal))


def test_what_is_not_learned_is_not_scored():
    rows = planted()
    found = oracle(rows, able=(0, 1, 3))
    assert explanations.learned(found, rows).tolist() == [True, True, False, True]
    kinds = explanations.learned(found, rows)
    areas = explanations.areas(found.scores, rows, kinds)
    assert np.isnan(areas[:, 2]).all() and not np.isnan(areas[:, [0, 1, 3]]).any()
    assert explanations.local_scores(found, rows)["told"].tolist() == [1.0] * SEEDS
    nothing = oracle(rows, able=())
    assert not explanations.learned(nothing, rows).any()
    scores = explanations.local_scores(nothing, rows)
    assert np.isnan(scores["told"]).all() and np.isnan(scores["top_one"]).all()


def test_the_gate_is_ten_points_above_chance():
    rows = planted()
    right = np.zeros((1, ROWS), bool)
    for kind, share in enumerate((0.42, 0.45, 1.0, 0.0)):
        chosen = np.flatnonzero(rows.mechanism == kind)
        right[0, chosen[: round(share * len(chosen))]] = True
    found = Explanation(np.full((1, ROWS, 4), 0.25), right)
    assert explanations.learned(found, rows).tolist() == [False, True, True, False]


def test_mechanisms_without_an_expert_are_rest():
    rows = planted()
    beyond = replace(rows, mechanism=np.where(rows.mechanism == 3, 4, rows.mechanism))
    kinds = np.array([True, True, True, True])
    found = explanations.areas(oracle(rows).scores, beyond, kinds)
    assert np.isnan(found[:, 3]).all() and (found[:, :3] == 1).all()


def test_weights_that_follow_the_shares_over_mixes():
    mixes = {}
    for number, main in enumerate(("none", *EXPERTS)):
        shares = np.array([0.55 if name == main else 0.15 for name in EXPERTS])
        shares = shares if main != "none" else np.full(4, 0.25)
        rows = replace(planted(number), shares=shares)
        scores = np.broadcast_to(shares, (SEEDS, ROWS, 4)).copy()
        scores[1] = scores[1, :, ::-1]
        mixes[main] = (replace(oracle(rows), scores=scores), rows)
    found = explanations.mix_correlations(mixes)
    assert found[0].tolist() == pytest.approx([1.0] * 4)
    assert (found[1] < 1).all()
    with pytest.raises(ValueError, match="at least three"):
        explanations.mix_correlations(dict(list(mixes.items())[:2]))


def test_the_rule_of_disagreement_needs_no_experts():
    rows = planted()
    sure = np.eye(3)[rows.y]
    other = np.eye(3)[(rows.y + 1) % 3]
    own = np.stack([sure, other], axis=1)
    own[rows.mechanism == 1] = own[rows.mechanism == 1][:, ::-1]
    own[rows.mechanism == 2] = other[rows.mechanism == 2][:, None]
    own[rows.mechanism == 3] = sure[rows.mechanism == 3][:, None]
    found = explanations.rule_of_disagreement(own[None], sure[None], rows)
    scores = explanations.local_scores(found, rows)
    assert set(scores) == {"told", "top_one"}
    assert scores["told"].tolist() == [1.0] and scores["top_one"].tolist() == [1.0]


def test_rows_are_read_from_the_truth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    truth = pd.DataFrame(
        {
            "id": ["a", "b", "c"],
            "split": ["test", "train", "test"],
            "y": [1, 0, 1],
            "mechanism": ["redundancy_m1_m2", "synergy", "unique_m3"],
        }
    )
    files.write_table(paths.simulated_truth("planted_three"), truth)
    rows = explanations.planted_rows(PARAMETERS, "planted_three")
    assert rows.ids.tolist() == ["a", "c"] and rows.y.tolist() == [1, 1]
    assert rows.mechanism.tolist() == [6, 2]  # the first beyond the five experts
    assert rows.experts[2:4] == ("unique_m3", "synergy")
    assert rows.shares.tolist() == [0.15] * 5
    with pytest.raises(ValueError, match="mosi: nothing says what its rows need"):
        explanations.planted_rows(PARAMETERS, "mosi")
