"""Simulated films as files: those of the HDF5 form, and who can see their latents."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from repro import files
from repro.data import mmimdb, mmimdb_files
from repro.params import load
from repro.simulation.film_files import poster, write_tree
from repro.simulation.films import write_file
from tests.pipeline_graph import ROOT

PARAMS = load(ROOT / "params.yaml")
GENRES = PARAMS.datasets.folders["mmimdb"].classes
PLANTED = PARAMS.film_simulation


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films") / "tree"
    write_tree(PLANTED, GENRES, 300, folder)
    return folder


def test_two_runs_write_the_same_bytes(tree: Path, tmp_path: Path):
    write_tree(PLANTED, GENRES, 300, tmp_path / "again")
    first, again = (
        {p.relative_to(at): p.read_bytes() for p in at.rglob("*") if p.is_file()}
        for at in (tree, tmp_path / "again")
    )
    assert first == again


def test_both_forms_hold_the_same_films(tree: Path, tmp_path: Path):
    write_file(PLANTED, GENRES, 300, tmp_path)
    one = mmimdb.read(tmp_path, GENRES, simulated=True)
    two = mmimdb_files.read(tree, GENRES, simulated=True)
    pd.testing.assert_frame_equal(one.samples, two.samples)
    assert two.simulated
    split = json.loads((tree / "split.json").read_text())
    assert [len(split[name]) for name in ("train", "dev", "test")] == [180, 30, 90]


def test_words_follow_the_latents_of_the_text_and_not_those_of_the_image(tree: Path):
    truth = files.read_table(tree / "truth.parquet")
    counts = pd.DataFrame(
        [
            pd.Series(
                json.loads((tree / f"dataset/{film}.json").read_text())["plot"][
                    1
                ].split()
            ).value_counts()
            for film in truth["id"]
        ]
    ).fillna(0.0)
    x = counts.to_numpy() - counts.mean().to_numpy()
    vectors = x @ np.linalg.svd(x, full_matrices=False)[2][:12].T
    assert min(fit(vectors, truth[name]) for name in ("shared_0", "text_0")) > 0.25
    assert fit(vectors, truth["image_0"]) < 0.1


def test_a_poster_shows_its_latents():
    generator = np.random.default_rng(0)
    seen = generator.standard_normal((200, 8))
    small = np.stack([poster(s, generator)[::8, ::8].ravel() for s in seen]) / 255.0
    patches = small.reshape(200, 12, 8, 3)
    assert np.corrcoef(patches[:, 0, 0, 0], seen[:, 0])[0, 1] > 0.6
    assert np.corrcoef(patches[:, -1, -1, 2], seen[:, 7])[0, 1] > 0.6
    assert abs(np.corrcoef(patches[:, 0, 0, 0], seen[:, 7])[0, 1]) < 0.2


def fit(x: np.ndarray, y: pd.Series) -> float:
    """R2 on the rows that were not fitted."""
    return LinearRegression().fit(x[:200], y[:200]).score(x[200:], y[200:])
