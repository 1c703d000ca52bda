"""A temporary clone of the repository, small if asked, and commands run in it."""

import fnmatch
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from repro import paths
from repro.findings.provenance import place_of_block
from repro.stages.graph import yaml_content
from tests.pipeline_graph import ROOT

RESULTS = ("data/simulated", "data/ingested", "data/prepared", "data/features", "runs")


@dataclass(frozen=True)
class Clone:
    """A working copy with its own git repository and DVC cache."""

    path: Path

    @property
    def environment(self) -> dict[str, str]:
        """The clone's own code first, one thread, no settings of the user."""
        tools = Path(sys.executable).parent
        return {
            **os.environ,
            "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(self.path / "src"),
            "OMP_NUM_THREADS": "1",
            "DVC_NO_ANALYTICS": "1",
            "DVC_SITE_CACHE_DIR": str(self.path.parent / f"{self.path.name}.site"),
            "GIT_CONFIG_GLOBAL": os.devnull,
        }

    def run(self, command: str, expect: int = 0, **options: Any) -> str:
        """Output of a shell command that must end with status `expect`."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=self.path,
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            check=False,
            **options,
        )
        if (done.returncode == 0) != (expect == 0):
            raise AssertionError(f"{command}: status {done.returncode}\n{done.stdout}")
        return done.stdout

    def start(self, command: list[str], **options: Any) -> subprocess.Popen:
        """A process in the clone that nobody waits for yet; first word a module."""
        return subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=self.path,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **options,
        )

    def commit(self, message: str) -> None:
        """Put everything git may track into a commit."""
        self.run(f"git add -A && git commit -q --allow-empty -m '{message}'")

    def sums(self, *places: str, but: Iterable[str] = ()) -> dict[str, str]:
        """Checksum of each file below the places, by path; temporary ones left out."""
        found = {}
        for place in places:
            start = self.path / place
            for file in [start] if start.is_file() else sorted(start.rglob("*")):
                name = file.relative_to(self.path).as_posix()
                if file.is_file() and not matches(name, ("*.tmp", "*.gitignore", *but)):
                    found[name] = hashlib.sha256(file.read_bytes()).hexdigest()
        return found

    def locked(self) -> dict[str, Any]:
        """Every stage of every dvc.lock by its address."""
        found = {}
        for lock in sorted(self.path.rglob("dvc.lock")):
            file = lock.with_name("dvc.yaml").relative_to(self.path).as_posix()
            prefix = "" if file == "dvc.yaml" else f"{file}:"
            for name, entry in yaml_content(lock)["stages"].items():
                found[f"{prefix}{name}"] = entry
        return found

    def copy(self, path: Path) -> "Clone":
        """A second clone with the same results, cache and history."""
        shutil.copytree(self.path, path, symlinks=True)
        return Clone(path)


def matches(name: str, patterns: Iterable[str]) -> bool:
    """Whether a path fits one of the patterns."""
    return any(fnmatch.fnmatch(name, pattern) for pattern in patterns)


def clone(path: Path) -> Clone:
    """The files that git tracks or would track, in a new repository."""
    listed = subprocess.run(
        ["git", "ls-files", "-coz", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, path / name)
    made = Clone(path)
    made.run("git init -q -b main && git config commit.gpgsign false")
    made.run("git config user.name tests && git config user.email tests@localhost")
    made.commit("Start")
    return made


def small_clone(path: Path) -> Clone:
    """A clone on the tiny preset with two seeds, nothing run yet."""
    made = clone(path)
    for name in ("metrics", "plots"):
        shutil.rmtree(path / name, ignore_errors=True)
    for folder in (place_of_block("any").parent, paths.REAL):  # dependencies
        (path / folder).mkdir(parents=True)
        (path / folder / ".gitkeep").touch()
    for lock in path.rglob("dvc.lock"):
        lock.unlink()
    yaml, file = YAML(), path / paths.PARAMS
    content = yaml.load(file)
    content.update(preset="tiny", seeds=[0, 1])
    content["statistics"].update(resamples=200, auroc_resamples=200)
    yaml.dump(content, file)
    made.commit("Shrink")
    return made
