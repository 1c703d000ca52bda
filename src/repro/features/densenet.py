"""DenseNet-121 for grey chest films, with weights from a local safetensors file."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional

from repro import files
from repro.data.checksums import sha256
from repro.features.cache import cached
from repro.features.images import grey_square
from repro.features.objects import (
    about_objects,
    about_skipped,
    no_objects,
    scaled_objects,
)
from repro.records import Ragged

SIZE, FEATURES, LOGITS = 224, 1024, 18
GROWTH, BOTTLENECK, LAYERS = 32, 128, (6, 12, 24, 16)
# Stored beside the weights by some releases, and of no use for features.
UNUSED = ("op_threshs", "num_batches_tracked")


class DenseLayer(nn.Module):
    """Adds `GROWTH` channels to those it receives."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, BOTTLENECK, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(BOTTLENECK)
        self.conv2 = nn.Conv2d(BOTTLENECK, GROWTH, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        narrow = self.conv1(functional.relu(self.norm1(x)))
        fresh = self.conv2(functional.relu(self.norm2(narrow)))
        return torch.cat([x, fresh], dim=1)


class Transition(nn.Module):
    """Halves the channels and both sides of the map."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.conv = nn.Conv2d(channels, channels // 2, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return functional.avg_pool2d(self.conv(functional.relu(self.norm(x))), 2)


class DenseNet(nn.Module):
    """DenseNet-121 with one input channel and 18 findings.

    Source: Huang et al. 2017, table 1; parameter names as in torchvision and
    torchxrayvision.
    """

    def __init__(self) -> None:
        super().__init__()
        channels = 2 * GROWTH
        self.features = nn.Sequential()
        stem = nn.Conv2d(1, channels, 7, stride=2, padding=3, bias=False)
        self.features.add_module("conv0", stem)
        self.features.add_module("norm0", nn.BatchNorm2d(channels))
        self.features.add_module("relu0", nn.ReLU())
        self.features.add_module("pool0", nn.MaxPool2d(3, stride=2, padding=1))
        for number, layers in enumerate(LAYERS, start=1):
            block = nn.Sequential()
            for layer in range(layers):
                dense = DenseLayer(channels + layer * GROWTH)
                block.add_module(f"denselayer{layer + 1}", dense)
            self.features.add_module(f"denseblock{number}", block)
            channels += layers * GROWTH
            if number < len(LAYERS):
                self.features.add_module(f"transition{number}", Transition(channels))
                channels //= 2
        self.features.add_module("norm5", nn.BatchNorm2d(channels))
        self.classifier = nn.Linear(channels, LOGITS)

    def vectors(
        self, films: Float[Tensor, "batch 1 height width"]
    ) -> Float[Tensor, "batch features"]:
        """What the classifier sees: ReLU and the mean over the map."""
        return functional.relu(self.features(films)).mean(dim=(2, 3))

    def forward(
        self, films: Float[Tensor, "batch 1 height width"]
    ) -> Float[Tensor, "batch logits"]:
        """Logits of the findings."""
        return self.classifier(self.vectors(films))


def load_densenet(path: Path) -> DenseNet:
    """The network in eval mode with the weights of a safetensors file.

    Raises:
        ValueError: the file cannot be read, or a weight is absent, unknown or of
            another shape.
    """
    stored = {
        name: value
        for name, value in files.read_arrays(path).items()
        if not name.endswith(UNUSED)
    }
    with torch.random.fork_rng(devices=[]):  # its first values are all replaced
        network = DenseNet()
    state = network.state_dict()
    needed = {name for name in state if not name.endswith(UNUSED)}
    _check_names(path, needed, set(stored))
    for name in sorted(needed):
        if stored[name].shape != tuple(state[name].shape):
            raise ValueError(
                f"{path}: {name} has shape {stored[name].shape}, not "
                f"{tuple(state[name].shape)}; give a DenseNet-121 with one input "
                f"channel and {LOGITS} outputs"
            )
        state[name] = torch.from_numpy(stored[name]).float()
    network.load_state_dict(state)
    return network.eval()


def _check_names(path: Path, needed: set[str], stored: set[str]) -> None:
    for wrong, word in ((needed - stored, "no"), (stored - needed, "an unknown")):
        if wrong:
            raise ValueError(
                f"{path}: {word} weight {min(wrong)} ({len(wrong)} such); name the "
                "weights as torchxrayvision does"
            )


def as_film(
    pixels: UInt8[np.ndarray, "height width"],
) -> Float[Tensor, "1 1 height width"]:
    """Pixels 0..255 on the scale -1024..1024 that the public weights expect.

    >>> as_film(np.array([[0, 255]], np.uint8)).flatten().tolist()
    [-1024.0, 1024.0]
    """
    scaled = torch.from_numpy(pixels.astype(np.float32)) / 255 * 2048 - 1024
    return scaled[None, None]


def film_vector(network: DenseNet, path: Path) -> Float[np.ndarray, " features"]:
    """The vector of one file.

    Raises:
        ValueError: the file is not a readable JPG.
    """
    film = as_film(grey_square(path, SIZE))
    with torch.inference_mode():
        return network.vectors(film)[0].numpy()


def densenet_features(
    samples: pd.DataFrame,
    images: pd.DataFrame,
    root: Path,
    weights: Path,
    *,
    folder: Path,
    workers: int = 1,
) -> tuple[Ragged, dict[str, Any]]:
    """Standardized vectors of all films, kept in `folder` by file and weights.

    Films are computed one by one: a vector is the same whichever others are missing
    from the cache.

    Raises:
        ValueError: the weights do not fit, or no image of a training sample can be
            read.
    """
    network = load_densenet(weights)
    total = sha256(weights)
    about = {"weights": {weights.name: total}}
    if images.empty:
        ragged = no_objects(samples, FEATURES)
        return ragged, about_objects("densenet", samples, images, FEATURES) | about
    found = cached(
        list(images["path"]),
        root,
        f"densenet121 {total} size={SIZE} version=1",
        partial(film_vector, network),
        folder,
        workers,
        threads=True,
    )
    table = images[found.kept]
    about |= about_objects("densenet", samples, table, FEATURES)
    about |= about_skipped(images, found)
    return scaled_objects(samples, table, found.values, is_even=False), about
