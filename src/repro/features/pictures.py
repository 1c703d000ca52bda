"""Pictures of samples as vectors, whose scale and components are learned on train."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, UInt8
from sklearn.decomposition import PCA

from repro.features.cache import Cached, cached
from repro.features.images import rgb
from repro.features.objects import (
    about_objects,
    about_skipped,
    enough_to_fit,
    no_objects,
    scaled_objects,
    train_objects,
)
from repro.params import presets
from repro.records import Pictures, Ragged


def picture_features(
    samples: pd.DataFrame,
    pictures: Pictures,
    root: Path,
    settings: presets.Pictures,
    *,
    folder: Path,
    workers: int = 1,
) -> tuple[Ragged, dict[str, Any]]:
    """One vector per picture that can be read, and what a meta file says of them.

    Departure: the released loaders flip and crop test wireframes as they do training
    ones, and normalise nothing.

    Raises:
        ValueError: no picture of a training sample can be read, the weights do not
            fit, or there are fewer training pictures than `dims`.
    """
    is_there = np.array(pictures.paths) != ""
    table = pd.DataFrame({"id": samples["id"], "hours": 0.0, "path": pictures.paths})
    table = table[is_there].reset_index(drop=True)
    if settings.encoder == "vit":
        from repro.features.vit import vit_features  # seconds to import

        ragged, about = vit_features(
            samples,
            table,
            root,
            Path(settings.weights),
            folder=folder,
            workers=workers,
            in_color=True,
        )
    else:
        ragged, about = _components(samples, table, root, settings, folder, workers)
    return Ragged(ragged.values, ragged.offsets), about


def standardized_colors(
    values: UInt8[np.ndarray, "pictures height width 3"],
    is_train: Bool[np.ndarray, " pictures"],
) -> Float[np.ndarray, "pictures pixels"]:
    """Pixels with mean 0 and sd 1 in each color of the training pictures.

    >>> values = np.array([[[[0, 9, 9]]], [[[2, 9, 9]]]], np.uint8)
    >>> standardized_colors(values, np.array([True, True])).tolist()
    [[-1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]
    """
    train = values[is_train].astype(np.float64)
    mean, sd = train.mean(axis=(0, 1, 2)), train.std(axis=(0, 1, 2))
    scale = np.divide(1.0, sd, out=np.zeros_like(sd), where=sd > 0)
    return ((values - mean) * scale).reshape(len(values), -1).astype(np.float32)


def _components(
    samples: pd.DataFrame,
    table: pd.DataFrame,
    root: Path,
    settings: presets.Pictures,
    folder: Path,
    workers: int,
) -> tuple[Ragged, dict[str, Any]]:
    """Principal components of small pictures, learned on those of train."""
    width, height, dims = settings.width, settings.height, settings.dims
    if table.empty:
        none = no_objects(samples, dims)
        return none, about_objects("pixels", samples, table, dims)
    found = _decoded(table, root, width, height, folder, workers)
    kept = table[found.kept]
    is_train = train_objects(samples, kept)
    enough_to_fit("dims", dims, (int(is_train.sum()), 3 * width * height))
    pixels = standardized_colors(found.values, is_train)
    components = PCA(dims, svd_solver="covariance_eigh").fit(pixels[is_train])
    about = about_objects("pixels", samples, kept, dims) | about_skipped(table, found)
    about["explained"] = float(components.explained_variance_ratio_.sum())
    vectors = components.transform(pixels)
    return scaled_objects(samples, kept, vectors, is_even=True), about


def _decoded(
    table: pd.DataFrame,
    root: Path,
    width: int,
    height: int,
    folder: Path,
    workers: int,
) -> Cached:
    name = f"rgb width={width} height={height} version=1"
    decode = partial(rgb, width=width, height=height)
    return cached(list(table["path"]), root, name, decode, folder, workers)
