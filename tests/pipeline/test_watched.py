"""Every file that a stage reads and that is replaced makes the stage run again."""

import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from repro import files, paths
from tests.pipeline_clone import Clone, small_clone
from tests.repro.data.made_features import mult_content

pytestmark = [pytest.mark.pipeline, pytest.mark.xdist_group("watched")]
DATA, ICU = "pipelines/data/dvc.yaml", "pipelines/icu/dvc.yaml"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A small clone on files of one's own: word vectors with words, and a tree."""
    clone = small_clone(tmp_path_factory.mktemp("watched") / "clone")
    clone.run("python -m repro.stages.simulate_icu")
    tree = clone.path / paths.simulated_icu()
    (clone.path / "data/raw/icu").mkdir(parents=True)
    for name in ("mimiciv", *paths.SIMULATED_ROOTS):
        shutil.move(tree.parent / name, clone.path / "data/raw/icu" / name)
    write_words(clone.path)
    set_params(clone)
    stages = [f"{DATA}:prepare@mosi", f"{DATA}:text@mosi"]
    names = ("watch@cxr", "watch@ecg", "ingest", "prepare_icu@icu_all")
    stages += [f"{ICU}:{name}" for name in (*names, "features@icu_all-cxr")]
    for stage in stages:
        clone.run(f"dvc repro -s {stage}")
    for stage in stages[:2] + stages[4:]:
        assert "up to date" in clone.run(f"dvc status {stage}"), stage
    return clone


def write_words(root: Path) -> None:
    """Features in the MulT layout, and the label CSV with their words."""
    content = mult_content()
    (root / "data/raw/mosi.pkl").write_bytes(pickle.dumps(content))
    names = [row[0] for split in content.values() for row in split["id"]]
    parts = [name.rstrip("]").split("[") for name in names]
    lines = [f"{video},{clip},old words" for video, clip in parts]
    (root / "data/labels/mosi.csv").write_text(
        "\n".join(["video_id,clip_id,text", *lines]) + "\n"
    )


def set_params(clone: Clone) -> None:
    """Name the files; films are looked after."""
    yaml, file = YAML(), clone.path / paths.PARAMS
    content = yaml.load(file)
    content["datasets"]["files"]["mosi"].update(
        source="mult", path="data/raw/mosi.pkl", labels="data/labels/mosi.csv"
    )
    content["clinical"].update(
        source="mimiciv", path="data/raw/icu/mimiciv", watch=["cxr", "ecg"]
    )
    for name in paths.SIMULATED_ROOTS:
        content["clinical"][name] = f"data/raw/icu/{name}"
    yaml.dump(content, file)


def append(path: Path) -> None:
    """Make a file another one."""
    path.write_bytes(path.read_bytes() + b"\n")


def first(clone: Clone, pattern: str) -> Path:
    """The first file of the tree of that pattern."""
    return sorted((clone.path / "data/raw/icu").glob(pattern))[0]


CHANGES: dict[str, tuple[Callable[[Clone], None], str, str]] = {
    "words": (
        lambda c: append(c.path / "data/labels/mosi.csv"),
        f"{DATA}:prepare@mosi",
        "data/labels",
    ),
    "encoder": (
        lambda c: files.write_text(c.path / "data/weights/bert/config.json", "{}"),
        f"{DATA}:text@mosi",
        "data/weights",
    ),
    "densenet": (
        lambda c: files.write_text(c.path / "data/weights/d.safetensors", "x"),
        f"{ICU}:features@icu_all-cxr",
        "data/weights",
    ),
    "notes": (
        lambda c: append(first(c, "note/radiology*")),
        f"{ICU}:ingest",
        "data/raw/icu/note",
    ),
    "sums": (
        lambda c: append(first(c, "mimiciv/SHA256SUMS.txt")),
        f"{ICU}:ingest",
        "data/raw/icu/mimiciv",
    ),
    "film": (
        lambda c: append(first(c, "cxr/**/*.jpg")),
        f"{ICU}:features@icu_all-cxr",
        "data/watched",
    ),
    "record": (
        lambda c: append(first(c, "ecg/**/*.dat")),
        f"{ICU}:ingest",
        "data/watched",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_replaced_file_makes_its_stage_stale(made: Clone, change: str) -> None:
    replace, stage, dep = CHANGES[change]
    replace(made)
    if dep == "data/watched":  # not hashed: stages that always run
        made.run(f"dvc repro -s {ICU}:watch@cxr {ICU}:watch@ecg")
    said = made.run(f"dvc status {stage}")
    assert "changed deps" in said and dep in said, said


def test_files_that_dvc_does_not_watch_are_refused(made: Clone) -> None:
    shutil.copy(made.path / "data/labels/mosi.csv", made.path / "data/raw/mosi.csv")
    file = made.path / paths.PARAMS
    text = file.read_text()
    file.write_text(text.replace("data/labels/mosi.csv", "data/raw/mosi.csv"))
    said = made.run("python -m repro.stages.prepare mosi", expect=1)
    assert "labels='data/raw/mosi.csv': lies outside data/labels" in said
    file.write_text(text)
    preset = made.path / paths.preset("tiny")
    (made.path / "data/raw/enc").mkdir()
    weights = preset.read_text().replace("weights: random", "weights: data/raw/enc")
    preset.write_text(weights)
    said = made.run("python -m repro.stages.text mosi bert", expect=1)
    assert "weights='data/raw/enc': lies outside data/weights" in said
