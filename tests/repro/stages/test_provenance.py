"""Where a block of real numbers comes from, written beside the metrics."""

import hashlib
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from repro import params, paths
from repro.files import read_json, write_json
from repro.findings.provenance import known_provenance, place_of_block
from repro.stages import provenance
from tests.settings import copied_settings

BLOCK = "mosi__table__preset_tiny"


def git(*arguments: str) -> str:
    """A git command in the working directory, by nobody."""
    who = ("-c", "user.name=n", "-c", "user.email=n@example.org")
    command = ["git", *who, *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone with settings, changed since the commit, raw files, times and a table."""
    monkeypatch.chdir(tmp_path)
    copied_settings(tmp_path)
    Path("src").mkdir()
    Path("src/a.py").write_text("")
    git("init", "--quiet")
    git("add", "--all")
    git("commit", "--quiet", "--message", "All")
    change(paths.PARAMS, ("datasets", "files", "mosi"), path="data/raw/mine")
    change(paths.preset("tiny"), ("last_state", "training"), epochs=3)
    change(paths.cells("base"), ("cells", "base", "mosi"), trains=["unimodal", "moe"])
    Path("data/raw/mine").mkdir(parents=True)
    Path("data/raw/mine/a.csv").write_text("id\n")
    times = {"mosi": 1.25, "mosei": 100.0}
    for key, spent in times.items():
        told = {"seconds": {f"base/{key}": {"moe": spent}}, "peak_memory_bytes": 1}
        write_json(paths.timing(f"base/{key}"), told)
    write_json(paths.METRICS / "btw_table3.json", {BLOCK: {}, "mosi__simulated": {}})
    return tmp_path


def change(file: Path, where: tuple[str, ...], **values: object) -> None:
    """Set values below a place of a file of settings."""
    yaml = YAML()
    content = yaml.load(file)
    place = content
    for key in where:
        place = place[key]
    place.update(values)
    yaml.dump(content, file)


def test_everything_that_a_reader_needs_is_told() -> None:
    provenance.main([BLOCK, "files of 2018", "--remark", "Other features."])
    told = known_provenance()[BLOCK]
    assert told.source == "files of 2018" and told.remark == "Other features."
    assert told.commit == git("rev-parse", "HEAD") and told.seconds == 1
    assert told.checksums == {"mine/a.csv": hashlib.sha256(b"id\n").hexdigest()}
    assert told.parameters == {
        "preset": "tiny",
        "seeds": params.load().seeds,
        "alpha": params.load().alpha,
        "protocol": "leak_free",
        "datasets.files.mosi.path": "data/raw/mine",
        "presets/tiny.yaml:last_state.training.epochs": 3,
        "cells/base.yaml:cells.base.mosi.trains": ["unimodal", "moe"],
    }
    assert "cores" in told.device and told.device in str(told)


def test_a_large_folder_and_an_encoder_have_their_sums(folder: Path) -> None:
    for number in range(provenance.MOST_FILES):
        Path(f"data/raw/mine/{number}.csv").write_text(f"{number}")
    weights = folder / "data/weights/encoder"
    weights.mkdir(parents=True)
    (weights / "config.json").write_text("{}")
    where = ("encoders", params.load().encoder)
    change(paths.preset("tiny"), where, weights="data/weights/encoder")
    found = provenance.checksums(params.load(), "mosi")
    assert set(found) == {"mine/", "encoder/config.json"}
    Path("data/raw/mine/0.csv").write_text("other")
    assert provenance.checksums(params.load(), "mosi")["mine/"] != found["mine/"]


def test_an_absolute_path_is_told_by_its_last_part(folder: Path) -> None:
    place = ("datasets", "files", "mosi")
    change(paths.PARAMS, place, path=str(folder / "data/raw/mine"))
    told = provenance.settings(params.load())
    assert told["datasets.files.mosi.path"] == "…/mine"


@pytest.mark.parametrize("block", ["mosi__simulated", "mosi__mmsa", "mosi"])
def test_a_block_that_holds_no_real_numbers_is_refused(block: str) -> None:
    with pytest.raises(ValueError, match=rf"{block}: no block .* there are: {BLOCK}"):
        provenance.main([block, "files"])
    assert not place_of_block(block).exists()


def test_what_cannot_be_told_is_refused(folder: Path) -> None:
    Path("data/raw/mine").rename("data/raw/other")
    with pytest.raises(ValueError, match=r"data/raw/mine: the raw files of mosi are"):
        provenance.main([BLOCK, "files"])
    Path("data/raw/other").rename("data/raw/mine")
    Path("src/a.py").write_text("x = 1\n")
    with pytest.raises(ValueError, match=r"src: differs .*\(src/a.py\); commit it"):
        provenance.main([BLOCK, "files"])
    (folder / ".git").rename(folder / "git")
    with pytest.raises(ValueError, match=r"git .*; provenance names a commit"):
        provenance.main([BLOCK, "files"])
    assert not place_of_block(BLOCK).exists()
    write_json(paths.METRICS / "btw_table3.json", {"mosi__simulated": {}})
    with pytest.raises(ValueError, match="none, so make a table of real data first"):
        provenance.main([BLOCK, "files"])
    assert read_json(paths.METRICS / "btw_table3.json")
