"""What is asked of Slurm, where its jobs are, and what its refusals mean.

`squeue` tells where they are: unlike `sacct` it needs no accounting database.
"""

import os
import shutil
import subprocess
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

PROGRAMS = ("sbatch", "squeue", "scancel")
MINUTES = 240
_FORMAT = "%i|%T|%r|%N"
_SECONDS = 60.0  # that an answer may take
# States of a job that is over, with what to do; others end it without a word of ours.
_REMEDIES: Mapping[str, str] = MappingProxyType(
    {
        "TIMEOUT": "it took longer than --minutes allows; raise them and run again",
        "DEADLINE": "it took longer than --minutes allows; raise them and run again",
        "OUT_OF_MEMORY": "it took more memory than --memory allows; raise it and run "
        "again",
        "NODE_FAIL": "its node was lost; run again, what has ended is kept",
        "BOOT_FAIL": "its node did not start; run again, what has ended is kept",
        "CANCELLED": "somebody cancelled it; run again, what has ended is kept",
        "PREEMPTED": "another job took its place; run again, or name a --partition "
        "whose jobs are not preempted",
    }
)
OVER = frozenset((*_REMEDIES, "COMPLETED", "FAILED", "REVOKED", "GONE"))
SURE = frozenset(_REMEDIES)  # no result can follow these
SAME_AGAIN = frozenset(("TIMEOUT", "DEADLINE", "OUT_OF_MEMORY", "CANCELLED"))
# Why a job waits that will wait for ever.
_NEVER: Mapping[str, str] = MappingProxyType(
    {
        "PartitionTimeLimit": "lower --minutes to what `sinfo` shows for the partition",
        "PartitionNodeLimit": "name another --partition (`sinfo` lists them)",
        "PartitionConfig": "ask for no more --minutes, --cpus, --memory or --gpus than "
        "`sinfo -o '%P %l %c %m %G'` shows, or name another --partition",
        "BadConstraints": "ask for less, or name another --partition (`sinfo`)",
        "InvalidAccount": "set SBATCH_ACCOUNT to an account of yours",
        "InvalidQOS": "set SBATCH_QOS to one that your account has",
        "JobHeldAdmin": "ask its administrator, who holds the job",
        "JobHeldUser": "release it (scontrol release) or cancel it",
        "launch failed requeued held": "look at the nodes with `sinfo -R`",
    }
)
# Part of what sbatch says, and what to do.
_REFUSALS = (
    ("partition", "name one that `sinfo` lists with --partition"),
    ("account", "set SBATCH_ACCOUNT to an account of yours"),
    ("qos", "set SBATCH_QOS to one that your account has"),
    ("time limit", "lower --minutes to what `sinfo` shows for the partition"),
    ("memory", "lower --memory to what a node has (`sinfo -o '%P %m'`)"),
    ("node configuration", "ask for fewer --cpus, --gpus or less --memory"),
    ("generic resource", "ask for no more --gpus than a node has (`sinfo -o '%P %G'`)"),
)
_PASSING = ("contact slurm", "timed out", "temporarily", "connection", "zero bytes")


@dataclass(frozen=True)
class Asked:
    """What each job may take; None: what the cluster gives by itself.

    Units: minutes, cores, GB, GPUs.
    """

    partition: str | None = None
    minutes: int = MINUTES
    cpus: int | None = None
    memory: int | None = None
    gpus: int | None = None

    def parameters(self) -> dict[str, object]:
        """The same in the words of submitit.

        No warning signal goes ahead of a time limit (a delay of 0), and the command
        runs without srun, which since Slurm 22.05 gives it a single core.
        """
        return {
            "timeout_min": self.minutes,
            "cpus_per_task": self.cpus,
            "mem_gb": self.memory,
            "gpus_per_node": self.gpus,
            "stderr_to_stdout": True,
            "slurm_partition": self.partition,
            "slurm_signal_delay_s": 0,
            "slurm_use_srun": False,
        }


@dataclass(frozen=True)
class State:
    """Where a job is: the word of Slurm, why it waits, its nodes."""

    word: str
    reason: str = ""
    nodes: str = ""


def require() -> None:
    """Stop where Slurm is not.

    Raises:
        ValueError: names the program that is missing.
    """
    for program in PROGRAMS:
        if shutil.which(program) is None:
            raise ValueError(
                f"--executor slurm: no {program} on the PATH; log in to a machine that "
                "submits to Slurm, or leave --executor slurm out"
            )


def states(jobs: Collection[str]) -> dict[str, State]:
    """Where jobs are; one that Slurm no longer knows is GONE.

    Raises:
        OSError: Slurm does not answer.
    """
    command = ["squeue", "--noheader", "--states=all", f"--format={_FORMAT}"]
    told = _asked([*command, f"--user={os.getuid()}"])
    found = dict(_read(line) for line in told.splitlines() if line.count("|") == 3)
    return {job: found.get(job, State("GONE")) for job in jobs}


def _read(line: str) -> tuple[str, State]:
    """One line of squeue.

    >>> _read("17|PENDING|Resources|")
    ('17', State(word='PENDING', reason='Resources', nodes=''))
    """
    job, word, reason, nodes = line.strip().split("|")
    return job, State(word, reason, nodes)


def cancel(job: str) -> bool:
    """End a job; whether Slurm has taken the order."""
    try:
        _asked(["scancel", job])
    except OSError:
        return False
    return True


def _asked(command: list[str]) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise OSError(f"{command[0]} gave no answer in {_SECONDS:.0f} s") from error
    if done.returncode:
        raise OSError(last_line(done.stderr) or f"{command[0]} failed without a word")
    return done.stdout


def is_passing(said: str) -> bool:
    """Whether a refusal of sbatch may be gone in a while."""
    return any(part in said.lower() for part in _PASSING)


def refusal(name: str, said: str) -> str:
    """What sbatch says of a stage, in one sentence, with what to do."""
    word = last_line(said).removeprefix("sbatch: error: ")
    word = word.removeprefix("Batch job submission failed: ")
    if is_passing(said):
        remedy = "ask `scontrol ping`, and run again once it answers"
    else:
        fitting = [r for part, r in _REFUSALS if part in word.lower()]
        remedy = fitting[0] if fitting else "change the options and run again"
    return f"stage {name}: Slurm refuses its job: {word}; {remedy}"


def never(name: str, state: State) -> str | None:
    """Why a job that waits will wait for ever, and what to do; None if it will not."""
    if state.word != "PENDING" or state.reason not in _NEVER:
        return None
    return f"stage {name}: waits for ever ({state.reason}); {_NEVER[state.reason]}"


def lost(name: str, job: str, state: State) -> str:
    """Why a job ended without a result, and what to do."""
    place = f" on {state.nodes}" if state.nodes else ""
    remedy = _REMEDIES.get(
        state.word,
        "it left no result here; see that its node has this folder and this Python, "
        "and run again",
    )
    return f"stage {name}: job {job}{place} is {state.word}: {remedy}"


def last_line(text: str) -> str:
    """The last line that says something.

    >>> last_line("a\\nb\\n\\n")
    'b'
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""
