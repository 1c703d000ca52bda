"""The simulated screens: layout, what is planted, and who can see it."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score

from repro import files
from repro.params import load
from repro.simulation.screens import (
    LEAST,
    SIZES,
    drawn_plan,
    factors,
    screenshot,
    wireframe,
    write_tree,
)
from tests.pipeline_graph import ROOT

PARAMS = load(ROOT / "params.yaml")
TOPICS = PARAMS.datasets.folders["enrico"].classes
PLANTED = PARAMS.screen_simulation


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("screens") / "enrico"
    write_tree(PLANTED, TOPICS, 400, folder)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def test_two_runs_write_the_same_bytes(tree: Path, tmp_path: Path):
    write_tree(PLANTED, TOPICS, 400, tmp_path / "again")
    assert contents(tmp_path / "again") == contents(tree)
    other = PLANTED.model_copy(update={"seed": 1})
    write_tree(other, TOPICS, 100, tmp_path / "other")
    assert (
        contents(tmp_path / "other")["design_topics.csv"]
        != (contents(tree)["design_topics.csv"])
    )


def test_the_layout_is_that_of_enrico(tree: Path):
    topics = pd.read_csv(tree / "design_topics.csv")
    assert list(topics) == ["screen_id", "topic"] and set(topics["topic"]) == set(
        TOPICS
    )
    issues = pd.read_csv(tree / "issues.csv")
    truth = files.read_table(tree / "truth.parquet")
    assert [TOPICS[k] for k in truth["y"]] == topics["topic"].tolist()
    assert list(issues) == ["screen_id", "source", "description", "severity"]
    assert issues["screen_id"].is_unique
    lost = set(issues["screen_id"][issues["description"] == "not available"])
    for screen in topics["screen_id"]:
        assert (tree / f"screenshots/{screen}.jpg").is_file()
        assert (tree / f"hierarchies/{screen}.json").is_file()
        assert (tree / f"wireframes/{screen}.png").is_file() == (screen not in lost)
    kinds = {"screenshots/sim00000.jpg": "JPEG", "wireframes/sim00000.png": "PNG"}
    for name, kind in kinds.items():
        with Image.open(tree / name) as image:
            assert (image.size, image.format) == ((90, 160), kind)
    content = json.loads((tree / "hierarchies/sim00000.json").read_text())
    assert content["children"][0]["resource-id"] == "android:id/content"


def test_topics_are_as_unequal_as_the_real_ones():
    plan = drawn_plan(PLANTED, 1100, np.random.default_rng(0))
    counts = np.bincount(plan.y, minlength=20)
    assert counts.min() >= LEAST and counts.sum() == 1100
    spread = np.array(SIZES) / sum(SIZES)
    np.testing.assert_allclose(counts / 1100, spread, atol=0.012)
    assert len(np.unique(plan.app)) < 0.7 * 1100


def test_a_topic_is_its_three_factors():
    triples = factors(np.arange(20))
    assert len(np.unique(triples, axis=0)) == 20
    assert triples.max(axis=0).tolist() == [4, 1, 1]


def test_pictures_show_what_was_planted_as_often_as_asked():
    planted = PLANTED.model_copy(update={"unreliable": [0.5, 0], "misread": [0, 0.4]})
    plan = drawn_plan(planted, 20_000, np.random.default_rng(0))
    true = factors(plan.y)
    assert plan.reliable.mean(axis=0) == pytest.approx([0.5, 1.0], abs=0.02)
    shown = plan.reliable[:, 0]
    assert (plan.seen[shown, 0] == true[shown]).all()
    assert (plan.seen[:, 1, 1:] == true[:, 1:]).all()
    # A level at either end that is misread outwards stays: it has nowhere to go.
    ends = np.isin(true[:, 0], (0, 4)).mean()
    off = (plan.seen[:, 1, 0] != true[:, 0]).mean()
    assert off == pytest.approx(0.4 * (1 - ends / 2), abs=0.02)


def accuracy(pixels: np.ndarray, y: np.ndarray) -> float:
    found = cross_val_score(LogisticRegression(C=0.01, max_iter=300), pixels, y, cv=3)
    return float(found.mean())


def test_each_picture_shows_its_own_factors_and_not_those_of_the_other():
    """With independent factors; those of the topics depend on each other."""
    generator = np.random.default_rng(0)
    seen = generator.integers(0, (5, 2, 2), (400, 3))
    pictures = {
        "look": np.stack(
            [screenshot(s, k % 90, generator) for k, s in enumerate(seen)]
        ),
        "kind": np.stack([wireframe(s, generator) for s in seen]),
    }
    for own, foreign, shown in (("look", 2, 1), ("kind", 1, 2)):
        small = pictures[own][:, ::10, ::10].reshape(len(seen), -1) / 255.0
        assert accuracy(small, seen[:, shown]) > 0.65, own  # chance: 0.5
        assert accuracy(small, seen[:, 0]) > 0.45, own  # chance: 0.2
        assert abs(accuracy(small, seen[:, foreign]) - 0.5) < 0.08, own


def test_another_number_of_topics_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="3 classes of simulated screens; ENRICO has"):
        write_tree(PLANTED, ["a", "b", "c"], 100, tmp_path / "x")
