"""ENRICO from its public layout: splits, apps, issues, and what is refused."""

import random
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from repro.data.checking import check
from repro.data.enrico import Rules, grouped_split, published_split, read
from repro.records import SPLITS, Dataset, Pictures
from tests.repro.made_screens import (
    TOPICS,
    write_hierarchy,
    write_issues,
    write_rows,
    write_screens,
)

GROUPED, PUBLISHED = Rules("grouped"), Rules("published")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_screens(tmp_path / "enrico")


def paths_of(dataset: Dataset, name: str) -> list[str]:
    pictures = dataset.modalities[name]
    assert isinstance(pictures, Pictures)
    return pictures.paths


def test_a_row_per_screen_with_two_pictures_topic_and_app(root: Path):
    dataset = read(root, TOPICS, GROUPED)
    samples = dataset.samples
    assert samples["id"].tolist() == [str(k) for k in range(100, 124)]
    assert samples["y"].tolist() == [0, 1, 2] * 8
    assert samples["group"].tolist() == [f"com.app{k // 3}" for k in range(24)]
    assert list(dataset.modalities) == ["screenshot", "wireframe"]
    assert paths_of(dataset, "screenshot")[0] == "screenshots/100.jpg"
    assert paths_of(dataset, "wireframe")[-1] == "wireframes/123.png"
    assert (dataset.task, dataset.classes, dataset.source) == (
        "classification",
        3,
        "enrico",
    )
    assert not dataset.simulated
    assert "8 apps" in dataset.notes


def test_the_published_split_is_the_shuffle_of_the_released_loader():
    rows = 1458
    split = published_split(rows)
    keys = list(range(rows))
    random.Random(42).shuffle(keys)
    bounds = (0, int(rows * 0.65), int(rows * (0.65 + 0.15)), rows)
    for name, start, stop in zip(SPLITS, bounds[:-1], bounds[1:], strict=True):
        assert sorted(keys[start:stop]) == np.flatnonzero(split == name).tolist()
    assert [(split == name).sum() for name in SPLITS] == [947, 219, 292]


def test_the_published_split_counts_the_apps_that_cross_it(root: Path):
    dataset = read(root, TOPICS, PUBLISHED)
    crossing = (dataset.samples.groupby("group")["split"].nunique() > 1).sum()
    checked = check(dataset, "enrico", "report", TOPICS)
    assert crossing > 0
    assert any(n.startswith(f"{crossing} groups stand in two") for n in checked.notes)
    with pytest.raises(ValueError, match="groups stand in two splits"):
        check(dataset, "enrico", "refuse", TOPICS)


def test_a_grouped_split_keeps_apps_whole_and_topics_everywhere():
    generator = np.random.default_rng(0)
    y = generator.choice(20, 1460, p=np.arange(1, 21) / 210)
    app = generator.integers(0, 700, 1460)
    split = grouped_split(app.astype(str), y)
    frame = pd.DataFrame({"app": app, "split": split, "y": y})
    assert (frame.groupby("app")["split"].nunique() == 1).all()
    shares = frame["split"].value_counts(normalize=True)[list(SPLITS)]
    np.testing.assert_allclose(shares, [0.65, 0.15, 0.2], atol=0.02)
    assert (frame.groupby("y")["split"].nunique() == 3).all()


def test_a_split_that_lacks_a_topic_is_told_by_name(root: Path):
    samples = read(root, TOPICS, GROUPED)
    rows = samples.samples.copy()
    rows.loc[(rows["split"] == "valid") & (rows["y"] == 2), "split"] = "test"
    dataset = Dataset(
        rows,
        samples.modalities,
        source="enrico",
        task="classification",
        classes=3,
    )
    checked = check(dataset, "enrico", "report", TOPICS)
    assert "split valid has no sample of maps" in checked.notes
    with pytest.raises(ValueError, match=r"split valid has no sample of class \[2\]"):
        check(dataset, "enrico", "report")
    rows.loc[(rows["split"] == "train") & (rows["y"] == 1), "split"] = "test"
    with pytest.raises(ValueError, match=r"split train has no sample of class \[1\]"):
        check(dataset, "enrico", "report", TOPICS)


ISSUES = (
    (101, "wireframe", "complete mismatch", "high"),
    (102, "wireframe", "not available", "high"),
    (103, "screenshot", "landscape mode", "high"),
    (104, "screenshot", "selector overlay", "medium"),
    (105, "hierarchy", "overlapping sidebar", "high"),
    (999, "wireframe", "complete mismatch", "high"),
)


def test_pictures_of_high_severity_are_dropped_and_counted(root: Path):
    write_issues(root, *ISSUES)
    dataset = read(root, TOPICS, GROUPED)
    assert {"101", "102", "103"}.isdisjoint(dataset.samples["id"])
    assert {"104", "105"} <= set(dataset.samples["id"])
    note = "3 screens dropped for issues of high severity (1 screenshots, 2 wireframes)"
    assert dataset.notes[0] == note


def test_as_published_only_what_is_not_available_is_dropped(root: Path):
    write_issues(root, *ISSUES)
    dataset = read(root, TOPICS, PUBLISHED)
    assert "102" not in set(dataset.samples["id"]) and len(dataset.samples) == 23
    assert (
        "1 screens dropped, their wireframe not available, 2 kept" in (dataset.notes[0])
    )
    position = dataset.samples["id"].tolist().index("110")
    assert position == 9  # of the rows that are left, as the released split counts
    assert dataset.samples["split"][position] == published_split(23)[position]


