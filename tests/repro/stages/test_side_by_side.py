"""What is run, where, and what DVC is told."""

from pathlib import Path

import pytest

from repro.stages.forks import Forks, module_of
from repro.stages.graph import stages
from repro.stages.side_by_side import (
    QUICK_LOCK,
    alone,
    copied,
    executor_of,
    main,
    read_options,
)


def test_a_quick_copy_is_on_the_tiny_preset_and_holds_no_result(
    tmp_path: Path,
) -> None:
    root = Path(__file__).parents[3]
    copied(root, tmp_path / "quick")
    found = {path.name for path in (tmp_path / "quick").iterdir()}
    settings = {"params.yaml", "simulators.yaml", "names.yaml", "presets", "cells"}
    assert found == settings | {"dvc.yaml", "pipelines", "none", "data"}
    text = (tmp_path / "quick/params.yaml").read_text()
    assert "preset: tiny" in text and "# S  scientific" not in text.split("\n")[0]


def test_a_quick_copy_sees_your_own_files(tmp_path: Path) -> None:
    source, quick = tmp_path / "source", tmp_path / "quick"
    copied(Path(__file__).parents[3], source)
    own = source / "data/raw/wine/samples.csv"
    own.parent.mkdir(parents=True)
    own.write_text("id\n1\n")
    copied(source, quick)
    copied(source, quick)
    assert (quick / "data/raw/wine/samples.csv").read_text() == "id\n1\n"
    assert own.is_file()


def test_modules_of_all_stages_exist():
    root = Path(__file__).parents[3]
    for one in stages(root):
        assert module_of(one).startswith("repro.stages.")


def test_a_second_run_stays_away(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = "another side_by_side works here"
    with alone(), pytest.raises(ValueError, match=said), alone():
        pass
    with alone():
        pass


def test_a_second_quick_run_leaves_the_folder_of_the_first(
    tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["side_by_side", "--quick"])
    made = tmp_path / "build/quick/metrics/made.json"
    made.parent.mkdir(parents=True)
    made.touch()
    said = "another side_by_side works here"
    with alone(QUICK_LOCK), pytest.raises(ValueError, match=said):
        main()
    assert made.is_file()
    assert Path.cwd() == tmp_path


@pytest.mark.parametrize(
    "words",
    [
        ["--partition", "long"],
        ["--minutes", "5", "--executor", "local"],
        ["--gpus", "1", "--executor", "processes"],
    ],
)
def test_options_of_slurm_need_slurm(words: list[str]) -> None:
    with pytest.raises(ValueError, match=f"{words[0]} is for Slurm; add --executor"):
        read_options(words)


@pytest.mark.parametrize("word", ["0", "-1", "1.5", "many", ""])
def test_numbers_are_whole_and_positive(
    word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        read_options(["--executor", "slurm", "--minutes", word])
    assert "is no whole number from 1" in capsys.readouterr().err


def test_without_slurm_the_program_that_is_missing_is_named(monkeypatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ValueError, match="no sbatch on the PATH; log in to a machine"):
        executor_of(read_options(["--executor", "slurm"]), [])


def test_here_as_many_run_as_asked() -> None:
    assert executor_of(read_options(["--jobs", "3"]), []) == Forks(3, [])


def test_the_documented_command_is_understood() -> None:
    page = (Path(__file__).parents[3] / "docs/scale.md").read_text()
    line = next(x for x in page.splitlines() if x.startswith("python -m repro"))
    options = read_options(line.split()[3:])
    assert options.executor == "slurm" and options.minutes == 240
    offered = {f"--{name}" for name in vars(options)} - {"--quick", "--executor"}
    assert all(f"`{name}`" in page for name in offered)
