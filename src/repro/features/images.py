"""Chest X-ray films: decoded small, and as principal components of their pixels."""

import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, UInt8
from PIL import Image
from sklearn.decomposition import PCA

from repro.features.cache import Cached, cached
from repro.features.objects import (
    about_objects,
    about_skipped,
    enough_to_fit,
    no_objects,
    scaled_objects,
    train_objects,
)
from repro.records import Ragged

# A picture of more pixels than any film is skipped like a damaged one. This is set
# once, because `catch_warnings` is not safe where films are decoded in threads.
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)
# Pillow reports a broken marker as SyntaxError.
DAMAGE = (
    OSError,
    ValueError,
    SyntaxError,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)


def grey_square(path: Path, size: int) -> UInt8[np.ndarray, "size size"]:
    """The middle square of a JPG in grey, `size` pixels wide.

    The file is decoded at the smallest scale of the JPG transform that is large enough.

    Departure: the released code resizes the whole film to a square, which changes its
    proportions.

    Raises:
        ValueError: the file is no JPG, is damaged or cut short, or has more pixels than
            `Image.MAX_IMAGE_PIXELS`.
    """
    try:
        with Image.open(path, formats=["JPEG"]) as image:
            image.draft("L", (size, size))
            grey = image.convert("L")
    except DAMAGE as error:
        raise ValueError(f"{path}: not a readable JPG ({error})") from error
    side = min(grey.size)
    left, top = (grey.width - side) // 2, (grey.height - side) // 2
    box = (left, top, left + side, top + side)
    resized = grey.resize((size, size), Image.Resampling.BILINEAR, box=box)
    return np.asarray(resized)


def rgb(path: Path, width: int, height: int) -> UInt8[np.ndarray, "height width 3"]:
    """A whole JPG or PNG in colors, resized.

    Raises:
        ValueError: the file is neither, is damaged or cut short, or has more pixels
            than `Image.MAX_IMAGE_PIXELS`.
    """
    try:
        with Image.open(path, formats=["JPEG", "PNG"]) as image:
            image.draft("RGB", (width, height))
            colors = image.convert("RGB")
    except DAMAGE as error:
        raise ValueError(f"{path}: not a readable JPG or PNG ({error})") from error
    return np.asarray(colors.resize((width, height), Image.Resampling.BILINEAR))


def grey_squares(
    paths: Sequence[str], root: Path, size: int, folder: Path, workers: int = 1
) -> Cached:
    """All films that can be read, from the cache where they are known.

    Raises:
        ValueError: there is no folder `root`, or no film at all can be read.
    """
    name = f"grey square size={size} version=1"
    decode = partial(grey_square, size=size)
    return cached(paths, root, name, decode, folder, workers)


def standardized_pixels(
    values: UInt8[np.ndarray, "images height width"],
) -> Float[np.ndarray, "images pixels"]:
    """Pixels of each image with mean 0 and sd 1; a uniform image becomes 0.

    >>> standardized_pixels(np.array([[[0, 2]], [[7, 7]]], np.uint8)).tolist()
    [[-1.0, 1.0], [0.0, 0.0]]
    """
    flat = values.reshape(len(values), -1).astype(np.float32)
    centered = flat - flat.mean(axis=1, keepdims=True)
    sd = centered.std(axis=1, keepdims=True)
    return np.divide(centered, sd, out=np.zeros_like(centered), where=sd > 0)


def pixel_features(
    samples: pd.DataFrame,
    images: pd.DataFrame,
    root: Path,
    *,
    size: int = 24,
    dims: int = 64,
    folder: Path,
    workers: int = 1,
) -> tuple[Ragged, dict[str, Any]]:
    """Principal components, learned on training images, of small standardized films.

    Departure: the original is a pretrained DenseNet-121; this one needs no download.

    Raises:
        ValueError: no image can be read, or there are fewer than `dims` of training
            samples.
    """
    if images.empty:
        ragged = no_objects(samples, dims)
        return ragged, about_objects("pixels", samples, images, dims)
    found = grey_squares(list(images["path"]), root, size, folder, workers)
    table = images[found.kept]
    is_train = train_objects(samples, table)
    enough_to_fit("dims", dims, (int(is_train.sum()), size * size))
    pixels = standardized_pixels(found.values)
    components = PCA(dims, svd_solver="covariance_eigh").fit(pixels[is_train])
    about = about_objects("pixels", samples, table, dims)
    about |= about_skipped(images, found)
    about["explained"] = float(components.explained_variance_ratio_.sum())
    vectors = components.transform(pixels)
    return scaled_objects(samples, table, vectors, is_even=True), about
