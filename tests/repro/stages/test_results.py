"""The stage of the findings: a page, and the README where there is one."""

import json
import shutil
from pathlib import Path

import pytest

from repro.findings.page import BEGIN, END
from repro.stages import results
from tests.repro.conftest import ROOT
from tests.repro.findings.made_trees import numbers, tree
from tests.settings import copied_settings


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with params, presets, printed numbers and one table's metrics."""
    copied_settings(tmp_path, "default")
    shutil.copytree(ROOT / "data/published", tmp_path / "data/published")
    write(tmp_path, 0.05)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder: Path, mean: float) -> None:
    """Metrics of Table 3 with that difference of BTW."""
    path = folder / "metrics/btw_table3.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(tree(numbers(mean, 0.01))))


def test_prose_turns_with_the_metrics(folder: Path) -> None:
    readme = folder / "README.md"
    readme.write_text(f"# x\n\n{BEGIN}\n{END}\n")
    for mean, word in ((0.05, "worse"), (-0.05, "better")):
        write(folder, mean)
        results.main()
        for file in (readme, folder / "docs/results.md"):
            text = file.read_text()
            assert f"BTW is {word} than MoE by 0.050 MAE" in text
            assert text.count(" than MoE by ") == 1


def test_a_folder_without_a_readme_gets_the_page_alone(folder: Path) -> None:
    results.main()
    assert (folder / "docs/results.md").is_file()
    assert not (folder / "README.md").exists()
