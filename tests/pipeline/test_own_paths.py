"""Data that git ignores, and paths that a shell and DVC would split, as documented."""

import json
import shutil

import pytest
from ruamel.yaml import YAML

from repro import files, paths
from tests.pipeline.test_tiny import write_own_data
from tests.pipeline_clone import Clone, small_clone

pytestmark = [pytest.mark.pipeline, pytest.mark.xdist_group("own_paths")]
PREPARE = "pipelines/data/dvc.yaml:prepare@mosi"
MOSI = "datasets.files.mosi"
ODD = "data/raw/a=b [1], c"


@pytest.fixture(scope="module")
def owned(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A small clone with the same data of one's own under two names."""
    made = small_clone(tmp_path_factory.mktemp("own_paths") / "clone")
    folder = write_own_data(made.path / "data/raw/mine")
    shutil.copytree(folder, made.path / ODD)
    return made


def prepare(path: str, how: str = "") -> str:
    """The command that prepares a table at `path`."""
    given = f"-S {MOSI}.source=table -S {path}"
    return f"dvc exp run {how} {given} {PREPARE}"


def test_inner_quotes_keep_a_value_whole(owned: Clone) -> None:
    owned.run(prepare(f"\"{MOSI}.path='{ODD}'\""))
    meta = files.read_json(owned.path / "data/prepared/mosi/meta.json")
    assert meta["source"] == "table" and meta["sizes"]["train"] == 30
    owned.run(prepare(f"'{MOSI}.path={ODD}'"), expect=1)
    owned.run("git checkout -q .")


@pytest.mark.parametrize("is_copied", [True, False])
def test_a_temporary_copy_gets_ignored_data(owned: Clone, is_copied: bool) -> None:
    relative = f"{MOSI}.path=data/raw/mine"
    absolute = f"{MOSI}.path={owned.path}/data/raw/mine"
    name = f"copied-{is_copied}".lower()
    how = f"--temp -n {name}"
    command = (
        prepare(relative, f"{how} -C data/raw/mine")
        if is_copied
        else prepare(absolute, how)
    )
    owned.run(command)
    shown = json.loads(owned.run("dvc exp show --json --no-pager 2>/dev/null"))
    assert name in json.dumps(shown)


@pytest.mark.parametrize("name", ["x; touch pwned", "$(touch pwned)", "`touch pwned`"])
def test_a_name_is_no_command(owned: Clone, name: str) -> None:
    yaml, file = YAML(), owned.path / paths.PARAMS
    before = file.read_text()
    content = yaml.load(file)
    content["datasets"]["files"][name] = content["datasets"]["files"]["mosi"]
    yaml.dump(content, file)
    said = owned.run("dvc repro -s pipelines/data/dvc.yaml 2>&1 | tail -99", expect=1)
    file.write_text(before)
    assert "datasets.files" in said and "match pattern" in said
    assert not (owned.path / "pwned").exists()


def test_without_that_the_copy_lacks_them(owned: Clone) -> None:
    said = owned.run(prepare(f"{MOSI}.path=data/raw/mine", "--temp"), expect=1)
    assert "data/raw/mine" in said
