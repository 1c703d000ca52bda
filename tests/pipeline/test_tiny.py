"""One `dvc repro` on the tiny profile, and what users do with it afterwards."""

import json
import math
import resource
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from repro import files, paths
from repro.report import Report
from repro.stages.graph import Stage, yaml_content
from tests.pipeline_clone import RESULTS, Clone, matches
from tests.pipeline_graph import stages

pytestmark = [pytest.mark.pipeline, pytest.mark.xdist_group("pipeline")]
BTW = "pipelines/sentiment/dvc.yaml:btw@mosi"
BASE = "pipelines/sentiment/dvc.yaml:base@mosi"
NOTHING_TO_DO = 6.0 / 95  # seconds of CPU for a stage; all of it is DVC's


def cells(clone: Clone) -> list[Stage]:
    """Training stages."""
    return [s for s in stages(clone.path) if s.cmd.split()[2] == "repro.stages.train"]


def following(clone: Clone) -> dict[str, Stage]:
    """Stages that follow the alpha at the top, and what is fitted on theirs."""
    found = {s.address: s for s in cells(clone) if "alpha" in s.params}
    outs = {out for stage in found.values() for out in stage.cached}
    readers = [s for s in stages(clone.path) if s.file.startswith("pipelines/")]
    return found | {s.address: s for s in readers if outs & set(s.deps)}


def report(clone: Clone, address: str) -> Report:
    """The report of a run."""
    path = clone.path / paths.run(address) / "report.json"
    return Report.model_validate_json(path.read_text())


@pytest.fixture
def other(finished: Clone, tmp_path: Path) -> Clone:
    """A fresh copy of the finished clone."""
    return finished.copy(tmp_path / "clone")


def stages_run(output: str) -> set[str]:
    """Addresses of the stages that dvc executed."""
    lines = [line for line in output.splitlines() if line.startswith("Running stage")]
    return {line.split("'")[1] for line in lines}


def numbers(content: object) -> Iterator[object]:
    """The leaves of nested mappings."""
    if isinstance(content, dict):
        for value in content.values():
            yield from numbers(value)
    else:
        yield content


def test_every_table_and_figure_is_there_and_says_simulated(finished):
    small = [s for s in stages(finished.path) if s.file == "dvc.yaml"]
    outs = [out for stage in small for out in stage.cached]
    assert [out for out in outs if not (finished.path / out).exists()] == []
    shown = [out for out in outs if out.startswith("plots/")]
    assert len(shown) > 30
    plain = ("plots/*/hyperparameters.*", "*.csv", "*.pdf")
    for out in shown:
        if not matches(out, plain):
            assert "simulated" in (finished.path / out).read_text(), out


def test_metrics_are_numbers_only(finished):
    found = sorted((finished.path / "metrics").glob("*.json"))
    declared = yaml_content(finished.path / "dvc.yaml")["metrics"]
    assert {f"metrics/{file.name}" for file in found} >= set(declared)
    for file in found:
        content = json.loads(file.read_text())
        assert all("__simulated" in block for block in content), file.name
        leaves = list(numbers(content))
        assert leaves, file.name
        for leaf in leaves:
            assert type(leaf) in (int, float) and math.isfinite(leaf), file.name


def test_a_second_repro_does_nothing(finished):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    output = finished.run("dvc repro")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert "Data and pipelines are up to date." in output
    assert stages_run(output) == set()
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert spent < NOTHING_TO_DO * len(stages(finished.path))
    assert finished.run("git status --porcelain") == ""


def test_alpha_retrains_the_unpinned_cells_only(finished, at_alpha):
    output = (at_alpha.path.parent / "output.txt").read_text()
    expected = following(finished)
    trained = {s for s in stages_run(output) if s.startswith("pipelines/")}
    assert trained == set(expected) and BTW in trained
    before, after = finished.locked(), at_alpha.locked()
    names = [name for name in before if name.startswith("pipelines/")]
    assert {n for n in names if before[n] != after[n]} == set(expected)


