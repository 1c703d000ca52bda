"""Stages as jobs that submitit hands to Slurm, or to processes of this machine.

Data, features and training (pipelines/) are jobs; tables, figures and pages, seconds
each, stay here. A job runs the command that DVC would run, so it leaves the same bytes.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import submitit
from submitit.core.utils import FailedJobError, FailedSubmissionError

from repro import files
from repro.stages import slurm
from repro.stages.forks import Forks, clear
from repro.stages.graph import Stage
from repro.stages.known import slug
from repro.stages.schedule import Ended, failure, log_of
from repro.stages.slurm import OVER, SAME_AGAIN, SURE, Asked, State

JOBS = Path("build/jobs")  # a folder for each stage, of submitit and of ours
SLURM, LOCAL = "slurm", "local"
TICK = 1.0  # seconds between two looks for results


@dataclass(frozen=True)
class Pace:
    """Seconds: between two questions to the queue or two tries to submit; that a file
    of a node may take to be seen here; that the queue may be silent.
    """

    poll: float = 10.0
    grace: float = 60.0
    silence: float = 600.0


NEAR = Pace(poll=1.0, grace=5.0)  # of processes of this machine


@dataclass
class Job:
    """A stage in the hands of the queue; `over` since it told so, without a result."""

    number: str
    started: float
    own: Any = None
    over: float | None = None


@dataclass
class Jobs:
    """Jobs of a cluster (slurm or local), `most` at once, and `here` for the rest."""

    cluster: str
    asked: Asked
    most: int
    here: Forks
    pace: Pace = Pace()
    running: dict[str, Job] = field(default_factory=dict)
    past: list[Job] = field(default_factory=list)
    states: dict[str, State] = field(default_factory=dict)
    looked: float = 0.0
    heard: float = field(default_factory=time.monotonic)

    def start(self, stage: Stage, inputs: str) -> None:
        """Submit a stage, or go on with the job that an earlier run left for it.

        Raises:
            ValueError: Slurm refuses the job, or cannot be reached.
        """
        if stays_here(stage):
            self.here.start(stage, inputs)
            return
        job = self._left(stage.address, inputs)
        if job is None:
            shutil.rmtree(_place(stage.address), ignore_errors=True)
            own = self._submitted(stage)
            job = Job(own.job_id, time.monotonic(), own)
            note = {"job": job.number, "inputs": inputs, "cluster": self.cluster}
            files.write_json(_note(stage.address), note)
        self.running[stage.address] = job

    def _submitted(self, stage: Stage) -> Any:
        """The job of a stage; a queue that is silent is asked for a while."""
        executor = submitit.AutoExecutor(_place(stage.address), cluster=self.cluster)
        executor.update_parameters(name=stage.name, **self.asked.parameters())
        until = time.monotonic() + self.pace.silence
        while True:
            try:
                return executor.submit(run_there, stage, os.getcwd())
            except (FailedJobError, FailedSubmissionError) as error:
                said = str(error)
                if not slurm.is_passing(said) or time.monotonic() > until:
                    raise ValueError(slurm.refusal(stage.address, said)) from error
            time.sleep(self.pace.poll)

    def _left(self, name: str, inputs: str) -> Job | None:
        """The job of an earlier run of this program that makes the same, if any.

        One that makes something else by now is ended: it would write between.
        """
        if not _note(name).is_file():
            return None
        note = files.read_json(_note(name))
        cluster, number = note["cluster"], note["job"]
        state = _states(cluster, [number])[number]
        same = note["inputs"] == inputs and cluster == self.cluster
        if same and (state.word not in OVER or _status(name).is_file()):
            return Job(number, time.monotonic())
        while state.word not in OVER:
            _cancel(cluster, number)
            time.sleep(TICK)
            state = _states(cluster, [number])[number]
        return None

    def ended(self, seconds: float | None) -> list[Ended]:
        """What has ended, waited for no longer than that."""
        until = None if seconds is None else time.monotonic() + seconds
        while True:
            self._look()
            found = [*self._ended_jobs(), *self.here.ended(TICK)]
            if found or (until is not None and time.monotonic() >= until):
                return found

    def _look(self) -> None:
        """Ask the queue where the jobs are, not too often."""
        now = time.monotonic()
        if not self.running or now - self.looked < self.pace.poll:
            return
        self.looked = now
        numbers = [job.number for job in self.running.values()]
        try:
            self.states = _states(self.cluster, numbers)
            self.heard = now
        except OSError as error:
            if now - self.heard > self.pace.silence:
                raise ValueError(
                    f"Slurm has been silent for {self.pace.silence:.0f} s ({error}); "
                    "ask `scontrol ping`, and run again once it answers: its jobs go on"
                ) from error

    def _ended_jobs(self) -> Iterator[Ended]:
        for name, job in list(self.running.items()):
            end = self._end(name, job)
            if end is not None:
                self.past.append(self.running.pop(name))
                _note(name).unlink()
                yield end

    def _end(self, name: str, job: Job) -> Ended | None:
        """How a job ended, or None while it has not."""
        if _status(name).is_file():
            code = files.read_json(_status(name))["code"]
            return Ended(name, failure(name, code) if code else None)
        if self.looked <= job.started or job.number not in self.states:
            return None
        state, now = self.states[job.number], time.monotonic()
        if why := slurm.never(name, state):
            _cancel(self.cluster, job.number)
            return Ended(name, why, again=False)
        if state.word not in OVER:
            job.over = None
            return None
        job.over = job.over or now
        if state.word not in SURE and now - job.over < self.pace.grace:
            return None
        again = state.word not in SAME_AGAIN
        return Ended(name, slurm.lost(name, job.number, state), again)

    def stop(self) -> None:
        """End everything that runs; what cannot be ended now is found the next time."""
        self.here.stop()
        for name, job in self.running.items():
            if _cancel(self.cluster, job.number):
                _note(name).unlink(missing_ok=True)
        if self.cluster == LOCAL:  # processes of ours, to be waited for
            for job in [*self.past, *self.running.values()]:
                if job.own is not None:
                    job.own.wait()


def stays_here(stage: Stage) -> bool:
    """Whether a stage is too short for a queue: tables, figures, pages."""
    return stage.file == "dvc.yaml"


def run_there(stage: Stage, folder: str) -> None:
    """Run a stage as DVC does, where the job is, and leave its exit status.

    None where the job was told to end: the queue then knows why.
    """
    os.chdir(folder)
    clear(stage)
    log_of(stage.address).parent.mkdir(parents=True, exist_ok=True)
    with log_of(stage.address).open("w") as log:
        command = [sys.executable, *stage.cmd.split()[1:]]
        code = subprocess.call(command, stdout=log, stderr=subprocess.STDOUT)
    if code != -signal.SIGTERM:
        files.write_json(_status(stage.address), {"code": code})


def _place(name: str) -> Path:
    return JOBS / slug(name)


def _note(name: str) -> Path:
    """Which job makes a stage now, and from what."""
    return _place(name) / "note.json"


def _status(name: str) -> Path:
    return _place(name) / "status.json"


def _states(cluster: str, numbers: Collection[str]) -> dict[str, State]:
    if cluster == SLURM:
        return slurm.states(numbers)
    return {n: State("RUNNING" if _lives(int(n)) else "GONE") for n in numbers}


def _cancel(cluster: str, number: str) -> bool:
    if cluster == SLURM:
        return slurm.cancel(number)
    if _lives(int(number)):
        os.kill(int(number), signal.SIGINT)  # its controller ends what it started
    return True


def _lives(pid: int) -> bool:
    """Whether that process is there and one of submitit's."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return b"submitit" in words  # nothing is left in the line of one that has ended
