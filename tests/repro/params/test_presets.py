"""A bad value of a preset stops with its file and the key as it stands there."""

import re
import shlex
from pathlib import Path

import pytest
from dvc.utils.cli_parse import to_path_overrides
from dvc.utils.hydra import apply_overrides

from repro.params import load
from repro.params.presets import Encoder
from repro.results.published import contents
from repro.tables.i2moe_settings import settings
from tests.repro.params.test_study import TEXT, written
from tests.settings import copied_settings


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
        (
            r"    finetune: none",
            "    finetune: last",
            r"encoders\.bert\.finetune = 'last': .*'none', 'all' or 'last_k'",
        ),
        (
            r"    finetune: none",
            "    finetune: last_k",
            r"encoders\.bert: finetune = 'last_k' without last_k; write last_k",
        ),
        (
            r"    finetune: none",
            "    finetune: last_k\n    last_k: 99",
            r"encoders\.bert: last_k = 99, but layers = \d+; set last_k to \d+ or less",
        ),
        (
            r"    finetune: none",
            "    finetune: last_k\n    last_k: -1",
            r"encoders\.bert\.last_k = -1: .*greater than or equal to 0",
        ),
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


def encoder(finetune: object, last_k: int | None = None) -> Encoder:
    """One of three layers."""
    sizes = {"architecture": "bert", "weights": "random", "hidden": 8, "layers": 3}
    sizes |= {"heads": 2, "vocabulary": 50, "max_length": 9, "pooling": "mean"}
    sizes |= {"batch": 2, "lr": 0.1, "seed": 0, "finetune": finetune, "last_k": last_k}
    return Encoder.model_validate(sizes)


@pytest.mark.parametrize(
    ("made", "dumped", "tuned"),
    [
        (encoder("none", 2), False, False),
        (encoder("last_k", 0), False, False),
        (encoder("all"), True, True),
        (encoder("last_k", 3), True, True),
        (encoder("last_k", 2), "last_k", "last 2"),
    ],
)
def test_what_is_trained_is_written_as_ever(
    made: Encoder, dumped: bool | str, tuned: bool | str
) -> None:
    content = made.model_dump()
    assert content["finetune"] == dumped and made.tuned == tuned
    assert ("last_k" in content) == made.keeps_lower == (dumped == "last_k")
    again = Encoder.model_validate(content)
    assert again.model_dump() == content and again.tuned == tuned
    assert made.is_frozen == (tuned is False)
    assert "finetune" not in made.model_dump(exclude={"finetune"})


def test_the_told_command_gives_enrico_the_settings_of_table7(tmp_path: Path) -> None:
    (told,) = re.findall(
        r"^dvc exp run .*experts@enrico$", Path("docs/presets.md").read_text(), re.M
    )
    copied_settings(tmp_path, "default")
    words = shlex.split(told)
    given = [words[k + 1] for k, word in enumerate(words) if word == "-S"]
    for file, changes in to_path_overrides(given).items():
        apply_overrides(tmp_path / file, changes)
    params = load(tmp_path / "params.yaml")
    here = settings(params, "enrico", "concat_transformer")
    printed = contents("i2moe")["hyperparameters"]["table7"]["values"]["ENRICO"]
    assert here is not None and params.preset == "paper"
    # What the settings hold and the paper prints; one linear head is no setting.
    assert {n: v for n, v in here.items() if n != "num_layers_pred"} == {
        name: printed[name] for name in here if name != "num_layers_pred"
    }
    assert set(here) >= {"train_epochs", "batch_size", "hidden_dim", "num_heads"}
