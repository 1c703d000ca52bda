"""Vectors of films and pictures from a vision transformer in a local folder."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor
from transformers import AutoModel, PreTrainedModel

from repro import files
from repro.data.checksums import sha256
from repro.features.cache import cached
from repro.features.encoders.loading import loading, whole_model
from repro.features.images import grey_square, rgb
from repro.features.objects import (
    about_objects,
    about_skipped,
    no_objects,
    scaled_objects,
)
from repro.records import Ragged

_REMEDY = (
    "give a folder with config.json, preprocessor_config.json and safetensors weights"
)
KINDS = (".json", ".safetensors", ".bin")  # files that decide the vectors


@dataclass(frozen=True)
class FilmTransformer:
    """A model with what its `preprocessor_config.json` says of its input."""

    model: PreTrainedModel
    size: int
    mean: tuple[float, ...]
    sd: tuple[float, ...]


def load_vit(folder: Path) -> FilmTransformer:
    """Model in eval mode, such as ViT or DINOv2, read without any network.

    Raises:
        ValueError: the folder lacks a file, its weights lack a parameter or are of
            other sizes, or the model is no vision transformer.
    """
    preparation = files.read_json(folder / "preprocessor_config.json")
    with loading(str(folder), _REMEDY):
        model = whole_model(AutoModel, str(folder), local_files_only=True)
    config = model.config
    if not hasattr(config, "image_size") or not hasattr(config, "hidden_size"):
        raise ValueError(
            f"{folder}: {config.model_type!r} is no vision transformer; give ViT or "
            "DINOv2 weights"
        )
    size, channels = config.image_size, config.num_channels
    mean = _per_channel(folder, preparation, "image_mean", channels)
    sd = _per_channel(folder, preparation, "image_std", channels)
    return FilmTransformer(model, size, mean, sd)


def _per_channel(
    folder: Path, preparation: dict, name: str, channels: int
) -> tuple[float, ...]:
    values = preparation.get(name)
    if not isinstance(values, list) or len(values) != channels:
        raise ValueError(
            f"{folder}/preprocessor_config.json: {name}={values!r}; give {channels} "
            "numbers"
        )
    return tuple(float(value) for value in values)


def film_vector(encoder: FilmTransformer, path: Path) -> Float[np.ndarray, " features"]:
    """The class token of one file.

    Raises:
        ValueError: the file is not a readable JPG.
    """
    grey = grey_square(path, encoder.size).astype(np.float32) / 255
    return _class_token(
        encoder, torch.from_numpy(grey).expand(len(encoder.mean), -1, -1)
    )


def picture_vector(
    encoder: FilmTransformer, path: Path
) -> Float[np.ndarray, " features"]:
    """The class token of one color picture, resized to the square of the model.

    Raises:
        ValueError: the file is not a readable JPG or PNG, or the model has not three
            channels.
    """
    if len(encoder.mean) != 3:
        raise ValueError(
            f"a model of {len(encoder.mean)} channels sees no colors; give one of three"
        )
    colors = rgb(path, encoder.size, encoder.size).astype(np.float32) / 255
    return _class_token(encoder, torch.from_numpy(colors).permute(2, 0, 1))


def _class_token(
    encoder: FilmTransformer, pixels: Float[Tensor, "channels height width"]
) -> Float[np.ndarray, " features"]:
    mean, sd = (torch.tensor(x)[:, None, None] for x in (encoder.mean, encoder.sd))
    with torch.inference_mode():
        hidden = encoder.model(((pixels - mean) / sd)[None]).last_hidden_state
    return hidden[0, 0].numpy()


def vit_features(
    samples: pd.DataFrame,
    images: pd.DataFrame,
    root: Path,
    weights: Path,
    *,
    folder: Path,
    workers: int = 1,
    in_color: bool = False,
) -> tuple[Ragged, dict[str, Any]]:
    """Standardized class tokens of all films, kept in `folder` by file and weights.

    Pictures `in_color` are seen whole, films as their middle square in grey.

    Raises:
        ValueError: the model cannot be loaded, or no image of a training sample can be
            read.
    """
    encoder = load_vit(weights)
    features = encoder.model.config.hidden_size
    sums = {p.name: sha256(p) for p in sorted(weights.iterdir()) if p.suffix in KINDS}
    about: dict[str, Any] = {"weights": sums}
    if images.empty:
        ragged = no_objects(samples, features)
        return ragged, about_objects("vit", samples, images, features) | about
    found = cached(
        list(images["path"]),
        root,
        f"vit {sorted(sums.items())} version=1{' in color' if in_color else ''}",
        partial(picture_vector if in_color else film_vector, encoder),
        folder,
        workers,
        threads=True,
    )
    table = images[found.kept]
    about |= about_objects("vit", samples, table, features)
    about |= about_skipped(images, found)
    return scaled_objects(samples, table, found.values, is_even=False), about
