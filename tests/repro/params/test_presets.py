"""A bad value of a preset stops with its file and the key as it stands there."""

import re
from pathlib import Path

import pytest

from repro.params import load
from tests.repro.params.test_study import TEXT, written


@pytest.mark.parametrize(
    ("pattern", "replacement", "message"),
    [
        (r"epochs: 8", "epochs: 0", r"last_state\.training\.epochs = 0: .*to 1"),
        (
            r"epochs: 8",
            "epoch: 8",
            r"last_state\.training\.epoch: key .* did you mean 'epochs'",
        ),
        (
            r"width:",
            "widht:",
            r"last_state\.tokens\.widht: key of last_state\.tokens 'widht'",
        ),
        (r"simulated:", "simulate: {}\nsimulated:", r"simulate: key of the top level"),
        (r"stays: 3000", "stays: many", r"icu\.tree\.stays = 'many': .*integer"),
    ],
)
def test_a_bad_value_of_a_preset_is_named_with_its_file(
    pattern: str, replacement: str, message: str, tmp_path: Path
) -> None:
    written(tmp_path, TEXT)
    file = tmp_path / "presets/default.yaml"
    file.write_text(re.sub(pattern, replacement, file.read_text(), count=1))
    with pytest.raises(ValueError, match=rf"presets/default\.yaml: {message}"):
        load(tmp_path / "params.yaml")
