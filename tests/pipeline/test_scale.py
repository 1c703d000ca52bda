"""Jobs give what a serial run of DVC gives, and DVC then finds nothing left to do."""

import os
from pathlib import Path

import pytest

from repro import paths
from tests.pipeline_clone import RESULTS, Clone
from tests.pipeline_graph import stages

pytestmark = [pytest.mark.pipeline, pytest.mark.xdist_group("pipeline")]
RUN = "python -m repro.stages.side_by_side"
CHAIN = [f"pipelines/sentiment/dvc.yaml:{name}@mosi" for name in ("base", "btw")]


def results(clone: Clone) -> dict[str, str]:
    """Checksums of what a run makes."""
    places = (*RESULTS, "metrics", "plots", "docs/results.md")
    return clone.sums(*places, but=paths.NOT_DETERMINISTIC)


def logs(clone: Clone) -> set[str]:
    """Names of the logs of its jobs."""
    return {path.name for path in (clone.path / "build/logs").iterdir()}


def log(address: str) -> str:
    """The name of the log of a stage."""
    return f"{address.replace('/', '-')}.log"


def test_after_a_run_nothing_is_left(finished: Clone) -> None:
    assert "0 stages in" in finished.run(RUN)
    assert "up to date" in finished.run("dvc repro")


def test_jobs_give_the_bytes_of_a_serial_run(
    finished: Clone, at_alpha: Clone, tmp_path: Path
) -> None:
    made = finished.copy(tmp_path / "clone")
    made.run("sed -i 's/^alpha: 0.5/alpha: 0.3/' params.yaml")
    output = made.run(f"{RUN} --executor processes --jobs 2")
    assert "up to date" in made.run("dvc repro")
    assert results(made) == results(at_alpha), output
    assert log(CHAIN[1]) in logs(made)


def test_so_does_slurm_with_stages_that_wait_for_each_other(
    finished: Clone, tmp_path: Path, slurm_conf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_CONF", os.fspath(slurm_conf))
    made = finished.copy(tmp_path / "clone")
    stale = [*CHAIN, "btw_table3"]
    outs = [out for s in stages(made.path) if s.address in stale for out in s.cached]
    made.run(f"rm -rf build/logs {' '.join(outs)}")
    output = made.run(f"{RUN} --executor slurm --jobs 2 --minutes 30")
    assert results(made) == results(finished), output
    assert {log(address) for address in CHAIN} <= logs(made)
    assert "up to date" in made.run("dvc repro")
