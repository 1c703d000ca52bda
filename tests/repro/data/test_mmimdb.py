"""MM-IMDB from its HDF5 file: split, genres, and what is refused."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from repro.data.checking import check
from repro.data.mmimdb import FILE, read
from repro.records import Ragged, decoded

GENRES = ("Drama", "Comedy", "War")
STORED = ("Comedy", "War", "Drama")  # the order of the file is its own
ROWS = 12
BOUNDS = {"train": (0, 6), "dev": (6, 8), "test": (8, 12)}
SOURCES = ("features", "vgg_features", "genres", "imdb_ids")


def arrays() -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    genres = np.eye(3, dtype=np.int32)[np.arange(ROWS) % 3]
    genres[0] = 1
    return {
        "features": random.normal(size=(ROWS, 5)).astype(np.float32),
        "vgg_features": random.normal(size=(ROWS, 7)).astype(np.float32),
        "genres": genres,
        "imdb_ids": np.array([f"{k:07d}" for k in range(ROWS)], dtype="S7"),
    }


def split_of(bounds: dict[str, tuple[int, int]]) -> np.ndarray:
    """The attribute as Fuel writes it, references and comments included."""
    kinds = [
        ("split", "S5"),
        ("source", "S12"),
        ("start", np.int64),
        ("stop", np.int64),
        ("indices", h5py.special_dtype(ref=h5py.Reference)),
        ("available", bool),
        ("comment", "S1"),
    ]
    rows = [
        (name.encode(), source.encode(), *own, h5py.Reference(), True, b".")
        for name, own in bounds.items()
        for source in SOURCES
    ]
    return np.array(rows, dtype=kinds)


def write(root: Path, names: Any = STORED, split: Any = BOUNDS, **changes: Any) -> Path:
    root.mkdir(exist_ok=True)
    with h5py.File(root / FILE, "w") as file:
        for name, array in {**arrays(), **changes}.items():
            if array is not None:
                file.create_dataset(name, data=array)
        if names is not None and "genres" in file:
            named = np.array([name.encode() for name in names])
            file["genres"].attrs["target_names"] = named
        if split is not None:
            stated = split_of(split) if isinstance(split, dict) else split
            file.attrs["split"] = stated
    return root


def test_vectors_genres_and_the_split_of_the_file(tmp_path: Path):
    dataset = read(write(tmp_path / "raw"), GENRES)
    samples = dataset.samples
    assert samples["id"][0] == "0000000" and samples["group"].equals(samples["id"])
    counts = samples["split"].tolist()
    assert counts == ["train"] * 6 + ["valid"] * 2 + ["test"] * 4
    stored = arrays()
    genres = decoded(samples["y"].to_numpy(), 3)
    assert (genres == stored["genres"][:, [2, 0, 1]].astype(bool)).all()
    text, image = dataset.modalities["text"], dataset.modalities["image"]
    assert isinstance(text, Ragged) and isinstance(image, Ragged)
    assert (text.values == stored["features"]).all()
    assert (image.values == stored["vgg_features"]).all()
    assert (dataset.task, dataset.classes) == ("multilabel", 3)
    assert (dataset.source, dataset.simulated) == ("mmimdb", False)


def test_a_split_that_is_not_in_order_is_followed(tmp_path: Path):
    bounds = {"train": (6, 12), "dev": (4, 6), "test": (0, 4)}
    samples = read(write(tmp_path / "raw", split=bounds), GENRES).samples
    assert samples["split"].tolist() == ["test"] * 4 + ["valid"] * 2 + ["train"] * 6


def test_the_order_of_rows_changes_nothing_but_the_order(tmp_path: Path):
    order = np.array([5, 3, 1, 0, 2, 4, 7, 6, 8, 11, 10, 9])
    shuffled = {name: array[order] for name, array in arrays().items()}
    one = read(write(tmp_path / "a"), GENRES).samples.set_index("id")
    two = read(write(tmp_path / "b", **shuffled), GENRES).samples.set_index("id")
    assert two.loc[one.index].equals(one)


def test_genres_that_a_split_lacks_are_told_by_name(tmp_path: Path):
    checked = check(read(write(tmp_path / "raw"), GENRES), "x", "refuse", GENRES)
    assert "split valid has no sample of War" not in checked.notes
    genres = arrays()["genres"]
    genres[6:8, 1] = 0
    genres[6:8, 0] = 1
    root = write(tmp_path / "b", genres=genres)
    checked = check(read(root, GENRES), "x", "refuse", GENRES)
    assert "split valid has no sample of Drama, War" in checked.notes
    genres[:6, 1] = 0
    root = write(tmp_path / "c", genres=genres)
    with pytest.raises(ValueError, match=r"split train .* class \[2\] \(War\)"):
        check(read(root, GENRES), "x", "refuse", GENRES)


def test_films_without_a_genre_are_counted(tmp_path: Path):
    genres = arrays()["genres"]
    genres[[3, 9]] = 0
    dataset = read(write(tmp_path / "raw", genres=genres), GENRES)
    assert dataset.notes == ("2 films have none of the genres",)


@pytest.mark.parametrize("name", ["features", "vgg_features", "genres"])
def test_arrays_of_other_lengths_are_refused(tmp_path: Path, name: str):
    root = write(tmp_path / "raw", **{name: arrays()[name][:-1]})
    with pytest.raises(ValueError, match=rf"{name} has shape \(11, .*there are 12"):
        read(root, GENRES)


@pytest.mark.parametrize("name", SOURCES)
def test_a_missing_array_is_named(tmp_path: Path, name: str):
    with pytest.raises(ValueError, match=f"holds no array {name} of its own"):
        read(write(tmp_path / "raw", **{name: None}), GENRES)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"features": np.zeros((ROWS, 0))}, r"features has shape \(12, 0\)"),
        ({"features": np.zeros(ROWS)}, r"features has shape \(12,\)"),
        ({"features": np.full((ROWS, 2), b"x")}, "features holds .*numbers are needed"),
        ({"imdb_ids": np.arange(ROWS)}, "imdb_ids has shape .*names of films"),
        ({"genres": np.full((ROWS, 3), 2)}, "other values than 0 and 1"),
        ({"names": None}, "3 columns and 0 names in its attribute target_names"),
        ({"names": ("Drama", "War")}, "3 columns and 2 names"),
        ({"names": ("Drama", "War", "News")}, "the genre 'Comedy' stands in the file"),
        ({"names": ("Drama", "War", "War")}, "the genre 'Comedy' stands"),
        ({"split": None}, "has no attribute `split`"),
        ({"split": np.arange(3)}, "has no attribute `split`"),
        ({"split": {"train": (0, 6), "test": (6, 12)}}, "divides genres into"),
        ({"split": BOUNDS | {"dev": (6, 13)}}, "gives rows 6 to 13 to dev, there are"),
        ({"split": BOUNDS | {"dev": (6, 6)}}, "gives rows 6 to 6 to dev"),
        ({"split": BOUNDS | {"dev": (5, 7)}}, "1 rows in no set and 1 in several"),
    ],
)
def test_a_file_that_is_not_whole_is_refused(tmp_path: Path, change: dict, said: str):
    with pytest.raises(ValueError, match=said):
        read(write(tmp_path / "raw", **change), GENRES)


def test_arrays_divided_in_different_ways_are_refused(tmp_path: Path):
    stated = split_of(BOUNDS)
    stated["stop"][stated["source"] == b"vgg_features"] -= 1
    with pytest.raises(ValueError, match="other arrays in another way"):
        read(write(tmp_path / "raw", split=stated), GENRES)


@pytest.mark.parametrize("content", [b"", b"no HDF5", None])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes | None):
    root = write(tmp_path / "raw")
    whole = (root / FILE).read_bytes()
    (root / FILE).write_bytes(whole[: len(whole) // 2] if content is None else content)
    with pytest.raises(ValueError, match=rf"{FILE}: not a whole HDF5 file"):
        read(root, GENRES)


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(ValueError, match=rf"{FILE}: no such file"):
        read(tmp_path, GENRES)


def test_links_to_other_files_are_refused(tmp_path: Path):
    root = write(tmp_path / "raw", features=None)
    with h5py.File(tmp_path / "other.hdf5", "w") as other:
        other.create_dataset("features", data=arrays()["features"])
    with h5py.File(root / FILE, "a") as file:
        file["features"] = h5py.ExternalLink(str(tmp_path / "other.hdf5"), "features")
    with pytest.raises(ValueError, match="holds no array features of its own"):
        read(root, GENRES)


def test_real_films_are_never_called_simulated(tmp_path: Path):
    with pytest.raises(ValueError, match="12 films are not its own; set source: own"):
        read(write(tmp_path / "raw"), GENRES, simulated=True)
