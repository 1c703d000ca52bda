"""The stage graph as written: complete, covered by deps, bounded, without paths."""

import subprocess
from collections import Counter
from pathlib import PurePosixPath

import pytest

from tests.pipeline_graph import (
    ROOT,
    Stage,
    ancestors,
    lookup,
    module_file,
    module_files,
    stage_files,
    stage_module,
    stages,
    yaml_content,
)

EVERY = stages()
ROOTS = [stage for stage in EVERY if stage.file == "dvc.yaml"]
CELLS = [stage for stage in EVERY if stage.file != "dvc.yaml"]
FOLLOWING = tuple(
    f"cells.{group}"
    for group in (
        *("btw", "other_fusions", "deberta_btw"),
        *("icu_btw", "icu_missing", "icu_without"),
    )
)
UNWEIGHTED = (
    *("unimodal", "moe", "fusion_rows", "deberta_rows"),
    *("icu_unimodal", "icu_fusion"),
)
PARAMS = yaml_content(ROOT / "params.yaml")
by_address = pytest.mark.parametrize("stage", EVERY, ids=lambda stage: stage.address)


def tracked() -> set[str]:
    found = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return set(found.stdout.splitlines())


def test_every_stage_leads_to_a_root_stage():
    needed = ancestors(EVERY, ROOTS)
    assert [s.address for s in EVERY if s.address not in needed] == []


def test_a_stage_nobody_needs_would_be_found():
    lonely = Stage("x/dvc.yaml", "x", None, "python -m x", ".", (), (), {"x": True})
    assert lonely.address not in ancestors([*EVERY, lonely], ROOTS)


@pytest.mark.parametrize("file", stage_files(), ids=lambda f: f.parent.name)
def test_locks_hold_no_stage_that_is_gone(file):
    lock = file.with_name("dvc.lock")
    if not lock.is_file():
        pytest.skip(f"{lock.relative_to(ROOT)} does not exist yet")
    here = file.relative_to(ROOT).as_posix()
    living = {stage.name for stage in EVERY if stage.file == here}
    assert set(yaml_content(lock)["stages"]) <= living


def test_there_are_not_too_many_stages():
    assert len(EVERY) <= 150
    per_file = Counter(stage.file for stage in EVERY)
    assert max(per_file.values()) <= 60, per_file


def test_names_outs_and_commands_are_unique():
    assert max(Counter(stage.address for stage in EVERY).values()) == 1
    assert max(Counter(out for s in EVERY for out in s.cached).values()) == 1
    assert max(Counter(stage.cmd for stage in EVERY).values()) == 1


@by_address
def test_deps_cover_every_imported_module(stage):
    module = stage_module(stage)
    assert module_file(module), f"{stage.cmd}: no such module"
    places = [PurePosixPath(dep) for dep in stage.deps]
    files = module_files(module)
    missing = [f for f in files if not any(_covers(p, f) for p in places)]
    assert sorted(missing) == []


@by_address
def test_code_deps_are_all_imported(stage):
    """A dep on a module that the stage never loads would rerun it for nothing."""
    files = module_files(stage_module(stage))
    code = [PurePosixPath(dep) for dep in stage.deps if dep.startswith("src/")]
    assert [str(p) for p in code if not any(_covers(p, f) for f in files)] == []


@by_address
def test_deps_exist_or_are_made(stage):
    made = {out for other in EVERY for out in other.cached}
    own = {dataset["path"] for dataset in PARAMS["datasets"].values()}
    lost = [
        dep for dep in stage.deps if dep not in made | own and not (ROOT / dep).exists()
    ]
    assert lost == []


@by_address
def test_params_exist(stage):
    for name in stage.params:
        lookup(PARAMS, name)


@by_address
def test_paths_are_inside_and_relative(stage):
    for path in (*stage.deps, *stage.cached):
        assert not path.startswith(("/", "~")), path
        assert ".." not in PurePosixPath(path).parts, path
    depth = len(PurePosixPath(stage.file).parts) - 1
    assert stage.wdir == ("/".join([".."] * depth) or ".")


def test_git_tracks_no_cached_out():
    files = tracked()
    for stage in EVERY:
        for out in (out for out, cached in stage.cached.items() if cached):
            assert out not in files, out
            assert not any(f.startswith(f"{out}/") for f in files), out


def test_only_small_results_are_left_uncached():
    for stage in EVERY:
        for out in (out for out, cached in stage.cached.items() if not cached):
            assert out.split("/")[0] in ("metrics", "plots"), out


def test_every_cell_is_shown_or_needed_somewhere():
    shown = {dep for stage in EVERY for dep in stage.deps}
    hidden = [
        out
        for stage in CELLS
        for out in stage.cached
        if out not in shown and not out.endswith(".timing.json")
    ]
    assert hidden == []


def test_only_table10_depends_on_measured_seconds():
    readers = {
        s.name
        for s in EVERY
        if any(
            "timing" in PurePosixPath(d).name
            for d in s.deps
            if not d.startswith("src/")
        )
    }
    assert readers == {"table10"}


def test_every_cell_of_params_is_a_stage_that_lists_it():
    groups = {f"cells.{group}": cells for group, cells in PARAMS["cells"].items()}
    for group, cells in groups.items():
        for key in cells:
            name = f"{group}.{key}"
            assert any(name in stage.params for stage in CELLS), name


def test_alpha_reaches_the_unpinned_cells_only():
    following = {stage.address for stage in CELLS if "alpha" in stage.params}
    assert following == {s.address for s in CELLS if s.source in FOLLOWING}
    for group, cells in PARAMS["cells"].items():
        pinned = [cell for cell in cells.values() if "alpha" in cell]
        if group in UNWEIGHTED or f"cells.{group}" in FOLLOWING:
            assert not pinned, group
        else:
            assert len(pinned) == len(cells), group


def test_root_stages_list_alpha_where_they_show_what_follows_it():
    following = {out for s in CELLS if s.source in FOLLOWING for out in s.cached}
    for stage in ROOTS:
        if following & set(stage.deps):
            assert "alpha" in stage.params, stage.name


def test_patient_rows_are_never_pushed():
    clinical = [s for s in EVERY if "icu" in s.cmd or "ingest" in s.cmd]
    outs = {out for s in clinical for out in s.cached if s.cached[out]}
    assert {"data/ingested/icu", "runs/icu_all/btw", "data/prepared/icu_all"} <= outs
    pushed = {out for s in clinical for out in s.pushed}
    assert pushed & outs == set()


def test_metrics_and_plots_name_made_files():
    content = yaml_content(ROOT / "dvc.yaml")
    made = {out for stage in EVERY for out in stage.cached}
    named = set(content["metrics"])
    for plot in content["plots"]:
        if isinstance(plot, str):
            named.add(plot)
        else:
            named |= {file for entry in plot.values() for file in entry["y"]}
    assert named <= made
    assert {out for out in made if out.startswith("metrics/")} <= named


def _covers(place: PurePosixPath, file: str) -> bool:
    return place == PurePosixPath(file) or place in PurePosixPath(file).parents
