"""A real Slurm of one node on this machine, with its own configuration and ports."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "scontrol")
NEEDS = "needs Debian's slurm-wlm and munge, and root: apt-get install slurm-wlm munge"
CONFIGURATION = """\
ClusterName=one
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={daemon}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SlurmdTimeout=6
KillWait=1
MessageTimeout=5
OverTimeLimit=0
JobRequeue=0
SchedulerParameters=sched_interval=1,batch_sched_delay=0
NodeName=node NodeHostname={host} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=short Nodes=node Default=YES MaxTime=60 State=UP
"""


def installed() -> bool:
    """Whether all of Slurm is here, and may be started."""
    return os.geteuid() == 0 and all(_program(name) for name in PROGRAMS)


class NoSlurmError(RuntimeError):
    """Slurm is installed, and this machine does not let it run."""


@contextmanager
def node(folder: Path) -> Iterator[Path]:
    """A Slurm that runs as long as the block; gives its configuration.

    Raises:
        NoSlurmError: its daemons do not start here.
    """
    for name in ("state", "spool", "munge"):
        (folder / name).mkdir(parents=True)
    # munged wants a socket that everybody may reach, below folders nobody may write.
    for place in (folder / "munge", folder, *folder.parents):
        if place.stat().st_mode & 0o055 != 0o055:
            place.chmod(place.stat().st_mode | 0o055)
    key = folder / "munge.key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o600)
    conf = folder / "slurm.conf"
    host, (controller, daemon) = socket.gethostname(), free_ports()
    conf.write_text(
        CONFIGURATION.format(
            host=host, controller=controller, daemon=daemon, folder=folder
        )
    )
    started: list[Path] = []
    try:
        try:
            _start(folder, started)
        except (AssertionError, OSError, subprocess.SubprocessError) as error:
            raise NoSlurmError(f"a Slurm of a node does not start: {error}") from error
        yield conf
    finally:
        for file in reversed(started):
            end(file)


def _start(folder: Path, started: list[Path]) -> None:
    munge = folder / "munge"
    started.append(munge / "pid")
    _run("munged", "--force", f"--key-file={folder}/munge.key", *_places(munge))
    for name in ("slurmctld", "slurmd"):
        started.append(folder / f"{name}.pid")
        start(name, folder)
    wait_for(lambda: "idle" in _asked(folder, "sinfo", "--noheader", "--format=%T"))


def start(name: str, folder: Path) -> None:
    """Start one daemon of a Slurm in that folder."""
    more = ["-N", "node"] if name == "slurmd" else []
    _run(name, "-f", str(folder / "slurm.conf"), *more)


def end(file: Path, sign: int = signal.SIGTERM) -> None:
    """End the daemon whose process number stands in a file, and wait for it."""
    if not file.is_file():
        return
    pid = int(file.read_text())
    with suppress(ProcessLookupError):
        os.kill(pid, sign)
    wait_for(lambda: not _lives(pid))


def wait_for(is_so: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait until something is so.

    Raises:
        AssertionError: it is not after that time.
    """
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until, "still not so"
        time.sleep(0.1)


def free_ports() -> tuple[int, int]:
    """Two ports that nobody listens at."""
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        return one.getsockname()[1], two.getsockname()[1]


def _places(munge: Path) -> list[str]:
    files = {"socket": "socket", "pid-file": "pid", "log-file": "log"}
    named = {**files, "seed-file": "seed"}
    return [f"--{option}={munge / name}" for option, name in named.items()]


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")


def _run(name: str, *words: str) -> None:
    found = _program(name)
    assert found, NEEDS
    subprocess.run([found, *words], check=True, capture_output=True, timeout=60)


def _asked(folder: Path, *command: str) -> str:
    environment = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf")}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False
    )
    return done.stdout


def _lives(pid: int) -> bool:
    """Whether a process is there and has not ended."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