def test_alpha_changes_their_numbers_and_no_other_file(finished, at_alpha):
    before, after = finished.sums("runs"), at_alpha.sums("runs")
    changed = {name for name in before if before[name] != after[name]}
    assert before.keys() == after.keys()
    outs = [out for stage in following(finished).values() for out in stage.cached]
    assert {n for n in changed if not matches(n, [f"{o}/*" for o in outs])} == set()
    for address in ("btw/mosi", "btw/icu_all", "sites/mosi/mult_embedding"):
        assert f"runs/{address}/predictions.parquet" in changed
        assert report(at_alpha, address).alpha == 0.3
    assert report(at_alpha, "sweep/mosi/alpha_05").alpha == 0.5


def test_alpha_shows_in_table3_but_not_in_its_moe_row(finished, at_alpha):
    name = "metrics/btw_table3.json"
    before, after = (files.read_json(c.path / name) for c in (finished, at_alpha))
    same = ("mean", "ridge", "unimodal", "moe", "mult", "mmim")
    for block in before:
        assert [before[block][m] == after[block][m] for m in same] == [True] * 6
        assert before[block]["instance"] != after[block]["instance"]
    pinned = ("metrics/btw_table6.json", "metrics/btw_attribution.json")
    assert finished.sums(*pinned) == at_alpha.sums(*pinned)


def test_diffs_show_the_effect(at_alpha):
    assert "alpha" in at_alpha.run("dvc params diff")
    found = at_alpha.run("dvc metrics diff")
    assert "btw_table3.json" in found and "instance.mae.mean" in found
    assert "btw_table6.json" not in found
    assert "index.html" in at_alpha.run("dvc plots diff")
    assert "workspace" in at_alpha.run("dvc exp show --only-changed")


def test_all_plots_load(at_alpha):
    output = at_alpha.run("dvc plots show -o out")
    assert "failed to load" not in output.lower()
    page = (at_alpha.path / "out/index.html").read_text()
    named = yaml_content(at_alpha.path / "dvc.yaml")["plots"]
    for plot in named:
        title = plot if isinstance(plot, str) else next(iter(plot.values()))["title"]
        assert Path(title).name in page or title in page, title


def test_going_back_restores_everything(finished, at_alpha, tmp_path):
    back = at_alpha.copy(tmp_path / "clone")
    shown = "btw_table3 btw_hyperparameters btw_figure3"
    output = back.run(f"dvc exp run -S alpha=0.5 {shown}")
    # Its files are kept (persist), so that DVC runs it again; others may be cached.
    assert {"btw_table3"} <= stages_run(output) <= set(shown.split())
    wanted = [s for s in stages(back.path) if s.name in shown.split()]
    needed = [s for s in following(back).values() if set(s.cached) & deps_of(wanted)]
    assert output.count("is cached - skipping run") >= len(needed) == 4
    outs = [out for s in (*wanted, *needed) for out in s.cached]
    assert back.sums(*outs) == finished.sums(*outs)


def deps_of(some: list[Stage]) -> set[str]:
    """What stages depend on."""
    return {dep for stage in some for dep in stage.deps}


def test_experts_and_top_k_can_be_changed_together(other):
    output = other.run(f"dvc exp run -S experts=8 -S top_k=1 {BASE}")
    assert BASE in stages_run(output)
    setup = report(other, "base/mosi").setup
    assert (setup.experts, setup.top_k) == (8, 1)


def test_a_value_of_a_preset_can_be_changed(other):
    setting = "presets/tiny.yaml:last_state.training.epochs=3"
    output = other.run(f"dvc exp run -S {setting} {BASE}")
    assert stages_run(output) == {BASE}
    assert report(other, "base/mosi").setup.training["epochs"] == 3
    shown = other.run("dvc params diff")
    assert "presets/tiny.yaml" in shown and "last_state.training.epochs" in shown


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("-S alpha=1.5", "params.yaml: alpha = 1.5: Input should be less than"),
        ("-S top_k=17", "top_k=17 is more than experts=16"),
    ],
)
def test_a_bad_value_is_named_and_nothing_is_lost(finished, other, setting, message):
    output = other.run(f"dvc exp run {setting} {BTW}", expect=1)
    assert message in output
    assert "Traceback" not in output
    other.run("git restore --staged --worktree . && dvc checkout")
    assert other.sums(*RESULTS) == finished.sums(*RESULTS)
    assert "up to date" in other.run("dvc repro --dry")


