"""The hyper-parameters in force beside the printed ones."""

import pandas as pd

from repro.params import Params
from repro.results.published import contents
from repro.tables.rows import PlainTable, encoder_note, preset_note

ROUTERS = {"permod": "per_modality"}


def hyperparameters(params: Params) -> PlainTable:
    """Setting, value here, value printed, and whether they agree."""
    encoder = params.active.encoders[params.encoder]
    about_text = encoder_note(params.encoder, encoder.weights, encoder.finetune)
    notes = (preset_note(params.preset), f"{about_text} where the data have text")
    return PlainTable(_settings(params), notes)


def _settings(params: Params) -> pd.DataFrame:
    model = params.active.model
    ours: dict[str, object] = {
        "Number of Experts": params.experts,
        "FFN hidden size": model.expert_hidden,
        "Top k": params.top_k,
        "Router_type": model.router,
        "Hidden activation function": "GeLU",
        "Number of MoE layers": model.layers,
        "smoothing_factor_default (text 6.4)": params.alpha,
    }
    printed = contents()["hyperparameters"]
    missing = sorted(set(printed) ^ set(ours))
    if missing:
        raise ValueError(
            f"data/published/btw.yaml: hyperparameters {missing} stand on one side "
            "only; add them to repro.tables.settings"
        )
    rows = [
        {
            "setting": name.split(" (")[0].replace("_", " "),
            "here": str(value),
            "printed": str(printed[name]),
            "same": "yes" if value == _spelled_here(printed[name]) else "no",
        }
        for name, value in ours.items()
    ]
    return pd.DataFrame(rows)


def _spelled_here(value: object) -> object:
    return ROUTERS.get(value, value) if isinstance(value, str) else value
