"""What every predictor without a network leaves, and how it is written down."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from repro.records import SPLITS, Ragged
from repro.report import Data, Method, Report

ORDER = ["method", "seed", "split", "id", "group", "y"]


@dataclass(frozen=True)
class Fit:
    """Predictions of every sample for each seed, and how they came about.

    Shape: `predictions` ends in `classes` where they are probabilities.
    """

    seeds: tuple[int, ...]
    predictions: Float[np.ndarray, "seeds samples *classes"]
    settings: dict[str, Any] = field(default_factory=dict)


def has_modality(samples: pd.DataFrame) -> Bool[np.ndarray, " samples"]:
    """Samples with any modality; the others take no part in anything."""
    present = [name for name in samples if str(name).startswith("present_")]
    return samples[present].to_numpy(bool).any(axis=1)


def checked_split(
    samples: pd.DataFrame, modalities: Mapping[str, Ragged]
) -> np.ndarray:
    """The split of each sample, `excluded` for one without any modality.

    Raises:
        ValueError: a split is empty, or a modality has another number of samples or no
            column that says where it is present.
    """
    split = np.where(has_modality(samples), samples["split"], "excluded")
    for name in SPLITS:
        if not (split == name).any():
            raise ValueError(
                f"samples.split: no sample is in {name!r}; prepare the data again"
            )
    for name, values in modalities.items():
        if f"present_{name}" not in samples:
            raise ValueError(
                f"samples: column present_{name} is absent; prepare the data again"
            )
        if len(values.lengths) != len(samples):
            raise ValueError(
                f"modality {name}: {len(values.lengths)} samples, but there are "
                f"{len(samples)}; make the features again"
            )
    return split


def prediction_table(samples: pd.DataFrame, fits: Mapping[str, Fit]) -> pd.DataFrame:
    """The fits as the rows of a run's predictions.parquet.

    Samples without any modality are left out, as in every training cell.
    """
    kept = has_modality(samples)
    columns = samples.loc[kept, ["split", "id", "group", "y"]]
    tables = []
    for name, fit in fits.items():
        for seed, values in zip(fit.seeds, fit.predictions, strict=True):
            table = columns.assign(method=name, seed=np.int64(seed))
            if values.ndim == 1:
                table["prediction"] = values[kept]
            else:
                for number, column in enumerate(values[kept].T):
                    table[f"p_{number}"] = column
            tables.append(table)
    table = pd.concat(tables, ignore_index=True)
    return table[ORDER + [name for name in table if name not in ORDER]]


def report(
    address: str,
    dataset: str,
    samples: pd.DataFrame,
    modalities: Mapping[str, Ragged],
    fits: Mapping[str, Fit],
    meta: Mapping[str, Any],
) -> Report:
    """The record of a run of predictors without a network."""
    kept = samples[has_modality(samples)]
    classes = 0 if meta["task"] == "regression" else meta["classes"]
    return Report(
        address=address,
        dataset=dataset,
        methods={name: Method(settings=fit.settings) for name, fit in fits.items()},
        data=Data(
            source=meta["source"],
            simulated=meta["simulated"],
            task=meta["task"],
            classes=classes,
            sizes={name: int((kept["split"] == name).sum()) for name in SPLITS},
            dims={name: m.values.shape[1] for name, m in modalities.items()},
            modalities=list(modalities),
            excluded=len(samples) - len(kept),
            notes=meta["notes"],
            warnings=meta["warnings"],
        ),
    )
