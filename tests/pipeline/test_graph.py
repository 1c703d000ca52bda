"""The stage graph as written: complete, covered by deps, bounded, without paths."""

import subprocess
from collections import Counter
from pathlib import PurePosixPath

import pytest

from repro import paths
from repro.page import provenance
from repro.params import load
from repro.stages.graph import lookup, stage_files, yaml_content
from tests.pipeline_graph import (
    ROOT,
    Stage,
    ancestors,
    stage_module,
    stages,
)

OWN = "pipelines/own/dvc.yaml"
EVERY = stages()
LAST = "read_folder@mmimdb"  # until cells train on these data
ROOTS = [s for s in EVERY if s.file in ("dvc.yaml", OWN) or s.name.startswith(LAST)]
CELLS = [stage for stage in EVERY if stage.cmd.split()[2] == "repro.stages.train"]
PARAMS = load(ROOT / "params.yaml")
CONTENT = yaml_content(ROOT / "params.yaml")
MOST_STAGES = 125  # 100 of the first paper; DVC's time grows with their square


def tracked() -> set[str]:
    found = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return set(found.stdout.splitlines())


def runs_of(stage: Stage) -> dict:
    """The recipes that a training stage runs, by address."""
    return PARAMS.runs_of(stage.cmd.split()[3])


def test_every_stage_leads_to_a_root_stage():
    """But those of a data set of one's own that its cells do not ask for."""
    needed = ancestors(EVERY, ROOTS)
    own = {f"@{cell.dataset}" for cell in PARAMS.cells["own"].values()}
    lonely = [s.address for s in EVERY if s.address not in needed]
    assert [a for a in lonely if a[a.find("@") :] not in own] == []


def test_no_stage_names_a_param_or_dep_twice():
    for stage in EVERY:
        for names in (stage.params, stage.deps):
            assert max(Counter(names).values(), default=1) == 1, stage.address


def test_a_stage_nobody_needs_would_be_found():
    lonely = Stage("x/dvc.yaml", "x", None, "python -m x", ".", (), (), {"x": True})
    assert lonely.address not in ancestors([*EVERY, lonely], ROOTS)


@pytest.mark.parametrize("file", stage_files(ROOT), ids=lambda f: f.parent.name)
def test_locks_hold_no_stage_that_is_gone(file):
    lock = file.with_name("dvc.lock")
    if not lock.is_file():
        pytest.skip(f"{lock.relative_to(ROOT)} does not exist yet")
    here = file.relative_to(ROOT).as_posix()
    living = {stage.name for stage in EVERY if stage.file == here}
    assert set(yaml_content(lock)["stages"]) <= living


def test_there_are_not_too_many_stages():
    assert len([s for s in EVERY if "i2moe" not in s.address]) <= MOST_STAGES


def test_names_outs_and_commands_are_unique():
    assert max(Counter(stage.address for stage in EVERY).values()) == 1
    assert max(Counter(out for s in EVERY for out in s.cached).values()) == 1
    assert max(Counter(stage.cmd for stage in EVERY).values()) == 1


def test_deps_exist_or_are_made():
    made = {out for other in EVERY for out in other.cached}
    made |= {dataset.path for dataset in PARAMS.datasets.files.values()}
    for stage in EVERY:
        lost = [d for d in stage.deps if d not in made and not (ROOT / d).exists()]
        assert lost == [], stage.address


def test_params_exist():
    groups = {str(p) for p in (paths.SIMULATORS, *map(paths.cells, PARAMS.cells))}
    presets = [str(paths.preset(name)) for name in ("default", "tiny", "paper")]
    content = {path: yaml_content(ROOT / path) for path in (*presets, *groups)}
    for stage in EVERY:
        for name in stage.params:
            file, _, key = name.rpartition(":")
            assert file in {"", presets[0], *groups}, stage.address
            for path in [file] if file in ("", *groups) else presets:
                lookup(content[path] if path else CONTENT, key)


def test_training_follows_the_sizes_of_its_own_fusions_only():
    for stage in [s for s in CELLS if s.file != OWN]:  # those follow all of them
        built = {fusion for run in runs_of(stage).values() for fusion in run.built}
        named = {
            p.rpartition(".")[2]
            for p in stage.params
            if p.startswith("presets/") and ".fusions." in p
        }
        assert named == built, stage.address


def test_paths_are_inside_and_relative():
    for stage in EVERY:
        for path in (*stage.deps, *stage.cached):
            assert not path.startswith(("/", "~")), path
            assert ".." not in PurePosixPath(path).parts, path
        depth = len(PurePosixPath(stage.file).parts) - 1
        assert stage.wdir == ("/".join([".."] * depth) or "."), stage.address


def test_git_tracks_no_cached_out():
    files = tracked()
    for stage in EVERY:
        for out in (out for out, cached in stage.cached.items() if cached):
            assert out not in files, out
            assert not any(f.startswith(f"{out}/") for f in files), out


def test_only_small_results_are_left_uncached():
    for stage in EVERY:
        for out in (out for out, cached in stage.cached.items() if not cached):
            assert out.split("/")[0] in ("metrics", "plots", "docs"), out


