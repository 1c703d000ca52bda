"""The simulated films: what is planted, and who can see it."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from repro import files
from repro.data.mmimdb import read
from repro.params import load
from repro.records import Ragged, decoded
from repro.simulation.films import COUNTS, drawn_plan, write_file
from tests.pipeline_graph import ROOT

PARAMS = load(ROOT / "params.yaml")
GENRES = PARAMS.datasets.folders["mmimdb"].classes
PLANTED = PARAMS.film_simulation


def test_two_runs_write_the_same_bytes(tmp_path: Path):
    for name in ("a", "b"):
        write_file(PLANTED, GENRES, 200, tmp_path / name)
    for name in ("multimodal_imdb.hdf5", "truth.parquet"):
        assert (tmp_path / "a" / name).read_bytes() == (
            (tmp_path / "b" / name).read_bytes()
        )


def test_genres_are_as_frequent_as_the_real_ones_and_none_is_without():
    genres = drawn_plan(PLANTED, 5000, np.random.default_rng(0)).genres
    assert genres.any(axis=1).all()
    shares = np.array(COUNTS) / 25_959
    assert (genres.mean(axis=0) >= shares - 0.001).all()
    assert (genres.mean(axis=0) < shares + 0.05).all()


def test_the_reader_reads_it_and_each_vector_shows_its_own_latents(tmp_path: Path):
    write_file(PLANTED, GENRES, 1500, tmp_path / "raw")
    dataset = read(tmp_path / "raw", GENRES, simulated=True)
    assert dataset.simulated and dataset.source == "simulated"
    assert dataset.samples["split"].value_counts().to_dict() == {
        "train": 900,
        "test": 450,
        "valid": 150,
    }
    assert decoded(dataset.samples["y"].to_numpy(), 23).any(axis=1).all()
    truth = files.read_table(tmp_path / "raw/truth.parquet")
    assert truth["id"].tolist() == dataset.samples["id"].tolist()
    for name, other in (("text", "image"), ("image", "text")):
        ragged = dataset.modalities[name]
        assert isinstance(ragged, Ragged)
        for kind, least, most in (("shared", 0.5, 1), (name, 0.5, 1), (other, -9, 0.1)):
            own = truth[f"{kind}_0"]
            model = LinearRegression().fit(ragged.values[:1000], own[:1000])
            found = model.score(ragged.values[1000:], own[1000:])
            assert least < found < most, (name, kind)


def test_sizes_that_do_not_fit_are_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="2 classes and 200 simulated films"):
        write_file(PLANTED, ["a", "b"], 200, tmp_path)
    with pytest.raises(ValueError, match="23 classes and 10000 simulated films"):
        write_file(PLANTED, GENRES, 10_000, tmp_path)
