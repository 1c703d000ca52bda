"""What is up to date, by the checksums of DVC and by a journal."""

from dataclasses import replace
from pathlib import Path

import pytest

from repro.stages.known import Known, known
from tests.repro.stages.made_stages import stage

MAKER = stage("maker", "out", "read")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder in which MAKER has run."""
    (tmp_path / "params.yaml").write_text("alpha: 0.5\nlist: [1, {x: 2}]\n")
    (tmp_path / "read").mkdir()
    (tmp_path / "read/a.csv").write_text("id\n1\n")
    (tmp_path / "out").write_text("made")
    here = Known(tmp_path, {})
    here.record(MAKER, here.inputs(MAKER))
    return tmp_path


def test_what_has_run_is_current_until_it_is_forgotten(folder: Path) -> None:
    here = known(folder, [MAKER])
    assert here.is_current(MAKER)
    here.forget([MAKER.address])
    assert not here.is_current(MAKER)


@pytest.mark.parametrize(
    ("file", "content"),
    [("read/a.csv", "id\n2\n"), ("read/b.csv", ""), ("out", "changed")],
)
def test_a_change_of_what_is_read_or_made_shows(
    folder: Path, file: str, content: str
) -> None:
    (folder / file).write_text(content)
    assert not Known(folder, {}).is_current(MAKER)


@pytest.mark.parametrize("file", ["read/__pycache__/a.pyc", "read/.a.csv.17.tmp"])
def test_what_dvc_passes_over_does_not_count(folder: Path, file: str) -> None:
    (folder / file).parent.mkdir(exist_ok=True)
    (folder / file).write_text("x")
    assert Known(folder, {}).is_current(MAKER)


def test_parameters_and_the_command_count(folder: Path) -> None:
    for name in ("alpha", "list[1].x", "params.yaml:alpha", "nowhere"):
        asks = replace(MAKER, params=(name,))
        assert not Known(folder, {}).is_current(asks)
        here = Known(folder, {})
        here.record(asks, here.inputs(asks))
        assert Known(folder, {}).is_current(asks)
    assert not Known(folder, {}).is_current(replace(MAKER, cmd="python -m acted b"))


def test_a_lock_is_read_as_dvc_writes_it(folder: Path) -> None:
    asks = replace(MAKER, params=("alpha", "other.yaml:a"))
    (folder / "other.yaml").write_text("a: 1e-3\n")
    (folder / "build/done/maker.json").unlink()
    (folder / "dvc.lock").write_text(
        """schema: '2.0'
stages:
  maker:
    cmd: python -m acted 'maker' out
    deps:
    - path: read
      hash: md5
      md5: 7fd81bb1356d0b73155702c66cb45bd8.dir
    params:
      params.yaml:
        alpha: 0.5
      other.yaml:
        a: 0.001
    outs:
    - path: out
      hash: md5
      md5: 4ab8710d781ba5b13aaf561cafd896b7
"""
    )
    assert known(folder, [asks]).is_current(asks)
    (folder / "params.yaml").write_text("alpha: 0.4\n")
    assert not known(folder, [asks]).is_current(asks)
