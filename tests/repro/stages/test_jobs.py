"""Stages as jobs: of submitit's local executor, and of a real Slurm of one node."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from repro.stages.forks import Forks
from repro.stages.jobs import Jobs, Pace
from repro.stages.known import Known
from repro.stages.schedule import run
from repro.stages.slurm import Asked
from tests import slurm_node
from tests.repro.stages.made_stages import ACTED
from tests.repro.stages.made_stages import stage as plain
from tests.slurm_node import wait_for

SOURCE = Path(__file__).parents[3] / "src"
DATA = "pipelines/data/dvc.yaml"
SOON = Pace(poll=0.5, grace=3.0, silence=5.0)
# A run of two stages that is killed while the second works.
KILLED = """
import sys
from tests.repro.stages.test_jobs import CHAIN, SLOW, jobs
from repro.stages.known import Known
from repro.stages.schedule import run
from pathlib import Path
run([*CHAIN, SLOW], jobs(sys.argv[1]), Known(Path(), {}))
"""


def stage(name: str, makes: str, *reads: str):
    """A stage that is a job."""
    return plain(name, makes, *reads, file=DATA)


CHAIN = [plain("table", "plots/t.md", "runs/a"), stage("cell", "runs/a", "data/a")]
CHAIN = [*CHAIN, stage("data", "data/a")]
SLOW = stage("slow", "runs/slow", "data/a")


def jobs(cluster: str, **asked: object) -> Jobs:
    """Two jobs at once, looked at often."""
    return Jobs(cluster, Asked(**{"minutes": 5, **asked}), 2, Forks(2), SOON)


@pytest.fixture(params=["local", "slurm"])
def cluster(
    request: pytest.FixtureRequest, acted: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    """Each queue; its jobs find our code and the module of the test."""
    places = [str(SOURCE), str(Path(__file__).parents[3]), str(Path.cwd())]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(places))
    if request.param == "slurm":
        conf = request.getfixturevalue("slurm_conf")
        monkeypatch.setenv("SLURM_CONF", str(conf))
    return request.param


def test_jobs_run_in_order_and_short_stages_stay_here(cluster: str, acted: Path):
    known = Known(Path(), {})
    run(CHAIN, jobs(cluster), known)
    assert acted.read_text().split() == ["data", "cell", "table"]
    assert Path("runs/a").read_text() == "cell"
    assert all(known.is_current(one) for one in CHAIN)
    made = sorted(path.name for path in Path("build/jobs").iterdir())
    assert made == [f"pipelines-data-dvc.yaml:{name}" for name in ("cell", "data")]
    run(CHAIN, jobs(cluster), known)
    assert len(acted.read_text().split()) == 3, "nothing is left to do"


def test_a_job_that_fails_is_tried_once_more(cluster: str, acted: Path, capfd):
    run([stage("shaky", "x"), plain("after", "y", "x")], jobs(cluster))
    assert acted.read_text().split() == ["shaky", "after"]
    assert "x is empty; fill it" in capfd.readouterr().out
    for name, said in ((".first.log", "fill it"), (".log", "")):
        log = Path("build/logs") / f"pipelines-data-dvc.yaml:shaky{name}"
        assert said in log.read_text()


def test_a_job_that_fails_twice_is_named(cluster: str, acted: Path):
    every = [stage("bad", "x"), stage("after", "y", "x"), stage("apart", "z")]
    said = f"stage {DATA}:bad: error: bad.csv: column x is empty.* 1 stages that need"
    with pytest.raises(ValueError, match=said):
        run(every, jobs(cluster))
    assert acted.read_text().split() == ["apart"]


def test_a_killed_run_is_gone_on_with(cluster: str, acted: Path, monkeypatch):
    """What ended is not done again, and the job that goes on is waited for."""
    child = subprocess.Popen([sys.executable, "-c", KILLED, cluster])
    wait_for(Path("slow.pid").exists)
    wait_for(lambda: acted.exists() and "table" in acted.read_text())
    wait_for(Path("build/done/table.json").exists)
    child.send_signal(signal.SIGKILL)
    child.wait()
    note = json.loads(note_of("slow").read_text())
    Path("acted.py").write_text(ACTED.replace('name == "slow"', "False"))
    os.kill(int(Path("slow.pid").read_text()), signal.SIGKILL)
    known = Known(Path(), {})
    run([*CHAIN, SLOW], jobs(cluster), known)
    assert acted.read_text().split() == ["data", "cell", "table", "slow"]
    assert known.is_current(SLOW) and not note_of("slow").exists()
    assert note["cluster"] == cluster


def note_of(name: str) -> Path:
    return Path(f"build/jobs/pipelines-data-dvc.yaml:{name}/note.json")


@pytest.fixture
def on_slurm(acted: Path, slurm_conf: Path, monkeypatch) -> Path:
    """The folder of the real Slurm, which the test may ask."""
    places = [str(SOURCE), str(Path(__file__).parents[3]), str(Path.cwd())]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(places))
    monkeypatch.setenv("SLURM_CONF", str(slurm_conf))
    return slurm_conf.parent


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"partition": "long"}, "[Ii]nvalid partition.*; name one that `sinfo` lists"),
        ({"minutes": 999}, r"waits for ever \(Part.*--minutes"),
        ({"cpus": 64}, r"waits for ever \(PartitionConfig\); ask for no more .*--cpus"),
    ],
)
def test_what_slurm_refuses_is_said_with_a_remedy(on_slurm, asked, said):
    with pytest.raises(ValueError, match=f"stage {DATA}:data: .*{said}"):
        run(CHAIN, jobs("slurm", **asked))
    assert not Path("order").exists()


def test_a_job_past_its_time_is_not_tried_again(on_slurm, capfd):
    Path("data").mkdir()
    Path("data/a").write_text("")
    executor = jobs("slurm")
    executor.asked = Asked(minutes=1)
    # Slurm looks at limits every half minute; a test tells it that time is up.
    cut = ["bash", "-c", CUT]
    with subprocess.Popen(cut) as child:
        said = "job [0-9]+ on node is TIMEOUT: it took longer than --minutes allows"
        with pytest.raises(ValueError, match=said):
            run([SLOW], executor)
        child.wait()
    assert "once more" not in capfd.readouterr().out


CUT = """
until test -e slow.pid; do sleep 0.2; done
scontrol update JobId=$(squeue --noheader --states=R --format=%i) EndTime=now
"""


def test_a_lost_node_is_said_and_another_tried(on_slurm: Path, capfd):
    """The node goes and comes again; what ran on it starts once more."""
    Path("data").mkdir()
    Path("data/a").write_text("")
    script = (
        "until test -e slow.pid; do sleep 0.2; done; "
        "sed -i 's/name == .slow./False/' acted.py; "
        "scontrol update NodeName=node State=DOWN Reason=test; sleep 5; "
        "scontrol update NodeName=node State=RESUME || true"
    )
    with subprocess.Popen(["bash", "-c", script]) as child:
        run([SLOW], jobs("slurm"))
        child.wait()
    assert Path("order").read_text().split() == ["slow"]
    told = capfd.readouterr().out
    assert "on node is NODE_FAIL: its node was lost; run again" in told
    assert "it is tried once more" in told


def test_a_silent_slurm_is_said(acted: Path, monkeypatch):
    if not slurm_node.installed():
        pytest.skip(slurm_node.NEEDS)
    conf = Path("slurm.conf").absolute()
    text = slurm_node.CONFIGURATION.format(
        host="localhost", controller=1, daemon=2, folder=conf.parent
    )
    conf.write_text(text.replace("MessageTimeout=5", "MessageTimeout=1"))
    monkeypatch.setenv("SLURM_CONF", str(conf))
    with pytest.raises(ValueError, match="ask `scontrol ping`, and run again once"):
        run(CHAIN, jobs("slurm"))