def test_every_run_is_shown_or_needed_somewhere():
    shown = {dep for stage in EVERY for dep in stage.deps}
    made = {out for s in CELLS for out in s.cached if out.startswith("runs/")}
    assert sorted(made - shown) == []


def test_only_tables_of_time_and_the_page_depend_on_measured_seconds():
    timed = {s.name for s in EVERY if any(d.startswith("timing/") for d in s.deps)}
    assert timed == {"btw_table10", "i2moe_tables", "report"}


def test_the_page_depends_on_every_table_figure_and_measured_second():
    """Of own data it shows what lies there when it is written."""
    (page,) = (s for s in EVERY if s.name == "report")
    shown = [
        o for s in EVERY for o in s.cached if o.endswith((".csv", ".svg", ".json"))
    ]
    wanted = {o for o in shown if o.startswith(("metrics/", "plots/", "timing/"))}
    apart = [o for o in wanted if "/own" in o]
    series = {o.replace(".svg", ".csv") for o in wanted if o.endswith(".svg")}
    assert wanted - series - set(apart) - set(page.deps) == set()


def test_findings_wait_for_every_table_they_tell_of():
    """Of own data they tell what lies there when they are written."""
    (findings,) = (s for s in EVERY if s.name == "results")
    made = {out for s in EVERY for out in s.cached if out.startswith("metrics/")}
    tables = {o for o in made if o.endswith(".json") and "/own_" not in o}
    assert len(tables) > 25
    assert tables - set(findings.deps) == set()


def test_the_page_follows_every_setting_it_tells():
    (page,) = (s for s in EVERY if s.name == "report")
    simulators = {name for name in provenance.SHOWN if name.endswith("simulation")}
    told = {f"{paths.SIMULATORS}:{name}" for name in simulators}
    assert {*provenance.SHOWN} - simulators | told <= set(page.params)
    assert f"presets/{PARAMS.preset}.yaml" in page.deps


def test_every_cell_of_params_is_a_stage_that_lists_it():
    named = {stage.cmd.split()[3]: stage for stage in CELLS}
    cells = {f"{group}/{key}" for group, own in PARAMS.cells.items() for key in own}
    drawn = {cell for cell in cells if cell.startswith("draws/")}
    draws = [s for s in EVERY if stage_module(s).endswith(".draw")]
    assert {f"draws/{s.cmd.split()[3]}" for s in draws} == drawn
    assert set(named) == cells - drawn
    for cell, stage in named.items():
        file = paths.cells(cell.partition("/")[0])
        assert f"{file}:cells.{cell.replace('/', '.')}" in stage.params, cell
        assert f"runs/{cell}" in stage.cached and f"timing/{cell}.json" in stage.cached


def test_a_stage_depends_on_the_runs_it_uses():
    for stage in CELLS:
        uses = [run for r in runs_of(stage).values() for run in r.uses]
        used = {"/".join(run.split("/")[:2]) for run in uses}  # all runs of a cell
        listed = {d.removeprefix("runs/") for d in stage.deps if d.startswith("runs/")}
        assert listed == used, stage.address


def test_alpha_and_protocol_reach_the_unpinned_runs_only():
    for stage in CELLS:
        runs = runs_of(stage).values()
        follows = any(run.weightings and run.alpha is None for run in runs)
        assert ("alpha" in stage.params) == follows, stage.address
        follows = any(run.protocol is None for run in runs)
        assert ("protocol" in stage.params) == follows, stage.address


def test_root_stages_list_alpha_where_they_show_what_follows_it():
    following = {out for s in CELLS if "alpha" in s.params for out in s.cached}
    for stage in ROOTS:
        if following & set(stage.deps):
            assert "alpha" in stage.params, stage.name


def test_only_what_is_simulated_is_ever_pushed():
    """Transcripts, ids, patients' rows and models of people's own data stay here."""
    cached = {out for s in EVERY for out in s.cached if s.cached[out]}
    assert {"data/ingested/icu", "runs/btw/icu_all", "data/prepared/mosi"} <= cached
    pushed = {out for s in EVERY for out in s.pushed} & cached
    sets = PARAMS.simulation.sets
    names = ("aligned_50.pkl", "truth.parquet")
    assert pushed == {f"data/simulated/{s}/{name}" for s in sets for name in names}


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
    metrics = {out for out in made if out.startswith("metrics/")}
    others = ("metrics/own_", "metrics/seeds.parquet")
    assert {out for out in metrics if not out.startswith(others)} <= named


def test_tables_of_cohorts_know_their_patients():
    """What small cells are is decided by the stays of a cohort and by `clinical`."""
    for stage in ROOTS:
        module, name = stage.cmd.split()[2:4] if " btw_" in stage.cmd else ("", "")
        runs = [d.split("/") for d in stage.deps if d.startswith("runs/")]
        cohorts = {run[2] for run in runs} & set(PARAMS.datasets.stays)
        if any(run[1] == "ceilings" for run in runs):  # of what was planted alone
            continue
        if module != "repro.stages.table" or not cohorts:
            continue
        # A difference of two cohorts is a cell, too.
        needed = {f"data/prepared/{cohort}" for cohort in PARAMS.datasets.stays}
        assert needed | {"data/ingested/icu"} <= set(stage.deps), name
        assert "clinical" in stage.params, name