def test_a_missing_wireframe_is_absent_and_counted(root: Path):
    (root / "wireframes/105.png").unlink()
    dataset = read(root, TOPICS, GROUPED)
    assert paths_of(dataset, "wireframe")[5] == ""
    checked = check(dataset, "enrico", "refuse", TOPICS)
    assert "wireframe: absent in 1 samples" in checked.notes


def test_a_screen_without_any_picture_is_refused(root: Path):
    (root / "wireframes/105.png").unlink()
    (root / "screenshots/105.jpg").unlink()
    with pytest.raises(ValueError, match=r"1 samples .first ids 105. have no modality"):
        check(read(root, TOPICS, GROUPED), "enrico", "refuse", TOPICS)


def test_screens_that_name_no_app_are_groups_of_their_own(root: Path):
    write_hierarchy(root, 100, "android:id/content")
    (root / "hierarchies/101.json").unlink()
    dataset = read(root, TOPICS, GROUPED)
    assert dataset.samples["group"][:3].tolist() == ["100", "101", "com.app0"]
    note = "2 screens name no app and are taken for an app of their own each"
    assert note in dataset.notes


def test_without_hierarchies_every_screen_is_a_group(root: Path):
    shutil.rmtree(root / "hierarchies")
    dataset = read(root, TOPICS, GROUPED)
    assert dataset.samples["group"].tolist() == dataset.samples["id"].tolist()
    assert any("no folder hierarchies" in note for note in dataset.notes)


def test_topics_are_read_in_any_case(root: Path):
    dataset = read(root, ("List", "LOGIN", "Maps"), GROUPED)
    assert dataset.samples["y"].tolist() == [0, 1, 2] * 8


def topics(root: Path, *rows: tuple[object, object]) -> None:
    write_rows(root / "design_topics.csv", [("screen_id", "topic"), *rows])


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([(100, "list"), (101, "dialer")], "topic has 'dialer' in 1 rows, first scr"),
        ([(100, "list"), (100, "maps")], "screen_id has 1 screens again, first '100'"),
        ([(100, "list"), (" 100", "list")], "screen_id has 1 screens again"),
        ([("../100", "list")], "is not the name of a file inside|leaves"),
        ([("/etc/passwd", "list")], "no <screen_id>.jpg|is not the name"),
    ],
)
def test_odd_rows_of_topics_are_refused(root: Path, rows: list, said: str):
    topics(root, *rows)
    with pytest.raises(ValueError, match=said):
        read(root, TOPICS, GROUPED)


def test_a_link_that_leaves_the_folder_is_refused(root: Path, tmp_path: Path):
    place = root / "screenshots/100.jpg"
    place.rename(tmp_path / "away.jpg")
    place.symlink_to(tmp_path / "away.jpg")
    with pytest.raises(ValueError, match=r"100\.jpg: is a link that leaves"):
        read(root, TOPICS, GROUPED)


@pytest.mark.parametrize("name", ["screenshots", "wireframes"])
def test_a_missing_folder_is_named(root: Path, name: str):
    shutil.rmtree(root / name)
    with pytest.raises(ValueError, match=rf"{name}: no such folder; unpack {name}.zip"):
        read(root, TOPICS, GROUPED)


def test_a_folder_with_other_names_is_told_so(root: Path):
    for path in (root / "wireframes").iterdir():
        path.rename(path.with_name(f"{path.stem}-wireframe.png"))
    with pytest.raises(ValueError, match=r"wireframes: has no <screen_id>\.png"):
        read(root, TOPICS, GROUPED)


@pytest.mark.parametrize("name", ["design_topics.csv", "issues.csv"])
def test_a_missing_list_is_named(root: Path, name: str):
    (root / name).unlink()
    with pytest.raises(ValueError, match=rf"{name}: no such file"):
        read(root, TOPICS, GROUPED)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ((100, "icon", "x", "high"), "source has 'icon' for screen '100'"),
        ((100, "wireframe", "x", "grave"), "severity has 'grave' for screen '100'"),
    ],
)
def test_unknown_words_of_issues_are_refused(root: Path, row: tuple, said: str):
    write_issues(root, row)
    with pytest.raises(ValueError, match=said):
        read(root, TOPICS, GROUPED)


def test_a_column_that_is_not_there_is_named(root: Path):
    write_rows(root / "design_topics.csv", [("screen", "topic"), (100, "list")])
    with pytest.raises(ValueError, match="has no column screen_id"):
        read(root, TOPICS, GROUPED)


def test_a_broken_hierarchy_is_named(root: Path):
    (root / "hierarchies/107.json").write_text('{"children": [')
    with pytest.raises(ValueError, match=r"hierarchies/107\.json: not the JSON"):
        read(root, TOPICS, GROUPED)


def test_real_screens_are_never_called_simulated(root: Path):
    with pytest.raises(ValueError, match=r"24 screens are not its own .first '100'"):
        read(root, TOPICS, Rules("grouped", simulated=True))


def test_two_apps_cannot_be_divided(root: Path):
    topics(root, *((k, TOPICS[k % 3]) for k in range(100, 106)))
    with pytest.raises(ValueError, match="2 apps cannot be divided into train, valid"):
        read(root, TOPICS, GROUPED)
