"""What no cell could train is told before anything is made."""

import re
from pathlib import Path

import pytest

from repro import paths
from repro.stages import check
from tests.settings import copied_settings


@pytest.fixture(params=["default", "tiny", "paper"])
def preset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Path:
    """The file of a preset in force, in a copy of params and presets."""
    copied_settings(tmp_path, request.param)
    monkeypatch.chdir(tmp_path)
    return tmp_path / f"presets/{request.param}.yaml"


def changed(file: Path, pattern: str, value: str) -> None:
    """The first place of a pattern in a file becomes another text."""
    text, count = re.subn(pattern, value, file.read_text(), count=1)
    assert count == 1
    file.write_text(text)


def test_the_presets_are_whole(preset: Path) -> None:
    check.main()


@pytest.mark.parametrize(
    ("pattern", "value", "message"),
    [
        (
            "{rank: ",
            "{rnk: ",
            r"last_state\.fusions\.low_rank: .*'rnk' is unknown; did",
        ),
        (r"{rank: \d+", "{rank: many", r"low_rank: .*rank = 'many'"),
        (r"{rank: \d+, ", "{", r"low_rank: .*rank: Field required"),
        (r"{rank: \d+", "{rank: 0", r"low_rank: .*rank = 0: .*greater"),
        (
            "  low_rank: {",
            "  x: {}\n    low_rank: {",
            r"fusions\.x: fusion 'x' is unknown",
        ),
    ],
)
def test_sizes_of_no_fusion_are_named(
    preset: Path, pattern: str, value: str, message: str
) -> None:
    changed(preset, pattern, value)
    with pytest.raises(ValueError, match=message) as error:
        check.main()
    assert "yaml: " in str(error.value)


def test_a_run_of_another_cell_is_told_too(preset: Path) -> None:
    file = preset.parent.parent / paths.cells("own")
    own = "  own:\n    odd: {dataset: mosi, fusion: ithp, trains: [unimodal, ithp]}\n"
    changed(file, r"(?m)^  own:.*\n", own)
    with pytest.raises(ValueError, match=r"cells\.own\.odd: fusion ithp relates text"):
        check.main()
