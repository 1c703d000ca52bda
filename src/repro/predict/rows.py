"""New rows as a run's models take them: checked, encoded, on the scale of train."""

from collections.abc import Collection
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from repro.cells.tensors import tensors
from repro.data.npy_files import npy_array
from repro.data.preparing import presence
from repro.data.rows import Modalities, read_rows
from repro.features.encoders.loading import weight_sums
from repro.features.reading import Features
from repro.features.series import standardized
from repro.features.text import encoded_alike
from repro.models.batch import Inputs
from repro.models.fusions.interface import ANCHOR, fusion_class
from repro.predict.stored import scales, vocabulary
from repro.records import Ragged, Texts
from repro.training.description import Description, Modality


def read_inputs(
    path: Path, description: Description, fusions: Collection[str]
) -> tuple[pd.Series, Inputs]:
    """Ids and tensors of new rows, for models of these fusions.

    Raises:
        ValueError: the rows do not fit the run; names file, modality and rows.
    """
    ids, modalities = read_rows(path, description.table)
    _check_shapes(path, modalities, description)
    _check_present(path, ids, modalities, description, fusions)
    samples = pd.DataFrame({"id": ids, "y": 0.0})
    for name, modality in modalities.items():
        samples[f"present_{name}"] = presence(modality)
    made = _features(modalities, description)
    ordered = {part.name: made[part.name] for part in description.modalities}
    return ids, tensors(Features(samples, ordered, {}), torch.device("cpu"))


def _features(modalities: Modalities, description: Description) -> dict[str, Ragged]:
    scale = scales(description)
    made = {}
    for name, modality in modalities.items():
        if isinstance(modality, Ragged):
            made[name], _ = standardized(modality, scale[name])
            continue
        encoder = description.text
        assert encoder is not None  # a run on texts has one
        if weight_sums(encoder) != description.weights_sha256:
            raise ValueError(
                f"{encoder.weights}: holds other files than the encoder that "
                f"{description.address} was trained on; put those back"
            )
        is_random = encoder.weights == "random"
        entries = vocabulary(description) if is_random else []
        made[name] = encoded_alike(encoder, entries, scale[name], modality.values)
    return made


def _check_shapes(path: Path, modalities: Modalities, description: Description) -> None:
    for name, modality in modalities.items():
        if isinstance(modality, Texts):
            continue
        trained = description.modality(name)
        place = path.parent / description.table.arrays[name]
        width = modality.values.shape[1]
        if width != trained.features:
            raise ValueError(
                f"{place}: {name} has {width} features, {description.address} was "
                f"trained on {trained.features}; give those, in their order"
            )
        if trained.longest > 1 and npy_array(place).ndim == 2:
            raise ValueError(
                f"{place}: {name} has one vector per row, {description.address} was "
                "trained on sequences; save (samples, time, features)"
            )
        if trained.longest == 1 and (modality.lengths > 1).any():
            raise ValueError(
                f"{place}: {name} has sequences, {description.address} was trained on "
                "one vector per row; save (samples, features)"
            )


def _check_present(
    path: Path,
    ids: pd.Series,
    modalities: Modalities,
    description: Description,
    fusions: Collection[str],
) -> None:
    present = {name: presence(modality) for name, modality in modalities.items()}
    nothing = ~np.any(list(present.values()), axis=0)
    if nothing.any():
        raise ValueError(f"{path}: {_counted(ids, nothing)} no modality; drop them")
    for part in description.modalities:
        absent = ~present[part.name]
        reason = _needed(part, description, fusions)
        if absent.any() and reason:
            raise ValueError(
                f"{path}: {_counted(ids, absent)} no {part.name}, but {reason}; drop "
                "them or choose another run"
            )


def _needed(part: Modality, description: Description, fusions: Collection[str]) -> str:
    """Why every row must have a modality, or nothing."""
    if part.always and description.missing == "embedding":
        return "no train row was without it, so that its stand-in was never trained"
    anchored = [n for n in fusions if fusion_class(n).needs_text == "everywhere"]
    if part.name == ANCHOR and anchored:
        return f"{', '.join(anchored)} needs it everywhere"
    return ""


def _counted(ids: pd.Series, chosen: np.ndarray) -> str:
    first = ", ".join(ids[chosen].head(5))
    return f"{int(chosen.sum())} rows (first ids {first}) have"
