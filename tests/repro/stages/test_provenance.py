"""Where a block of real numbers comes from, written beside the metrics."""

import hashlib
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from repro import params, paths
from repro.files import read_json, write_json
from repro.findings.provenance import known_provenance, place_of_block
from repro.params import Params
from repro.report import report_path
from repro.stages import provenance
from tests.repro.made_runs import report_of
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
    """A clone with settings, changed since the commit, raw files, runs and a table."""
    monkeypatch.chdir(tmp_path)
    copied_settings(tmp_path)
    Path("src").mkdir()
    Path("src/a.py").write_text("")
    git("init", "--quiet")
    git("add", "--all")
    git("commit", "--quiet", "--message", "All")
    place = ("datasets", "files", "mosi")
    change(paths.PARAMS, place, path="data/raw/mine", source="table")
    change(paths.PARAMS, (), seeds=[0, 1, 2])
    change(paths.preset("tiny"), ("last_state", "training"), epochs=3)
    for key in ("mosi", "mosei"):
        change(paths.cells("base"), ("cells", "base", key), trains=["unimodal", "moe"])
    Path("data/raw/mine").mkdir(parents=True)
    Path("data/raw/mine/a.csv").write_text("id\n")
    loaded = params.load()
    trained(loaded, "base/mosi", 1.25, simulated=False, source="table")
    trained(loaded, "sites/mosi/moe_contribution", 10.0, simulated=True)
    trained(loaded, "base/mosei", 100.0, simulated=False, source="table")
    write_json(paths.METRICS / "btw_table3.json", {BLOCK: {}, "mosi__simulated": {}})
    return tmp_path


def trained(loaded: Params, address: str, seconds: float, **data: object) -> None:
    """A run of these data and its times."""
    report = report_of(loaded, address, data=data)
    write_json(report_path(address), report.model_dump())
    cell = "/".join(address.split("/")[:2])
    told = {"seconds": {address: {"moe": seconds}}, "peak_memory_bytes": 1}
    write_json(paths.timing(cell), told)


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
        "datasets.files.mosi.source": "table",
        "presets/tiny.yaml:last_state.training.epochs": 3,
        "cells/base.yaml:cells.base.mosi.trains": ["unimodal", "moe"],
    }
    assert "cores" in told.device and told.device in str(told)


def test_rows_with_switches_count_with_their_block() -> None:
    loaded = params.load()
    row = "attribution/weights/eval_state"
    trained(loaded, row, 30.0, simulated=False, source="table")
    provenance.main([BLOCK, "files of 2018"])
    assert known_provenance()[BLOCK].seconds == 31


@pytest.mark.parametrize(
    ("name", "value"), [("seeds", [7, 8]), ("alpha", 0.25), ("protocol", "published")]
)
def test_runs_of_other_settings_are_refused(name: str, value: object) -> None:
    change(
        paths.cells("base"),
        ("cells", "base", "mosi"),
        trains=["unimodal", "moe", "instance"],
    )
    trained(params.load(), "base/mosi", 1.0, simulated=False, source="table")
    change(paths.PARAMS, (), **{name: value})
    with pytest.raises(
        ValueError, match=rf"report\.json: {name} = .* the settings say"
    ):
        provenance.main([BLOCK, "files"])


def test_another_reader_is_refused() -> None:
    change(paths.PARAMS, ("datasets", "files", "mosi"), source="mmsa")
    with pytest.raises(ValueError, match=rf"source = 'mmsa', .* not what made {BLOCK}"):
        provenance.main([BLOCK, "files"])


def test_a_large_folder_and_an_encoder_have_their_sums(folder: Path) -> None:
    for number in range(provenance.MOST_FILES):
        Path(f"data/raw/mine/{number}.csv").write_text(f"{number}")
    weights = folder / "data/weights/encoder"
    weights.mkdir(parents=True)
    (weights / "config.json").write_text("{}")
    where = ("encoders", params.load().encoder)
    change(paths.preset("tiny"), where, weights="data/weights/encoder")
    found = provenance.checksums(params.load(), "mosi")
    assert set(found) == {"mine/", "encoder bert/config.json"}
    Path("data/raw/mine/0.csv").write_text("other")
    assert provenance.checksums(params.load(), "mosi")["mine/"] != found["mine/"]


def test_an_absolute_path_is_told_by_its_last_part(folder: Path) -> None:
    place = ("datasets", "files", "mosi")
    change(paths.PARAMS, place, path=str(folder / "data/raw/mine"))
    told = provenance.settings(params.load(), ["base/mosi"])
    assert told["datasets.files.mosi.path"] == "…/mine"


@pytest.mark.parametrize("block", ["mosi__simulated", "mosi__mmsa", "mosi"])
def test_a_block_that_holds_no_real_numbers_is_refused(block: str) -> None:
    with pytest.raises(ValueError, match=rf"{block}: no block .* there are: {BLOCK}"):
        provenance.main([block, "files"])
    assert not place_of_block(block).exists()


def test_every_kind_of_data_has_its_own_raw_places() -> None:
    own = provenance.raw_places
    change(paths.PARAMS, ("datasets", "files", "mosi"), labels="data/labels/a.csv")
    change(paths.PARAMS, ("clinical",), ecg="none")
    loaded = params.load()
    assert own(loaded, "enrico") == [Path("data/simulated/enrico")]
    wanted = [Path("data/raw/mine"), Path("data/labels/a.csv")]
    assert own(loaded, "mosi") == wanted
    stays = [Path(getattr(loaded.clinical, name)) for name in ("path", "note", "cxr")]
    assert own(loaded, "icu_all") == stays


def test_other_settings_than_those_that_made_the_numbers_are_refused() -> None:
    place = ("datasets", "files", "mosi")
    change(paths.PARAMS, place, source="simulated")
    with pytest.raises(ValueError, match=r"source = 'simulated', preset = 'tiny': not"):
        provenance.main([BLOCK, "files"])
    change(paths.PARAMS, place, source="table")
    other = "mosi__table"
    write_json(paths.METRICS / "btw_table3.json", {BLOCK: {}, other: {}})
    with pytest.raises(ValueError, match=rf"preset = 'tiny': not what made {other}; "):
        provenance.main([other, "files"])
    report_path("base/mosi").unlink()
    with pytest.raises(ValueError, match=rf"runs: no run of {BLOCK}; make its table"):
        provenance.main([BLOCK, "files"])


def test_what_cannot_be_told_is_refused(folder: Path) -> None:
    Path("data/raw/mine").rename("data/raw/other")
    with pytest.raises(ValueError, match=r"data/raw/mine: raw files of mosi are"):
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
