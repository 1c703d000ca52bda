"""What simulators write is not told again, and what is told otherwise is refused."""

import re
from pathlib import Path

import pytest

from repro import paths
from repro.params import load
from tests.repro.params.test_study import TEXT, loaded, written


def test_a_set_is_described_as_its_simulator_writes_it(tmp_path: Path) -> None:
    known = written(tmp_path, TEXT).datasets
    mix = known.planted["planted_three"]
    assert mix.source == "table" and mix.task == "classification"
    assert Path(mix.path) == paths.simulated("planted_three")
    assert mix.table is not None and mix.table.label == "y"
    assert mix.table.arrays == {name: f"{name}.npy" for name in ("m1", "m2", "m3")}
    draw = known.fresh["hidden_2"]
    assert draw.source == "simulated" and draw.groups == known.files["mosi"].groups
    assert Path(draw.path) == paths.simulated("hidden_2") / "aligned_50.pkl"


@pytest.mark.parametrize(
    ("pattern", "replacement", "told"),
    [
        (r"modalities: \[m1, m2\]\}", "}", "table.arrays = {}: the simulator writes"),
        (r"modalities: \[m1, m2\]\}", "path: a}", "is not what the simulator writes"),
        (r"modalities: \[m1, m2\]\}", "modality: [m1]}", "modality: key of"),
        (r"\[zero, one\]", "[zero]", "with 1 classes"),
        (r"visible_1: \{title", "visible_1: {titel", "did you mean 'title'"),
        (r"hidden_3: \{title", "hidden_4: {title", "draw of simulation 'hidden_4' is"),
    ],
)
def test_what_it_does_not_write_is_refused(
    pattern: str, replacement: str, told: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError) as caught:
        loaded(tmp_path, pattern, replacement)
    assert told in str(caught.value), caught.value


def test_a_fresh_draw_without_sizes_is_refused(tmp_path: Path) -> None:
    written(tmp_path, TEXT)
    preset = tmp_path / "presets" / "default.yaml"
    sizes = preset.read_text()
    assert "  hidden_3: [" in sizes
    preset.write_text(re.sub(r"  hidden_3: \[.*\n", "", sizes))
    with pytest.raises(
        ValueError, match=r"hidden_3: the preset has no sizes simulated"
    ):
        load(tmp_path / "params.yaml")