def test_a_queued_experiment_runs(other):
    target = BTW
    other.run(f"dvc exp run --queue -n seven -S alpha=0.7 {target}")
    assert "Queued" in other.run("dvc queue status")
    other.run("dvc queue start")
    try:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            status = other.run("dvc queue status")
            if "Success" in status or "Failed" in status:
                break
            time.sleep(2)
    finally:
        other.run("dvc queue stop --kill")
    assert "Success" in status, status + other.run("dvc queue logs seven")
    other.run("dvc exp apply seven")
    assert report(other, "btw/mosi").alpha == 0.7


def test_own_data_add_their_block_and_keep_the_others(finished, other):
    folder = write_own_data(other.path / "data/raw/mine")
    mosi = "datasets.files.mosi"
    source = f"-S {mosi}.source=table -S {mosi}.path=data/raw/mine"
    output = other.run(f"dvc exp run {source} btw_table3")
    assert folder.is_dir() and "simulate@mosi" not in stages_run(output)
    before = files.read_json(finished.path / "metrics/btw_table3.json")
    after = files.read_json(other.path / "metrics/btw_table3.json")
    for block in before:
        assert json.dumps(after[block]) == json.dumps(before[block])
    assert set(after) == {*before, "mosi__table__preset_tiny"}
    table = "plots/btw/table3.csv"
    lines = (finished.path / table).read_text().splitlines()
    assert set(lines) <= set((other.path / table).read_text().splitlines())
    assert BASE in stages_run(output)


def write_own_data(folder: Path) -> Path:
    """Ninety samples in the columns and files that params.yaml names for mosi."""
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    label = generator.normal(size=90).round(2)
    splits = np.repeat(["train", "valid", "test"], 30)
    rows = ["id,video_id,split,label,text"]
    for i, (split, y) in enumerate(zip(splits, label, strict=True)):
        word = "good" if y > 0 else "bad"
        rows.append(f"s{i},v{i // 3},{split},{y},a {word} film")
    (folder / "utterances.csv").write_text("\n".join(rows) + "\n")
    for name, width in (("audio", 4), ("video", 6)):
        array = generator.normal(size=(90, 5, width)) + label[:, None, None]
        np.save(folder / f"{name}.npy", array.astype(np.float32))
    return folder


def test_a_second_run_gives_the_same_bytes_and_lock(finished, other):
    names = ["simulate", "prepare", "series", "text", "baselines"]
    some = [f"pipelines/data/dvc.yaml:{name}@mosi" for name in names]
    some += [BASE, BTW, "btw_figure1"]
    some.append("pipelines/ablations/dvc.yaml:attribution_models")
    shown = [out for s in stages(other.path) if s.address in some for out in s.cached]
    other.run("rm -rf " + " ".join(shown))
    output = other.run("dvc repro -s -f --no-run-cache " + " ".join(some))
    assert stages_run(output) == set(some)
    unstable = paths.NOT_DETERMINISTIC
    assert other.sums(*RESULTS, "plots", but=unstable) == finished.sums(
        *RESULTS, "plots", but=unstable
    )
    assert _stable(other.locked()) == _stable(finished.locked())


def _stable(locked: dict) -> dict:
    """Lock entries without the outs and deps that carry measured seconds."""
    return {
        stage: {
            part: [e for e in values if not matches(e["path"], paths.NOT_DETERMINISTIC)]
            if part in ("deps", "outs")
            else values
            for part, values in entry.items()
        }
        for stage, entry in locked.items()
    }
