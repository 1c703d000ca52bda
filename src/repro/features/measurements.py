"""The numbers that the ECG cart itself measured, for use without any waveform."""

from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pandas as pd

from repro.data.mimiciv.layout import MEASUREMENTS
from repro.features.objects import about_objects, no_objects, ragged_objects
from repro.features.timeseries import irregular, observed_scale
from repro.records import Ragged


def measurement_features(
    samples: pd.DataFrame, ecgs: pd.DataFrame, measurements: pd.DataFrame
) -> tuple[Ragged, dict[str, Any]]:
    """Nine z-scores, 0 where missing, then their mask.

    The study of an ECG is the last part of its path. Mean and sd are those of the
    training samples.

    Raises:
        ValueError: a path does not end in a number, or no training sample has a
            measurement.
    """
    width = 2 * len(MEASUREMENTS)
    if ecgs.empty:
        ragged = no_objects(samples, width)
        return ragged, about_objects("measurements", samples, ecgs, width)
    studies = [_study(path) for path in ecgs["path"]]
    by_study = measurements.drop_duplicates("study_id").set_index("study_id")
    values = by_study.reindex(studies)[list(MEASUREMENTS)].to_numpy(np.float32)
    raw = ragged_objects(samples, ecgs, values)
    is_train = (samples["split"] == "train").to_numpy()
    features = irregular(raw, observed_scale(raw, is_train))
    about = about_objects("measurements", samples, ecgs, width)
    about["without_measurements"] = int(np.isnan(values).all(axis=1).sum())
    return features, about


def _study(path: str) -> int:
    name = PurePosixPath(path).name
    if not name.isdecimal():
        raise ValueError(
            f"path={path!r}: the last part is no study number; give paths as in "
            "record_list.csv"
        )
    return int(name)
