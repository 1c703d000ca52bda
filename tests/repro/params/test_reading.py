"""Which files settings are read from, and what is told of them."""

import shutil
from pathlib import Path

import pytest

from repro.params import load
from tests.repro.params.test_study import TEXT, written


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (
            "btw/nothing",
            r"cells/btw\.yaml: cell 'nothing' is unknown; Known: icu_",
        ),
        ("bwt/mosi", r"group 'bwt' is unknown; did you mean 'btw'\?"),
        (
            "base/moci",
            r"cells/base\.yaml: cell 'moci' is unknown; did you mean 'mosi'\?",
        ),
    ],
)
def test_an_unknown_cell_is_named(tmp_path: Path, cell: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        written(tmp_path, TEXT).runs_of(cell)


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("sweep", "cells: {swep: {}}", "cells: it holds swep; the group of a file"),
        ("sweep", "cells: []", "it holds one key, `cells`"),
        ("sweep", "alpha: 0.3\ncells: {sweep: {}}", "it holds one key, `cells`"),
        (
            "more",
            "cells: {more: {a: {dataset: hm, trains: [moe]}}}",
            "'hm' is unknown",
        ),
    ],
)
def test_a_file_of_cells_is_one_group_of_its_name(
    name: str, text: str, told: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=rf"cells/{name}\.yaml: .*{told}"):
        written(tmp_path, text, Path(f"cells/{name}.yaml"))


def test_no_cells_at_all_are_told(tmp_path: Path) -> None:
    written(tmp_path, TEXT)
    shutil.rmtree(tmp_path / "cells")
    with pytest.raises(ValueError, match=r"cells: no file of cells; restore it from"):
        load(tmp_path / "params.yaml")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("simulatoin: {}\n", "'simulatoin' is unknown; did you mean 'simulation'"),
        ("simulation: {seed: -1}\n", r"simulation\.seed = -1: "),
        ("", "holds no keys"),
    ],
)
def test_simulators_have_a_file_of_their_own(
    text: str, told: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=rf"simulators\.yaml: .*{told}"):
        written(tmp_path, text, Path("simulators.yaml"))


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("cells: {own: {a: {dataset: mosi}}}\n", "cells: stands in cells/<group>.yaml"),
        ("active: {}\n", "active: stands in presets; move it there"),
        ("simulation: {}\n", r"simulation: stands in simulators\.yaml; move it there"),
        ("names: {moe: MoE}\n", r"names: stands in names\.yaml; move it there"),
    ],
)
def test_what_has_a_file_of_its_own_is_refused(
    more: str, told: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=rf"params\.yaml: {told}"):
        written(tmp_path, TEXT + more)


def test_a_file_of_cells_that_is_not_there_is_named(tmp_path: Path) -> None:
    written(tmp_path, TEXT)
    (tmp_path / "cells/base.yaml").unlink()
    with pytest.raises(ValueError, match=r"group .base. .*; there is no cells/base"):
        load(tmp_path / "params.yaml")


def test_the_file_of_any_group_is_named(tmp_path: Path) -> None:
    text = "cells: {my-own: {a: {dataset: hm, trains: [moe]}}}"
    with pytest.raises(ValueError, match=r"cells/my-own\.yaml: cells\.my-own\.a\.data"):
        written(tmp_path, text, Path("cells/my-own.yaml"))
