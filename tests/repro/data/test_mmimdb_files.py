"""MM-IMDB as plots and posters, and what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from repro.data.checking import check
from repro.data.mmimdb_files import read
from repro.records import Dataset, Pictures, Texts
from tests.repro.made_screens import picture

GENRES = ("Drama", "Comedy")
FILMS = {
    "0000001": ["Drama"],
    "0000002": ["Comedy", "Drama"],
    "0000003": ["Drama", "News"],
    "0000004": ["Comedy"],
    "0000005": ["Comedy"],
    "0000006": ["Drama"],
}
SPLIT = {
    "train": ["0000002", "0000001", "0000003"],
    "dev": ["0000004"],
    "test": ["0000006", "0000005"],
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "raw/dataset").mkdir(parents=True)
    for k, (film, genres) in enumerate(FILMS.items()):
        write(
            tmp_path / "raw", film, genres=genres, plot=["Short.", f"A long plot {k}"]
        )
        Image.fromarray(picture(k)).save(tmp_path / f"raw/dataset/{film}.jpeg")
    write_split(tmp_path / "raw", SPLIT)
    return tmp_path / "raw"


def write(root: Path, film: str, **content: Any) -> None:
    (root / f"dataset/{film}.json").write_text(json.dumps(content))


def write_split(root: Path, split: object) -> None:
    (root / "split.json").write_text(json.dumps(split))


def posters(dataset: Dataset) -> list[str]:
    stored = dataset.modalities["image"]
    assert isinstance(stored, Pictures)
    return stored.paths


def test_longest_plots_posters_genres_and_the_split(root: Path):
    dataset = read(root, GENRES)
    samples = dataset.samples
    assert samples["id"].tolist() == [film for own in SPLIT.values() for film in own]
    assert samples["split"].tolist() == ["train"] * 3 + ["valid"] + ["test"] * 2
    assert samples["y"].tolist() == [3.0, 1.0, 1.0, 2.0, 1.0, 2.0]
    text = dataset.modalities["text"]
    assert isinstance(text, Texts) and text.values[0] == "A long plot 1"
    assert posters(dataset)[0] == "dataset/0000002.jpeg"
    assert dataset.notes == ("genres left out as too rare: News 1",)
    assert (dataset.task, dataset.source) == ("multilabel", "mmimdb_files")


def test_a_film_of_none_but_rare_genres_is_left_out(root: Path):
    write(root, "0000003", genres=["News", "Adult"], plot=["x"])
    dataset = read(root, GENRES)
    assert "0000003" not in set(dataset.samples["id"])
    assert dataset.notes == (
        "1 films left out, of none of the genres",
        "genres left out as too rare: Adult 1, News 1",
    )


def test_what_is_absent_is_counted(root: Path):
    (root / "dataset/0000002.jpeg").unlink()
    write(root, "0000001", genres=["Drama"], plot=[])
    dataset = read(root, GENRES)
    assert posters(dataset)[0] == ""
    notes = check(dataset, "raw", "refuse", GENRES).notes
    assert {"image: absent in 1 samples", "text: absent in 1 samples"} <= set(notes)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"genres": ["Drma"], "plot": []}, "the genre 'Drma' is neither in `classes`"),
        ({"genres": "Drama", "plot": []}, "genres is no list of texts"),
        ({"plot": ["x"]}, "genres is no list of texts"),
        ({"genres": ["Drama"], "plot": [3]}, "plot is no list of texts"),
    ],
)
def test_an_odd_film_is_refused_by_name(root: Path, content: dict, said: str):
    write(root, "0000004", **content)
    with pytest.raises(ValueError, match=rf"0000004\.json: {said}"):
        read(root, GENRES)


@pytest.mark.parametrize("text", ["", "{", "[]"])
def test_a_file_that_is_no_film_is_named(root: Path, text: str):
    (root / "dataset/0000004.json").write_text(text)
    with pytest.raises(ValueError, match=r"0000004\.json: (not JSON|holds a list)"):
        read(root, GENRES)


def test_a_missing_film_is_named(root: Path):
    (root / "dataset/0000004.json").unlink()
    with pytest.raises(ValueError, match=r"0000004\.json: no such file"):
        read(root, GENRES)


def test_a_folder_without_posters_is_told_so(root: Path):
    for path in (root / "dataset").glob("*.jpeg"):
        path.unlink()
    with pytest.raises(ValueError, match="dataset: has no <film>"):
        read(root, GENRES)


@pytest.mark.parametrize(
    ("split", "said"),
    [
        ({"train": [], "dev": []}, "test is no list of names"),
        ({**SPLIT, "dev": ["0000001"]}, "film '0000001' stands twice"),
        ({**SPLIT, "dev": [4]}, "dev is no list of names"),
        ({**SPLIT, "dev": ["../0000004"]}, "is not the name of a file inside"),
    ],
)
def test_an_odd_split_is_refused(root: Path, split: dict, said: str):
    write_split(root, split)
    with pytest.raises(ValueError, match=said):
        read(root, GENRES)


def test_no_film_at_all_is_an_empty_split(root: Path):
    write(root, "0000004", genres=["News"], plot=["x"])
    with pytest.raises(ValueError, match="split valid is empty"):
        check(read(root, GENRES), "raw", "refuse", GENRES)
    write_split(root, {name: [] for name in SPLIT})
    with pytest.raises(ValueError, match="has no <film>"):
        read(root, GENRES)


def test_real_films_are_never_called_simulated(root: Path):
    with pytest.raises(ValueError, match="6 films are not its own; set source: own"):
        read(root, GENRES, simulated=True)
