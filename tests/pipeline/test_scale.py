"""Jobs give what a serial run of DVC gives, and DVC then finds nothing left to do."""

import os
from pathlib import Path

import pytest

from repro import paths
from tests.pipeline_clone import RESULTS, Clone

pytestmark = [pytest.mark.pipeline, pytest.mark.xdist_group("pipeline")]
RUN = "python -m repro.stages.side_by_side"
MORE = {"processes": "", "slurm": "--minutes 30"}


def test_after_a_run_nothing_is_left(finished: Clone) -> None:
    assert "0 stages in" in finished.run(RUN)
    assert "up to date" in finished.run("dvc repro")


@pytest.mark.parametrize("executor", ["processes", "slurm"])
def test_jobs_give_the_bytes_of_a_serial_run(
    executor: str,
    finished: Clone,
    at_alpha: Clone,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if executor == "slurm":
        conf = request.getfixturevalue("slurm_conf")
        monkeypatch.setenv("SLURM_CONF", os.fspath(conf))
    made = finished.copy(tmp_path / "clone")
    made.run("sed -i 's/^alpha: 0.5/alpha: 0.3/' params.yaml")
    output = made.run(f"{RUN} --executor {executor} --jobs 2 {MORE[executor]}")
    assert "up to date" in made.run("dvc repro")
    places = (*RESULTS, "metrics", "plots", "docs/results.md")
    serial = at_alpha.sums(*places, but=paths.NOT_DETERMINISTIC)
    assert made.sums(*places, but=paths.NOT_DETERMINISTIC) == serial, output
    logs = {path.name for path in (made.path / "build/logs").iterdir()}
    assert "pipelines-sentiment-dvc.yaml:btw@mosi.log" in logs
