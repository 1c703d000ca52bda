"""Stages depend on the code that they load: on all of it, and on no other."""

import ast
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from repro.params import Params, load
from tests.pipeline_graph import (
    ROOT,
    Stage,
    module_file,
    module_files,
    named_modules,
    stage_module,
    stages,
    tables_of,
)
from tests.settings import copied_settings

EVERY = stages()
PARAMS = load(ROOT / "params.yaml")
OWN = "pipelines/own/dvc.yaml"
OWN_CELL = """
cells:
  own:
    mine:
      dataset: mosi
      fusion: moe
      trains: [unimodal, moe, mult, bi_level]
      rows: {plain: {}, experts: {interaction: {}}}
"""


def code_of(stage: Stage, params: Params = PARAMS) -> set[str]:
    """Files of this repository that a stage loads."""
    module = stage_module(stage)
    assert module_file(module), f"{stage.cmd}: no such module"
    return module_files(module, *named_modules(stage, params))


def says_nothing(file: str) -> bool:
    """Whether a file is a package that holds a docstring at the most."""
    is_package = file.endswith("__init__.py")
    return is_package and len(ast.parse((ROOT / file).read_text()).body) <= 1


def uncovered(stage: Stage, params: Params = PARAMS) -> Iterator[str]:
    """Files that a stage loads and does not depend on."""
    places = [PurePosixPath(dep) for dep in stage.deps]
    for file in sorted(code_of(stage, params)):
        if not says_nothing(file) and not any(_covers(place, file) for place in places):
            yield f"{stage.address}: {file}"


def test_deps_cover_every_imported_module():
    assert [lost for stage in EVERY for lost in uncovered(stage)] == []


def test_so_do_those_of_a_cell_of_ones_own(tmp_path: Path):
    """None is committed, so that it is asked of one that is written here."""
    copied_settings(tmp_path)
    for name in ("pipelines", "dvc.yaml"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "cells" / "own.yaml").write_text(OWN_CELL)
    params = load(tmp_path / "params.yaml")
    own = [s for s in stages(tmp_path) if s.file == OWN]
    assert len(own) == 2
    assert [lost for stage in own for lost in uncovered(stage, params)] == []


def test_a_missing_dep_would_be_found():
    stage = next(s for s in EVERY if s.name == "base@mosi")
    fusion = "src/repro/models/fusions/moe.py"
    cut = Stage(
        stage.file,
        stage.name,
        None,
        stage.cmd,
        stage.wdir,
        tuple(dep for dep in stage.deps if dep != fusion),
        (),
        {},
    )
    assert list(uncovered(cut)) == [f"{stage.address}: {fusion}"]


def test_code_deps_are_all_imported():
    """A dep on a module that the stage never loads would rerun it for nothing."""
    for stage in EVERY:
        files = {*code_of(stage), *tables_of(code_of(stage))}
        code = [PurePosixPath(dep) for dep in stage.deps if dep.startswith("src/")]
        idle = [str(p) for p in code if not any(_covers(p, f) for f in files)]
        assert idle == [], stage.address


def _covers(place: PurePosixPath, file: str) -> bool:
    return place == PurePosixPath(file) or place in PurePosixPath(file).parents
