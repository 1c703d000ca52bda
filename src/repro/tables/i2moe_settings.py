"""Tables 7 to 10 of I2MoE: printed hyper-parameters, and those in force here."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from repro.params import Params
from repro.params.interactions import Interaction
from repro.results.published import contents, keys_of_datasets
from repro.tables.blocks import preset_note
from repro.tables.i2moe_cells import FULL, GROUP, PAPER
from repro.tables.rows import PlainTable

NONE_HERE = "none"
HEAD_LAYERS = 1  # a linear one, of every fusion that has the setting printed
DATA = ("modality",)  # printed among the settings, but of the data
NOTES = (
    "printed, and what is in force here where it differs; no cell: experts of that "
    "fusion are not trained on these data here",
    "the paper prints the four tables without captions; which is of which fusion "
    "follows from the released scripts",
    f"{NONE_HERE}: there is nothing here that it could be: a modality has the tokens "
    "and the encoder of the preset",
)


def hyperparameters(params: Params) -> PlainTable:
    """Every printed setting by fusion, a column for each data set."""
    keys, told = keys_of_datasets(PAPER), contents(PAPER)
    rows = []
    for table in told["hyperparameters"].values():
        if not isinstance(table, dict):
            continue  # a note beside the tables
        fusion = told["methods"][table["backbone"]].removesuffix(f"_{FULL}")
        ours = {name: settings(params, key, fusion) for name, key in keys.items()}
        every = (name for own in table["values"].values() for name in own)
        names = [name for name in dict.fromkeys(every) if name not in DATA]
        rows += [
            {"fusion": table["backbone"], "setting": name.replace("_", " ")}
            | {d: _cell(v[name], ours[d], name) for d, v in table["values"].items()}
            for name in names
        ]
    return PlainTable(pd.DataFrame(rows), [preset_note(params.preset), *NOTES])


def _cell(printed: object, ours: Mapping[str, Any] | None, name: str) -> str:
    if ours is None:
        return f"{printed} (no cell)"
    here = ours.get(name, NONE_HERE)
    return str(printed) if here == printed else f"{printed} (here {here})"


def settings(params: Params, key: str, fusion: str) -> Mapping[str, Any] | None:
    """Settings of interaction experts of a fusion by their printed names.

    None where no cell trains them on the data set; those without a counterpart lack.
    """
    recipe = params.recipes.get(f"{GROUP}/{key}/{FULL}")
    if recipe is None or fusion not in recipe.trains:
        return None
    models, asked = params.models(recipe.dataset), recipe.interaction or Interaction()
    sizes, training = models.fusions[fusion], models.training
    return {
        "lr": training.lr,
        "temperature_rw": asked.reweighting.temperature,
        "hidden_dim_rw": asked.reweighting.hidden,
        "num_layer_rw": asked.reweighting.layers,
        "interaction_loss_weight": asked.strength,
        "train_epochs": training.epochs * recipe.times_epochs,
        "batch_size": training.batch,
        "hidden_dim": models.tokens.width,
        "num_layers_pred": HEAD_LAYERS,
        **_of_sizes(sizes),
    }


def _of_sizes(sizes: Mapping[str, Any]) -> dict[str, Any]:
    """What a fusion calls otherwise than the paper, as far as it has it."""
    known = {
        "num_experts": "experts",
        "num_layers_fus": "layers",
        "num_heads": "heads",
        "tau": "temperature",
        "threshold": "threshold",
    }
    found = {name: sizes[own] for name, own in known.items() if own in sizes}
    return found | ({"hard": True} if "threshold" in sizes else {})  # InterpretCC's
