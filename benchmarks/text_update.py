"""A weight update whose predictions travel as text: the baseline of `weights`.

It states plainly what the authors' released code does at every update: predictions
and residuals are written to CSV as lists in strings, read back with `literal_eval`,
compared row by row, and every instance looks its weights up by comparing its id with
a whole column. With `fused`, the fused vector of every instance travels the same way,
as in the released version that estimates variances from it (the estimator itself is
left out). Nothing is made slower than that; features are not rewritten here.
"""

from ast import literal_eval
from pathlib import Path
from time import process_time

import numpy as np
import pandas as pd
from sklearn.feature_selection import mutual_info_regression

from btw.divergence import DIVERGENCE_FLOOR

LOOKUPS = 60  # instances looked up; the time of all is their mean times the count


def written(
    path: Path, ids: np.ndarray, values: np.ndarray, y: np.ndarray, fused: int
) -> None:
    """Write predictions, labels, residuals and fused vectors as lists in strings."""
    frame = pd.DataFrame({"ids": ids})
    columns = {"Predicted": values, "Ground_Truth": y, "std": y - values}
    for name, column in columns.items():
        frame[name] = [str([float(value)]) for value in column]
    if fused:
        vectors = np.random.default_rng(0).normal(size=(len(ids), fused))
        frame["hidden"] = [str(vector) for vector in vectors.tolist()]
    frame.to_csv(path, index=False)


def parsed(path: Path) -> pd.DataFrame:
    """Read one model's file, with its strings evaluated back into numbers."""
    frame = pd.read_csv(path)
    for name in ("Predicted", "std"):
        frame[name] = frame[name].apply(literal_eval).apply(lambda row: row[0])
    if "hidden" in frame:
        frame["hidden"] = frame["hidden"].apply(literal_eval)
    return frame


def row_divergence(row: pd.Series, modality: int) -> float:
    """Divergence of one instance and modality, with residuals as deviations."""
    own, joint = abs(row[f"std_{modality}"]), abs(row["std"])
    gap = row[f"Predicted_{modality}"] - row["Predicted"]
    value = np.log(joint / own) + (own**2 + gap**2) / (2 * joint**2) - 0.5
    return max(value, DIVERGENCE_FLOOR)


def new_weights(folder: Path, modalities: int) -> pd.DataFrame:
    """Divergence shares times information, from the files of all models."""
    frame = parsed(folder / "joint.csv")
    for m in range(modalities):
        own = parsed(folder / f"{m}.csv")[["ids", "Predicted", "std"]]
        frame = frame.merge(own, on="ids", suffixes=("", f"_{m}"))
    names = [f"weight_{m}" for m in range(modalities)]
    for m, name in enumerate(names):
        frame[name] = frame.apply(row_divergence, axis=1, modality=m)
    shares = frame[names].div(frame[names].sum(axis=1), axis=0)
    information = np.array(
        [
            mutual_info_regression(
                frame[[f"Predicted_{m}"]].to_numpy(), frame["Predicted"], random_state=0
            )[0]
            for m in range(modalities)
        ]
    )
    information = np.maximum(information, DIVERGENCE_FLOOR)
    weights = shares * (information / information.sum())
    frame[names] = weights.div(weights.sum(axis=1), axis=0)
    return frame[["ids", *names]]


def text_update_seconds(
    folder: Path,
    unimodal: np.ndarray,
    multimodal: np.ndarray,
    y: np.ndarray,
    fused: int = 0,
) -> tuple[float, np.ndarray]:
    """Processor time of one whole update by text, and the weights it found."""
    samples, modalities = unimodal.shape
    ids = np.array([f"clip_{i:06d}" for i in range(samples)])
    start = process_time()
    for m in range(modalities):
        written(folder / f"{m}.csv", ids, unimodal[:, m], y, fused)
    written(folder / "joint.csv", ids, multimodal, y, fused)
    table = new_weights(folder, modalities)
    table.to_csv(folder / "weights.csv", index=False)
    seconds = process_time() - start

    start = process_time()
    for name in ids[:LOOKUPS]:
        found = table[table["ids"].astype(str) == name].iloc[0, 1:].to_numpy(float)
        _ = 0.5 * found + 0.5 * np.ones(modalities)
    seconds += (process_time() - start) * samples / min(LOOKUPS, samples)
    return seconds, table.iloc[:, 1:].to_numpy()
