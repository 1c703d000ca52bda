"""The library stands alone: built, installed where NumPy and SciPy are, and used."""

import os
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from dataclasses import dataclass, is_dataclass
from email.parser import HeaderParser
from importlib.metadata import distribution
from pathlib import Path

import pytest

import btw
from tests.pipeline_graph import ROOT

NEEDED = {"numpy", "scipy"}
BUILD = "from setuptools import build_meta; build_meta.build_sdist('dist')"
# Runs in the empty environment: every module of the library, with its examples.
USE = """
import doctest, importlib, importlib.metadata, pkgutil, sys
import btw
from pathlib import Path
names = ["btw", *(f"btw.{m.name}" for m in pkgutil.iter_modules(btw.__path__))]
tried = [doctest.testmod(importlib.import_module(name)) for name in names]
assert sum(t.failed for t in tried) == 0 and sum(t.attempted for t in tried) >= 30
assert all(getattr(btw, name).__doc__ for name in btw.__all__)
files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
parts = [Path(f).parts for f in files if f and "site-packages" in f]
loaded = {p[p.index("site-packages") + 1].removesuffix(".py") for p in parts}
print(importlib.metadata.version("btw"), Path(btw.__file__).is_relative_to(sys.prefix))
print(*sorted(loaded))
"""


@dataclass(frozen=True)
class Package:
    """A built wheel, and the Python of an environment that has it installed."""

    wheel: Path
    python: Path


def run(*command: str | Path, cwd: Path) -> str:
    """Output of a command that must succeed, without settings of the user."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def pip(*words: str | Path, cwd: Path) -> str:
    """Output of pip, which must not ask any index."""
    return run(sys.executable, "-m", "pip", "--isolated", *words, cwd=cwd)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """A wheel made of a source archive, installed beside NumPy and SciPy alone."""
    folder = tmp_path_factory.mktemp("package")
    source, built = folder / "source", folder / "built"
    for name in ("pyproject.toml", "README.md", "LICENSE", "requirements.txt"):
        source.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, source / name)
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "src", source / "src", ignore=ignored)
    run(sys.executable, "-c", BUILD, cwd=source)
    (archive,) = (source / "dist").glob("btw-*.tar.gz")
    offline = ("--no-index", "--no-deps")
    pip("wheel", *offline, "--no-build-isolation", "-w", built, archive, cwd=folder)
    (wheel,) = built.glob("btw-*.whl")
    environment = folder / "environment"
    venv.create(environment, symlinks=True)
    python = environment / "bin/python"
    pip("--python", python, "install", *offline, wheel, cwd=folder)
    (packages,) = environment.glob("lib/python*/site-packages")
    for needed in NEEDED:
        link(needed, packages)
    return Package(wheel, python)


def link(name: str, packages: Path) -> None:
    """Show an installed distribution, and nothing beside it, to an environment."""
    found = distribution(name)
    tops = {file.parts[0] for file in found.files or () if file.parts[0] != ".."}
    for top in tops:
        (packages / top).symlink_to(Path(str(found.locate_file(top))))


def test_it_works_with_numpy_and_scipy_alone(package: Package, tmp_path: Path) -> None:
    pip("--python", package.python, "check", cwd=tmp_path)
    told = run(package.python, "-I", "-W", "error", "-c", USE, cwd=tmp_path)
    about, loaded = told.splitlines()
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert about == f"{version} True"
    assert set(loaded.split()) == {"btw", *NEEDED}


def test_another_package_would_be_found(package: Package, tmp_path: Path) -> None:
    without = USE.replace("import btw\n", "import btw, repro\n", 1)
    told = run(package.python, "-I", "-c", without, cwd=tmp_path)
    assert "repro" in told.splitlines()[1].split()


def test_the_wheel_needs_no_more_and_the_extra_is_the_pins(package: Package) -> None:
    with zipfile.ZipFile(package.wheel) as files:
        names = files.namelist()
        (metadata,) = [n for n in names if n.endswith(".dist-info/METADATA")]
        told = HeaderParser().parsestr(files.read(metadata).decode())
    needed = told.get_all("Requires-Dist") or []
    assert {n for n in needed if ";" not in n} == NEEDED
    extra = {n.split(";")[0].strip() for n in needed if "extra ==" in n}
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    assert extra == {line for line in lines if line and not line.startswith("#")}
    assert told.get_all("Provides-Extra") == ["papers"]
    tables = {n for n in names if n.endswith(".csv")}
    csvs = {p.relative_to(ROOT / "src").as_posix() for p in ROOT.glob("src/**/*.csv")}
    assert tables == csvs and {n.split("/")[0] for n in names} >= {"btw", "repro"}


def test_public_names_are_what_they_are_called() -> None:
    assert sorted(btw.__all__) == btw.__all__
    for name in btw.__all__:
        found = getattr(btw, name)
        assert found.__module__.startswith("btw.") and found.__name__ == name
        # What a function returns is shown in the example of the function.
        is_shown = ">>> " in found.__doc__ or is_dataclass(found)
        assert is_shown, f"btw.{name}: give it an example"
