from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from repro import files
from repro.features.densenet import (
    DenseNet,
    as_film,
    densenet_features,
    film_vector,
    load_densenet,
)
from repro.features.images import grey_square


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights whose batch norms have statistics of their own."""
    generator = torch.Generator().manual_seed(0)
    arrays = {}
    for name, value in DenseNet().state_dict().items():
        if value.dtype == torch.long:
            continue
        noise = torch.randn(value.shape, generator=generator)
        if "norm" in name and name.endswith(("weight", "running_var")):
            arrays[name] = (1 + 0.2 * noise.tanh()).numpy()
        else:
            spread = 1 / np.sqrt(value[0].numel()) if value.dim() > 1 else 0.1
            arrays[name] = (spread * noise).numpy()
    path = tmp_path_factory.mktemp("weights") / "densenet.safetensors"
    files.write_arrays(path, arrays | {"op_threshs": np.zeros(18, np.float32)})
    return path


@pytest.fixture(scope="module")
def network(weights: Path) -> DenseNet:
    return load_densenet(weights)


def test_size_and_names():
    network = DenseNet()
    assert sum(p.numel() for p in network.parameters()) == 6_966_034
    shapes = {name: tuple(p.shape) for name, p in network.named_parameters()}
    assert shapes["features.conv0.weight"] == (64, 1, 7, 7)
    assert shapes["features.denseblock1.denselayer1.norm1.weight"] == (64,)
    assert shapes["features.denseblock3.denselayer24.conv1.weight"] == (128, 992, 1, 1)
    assert shapes["features.denseblock4.denselayer16.conv2.weight"] == (32, 128, 3, 3)
    assert shapes["features.transition2.conv.weight"] == (256, 512, 1, 1)
    assert shapes["features.norm5.bias"] == (1024,)
    assert shapes["classifier.weight"] == (18, 1024)
    assert len(shapes) == 364


def functional_vectors(w: dict[str, Tensor], x: Tensor) -> Tensor:
    """The same network from its description, with functions and names only."""

    def normed(x: Tensor, name: str) -> Tensor:
        mean, variance = w[f"{name}.running_mean"], w[f"{name}.running_var"]
        scale = w[f"{name}.weight"] / (variance + 1e-5).sqrt()
        shift = w[f"{name}.bias"] - mean * scale
        return (x * scale[:, None, None] + shift[:, None, None]).clamp(min=0)

    x = functional.conv2d(x, w["features.conv0.weight"], stride=2, padding=3)
    x = functional.max_pool2d(normed(x, "features.norm0"), 3, 2, 1)
    for block, layers in enumerate((6, 12, 24, 16), start=1):
        for layer in range(1, layers + 1):
            name = f"features.denseblock{block}.denselayer{layer}"
            new = functional.conv2d(
                normed(x, f"{name}.norm1"), w[f"{name}.conv1.weight"]
            )
            new = normed(new, f"{name}.norm2")
            new = functional.conv2d(new, w[f"{name}.conv2.weight"], padding=1)
            x = torch.cat([x, new], dim=1)
        if block < 4:
            name = f"features.transition{block}"
            x = functional.conv2d(normed(x, f"{name}.norm"), w[f"{name}.conv.weight"])
            x = functional.avg_pool2d(x, 2)
    return normed(x, "features.norm5").mean(dim=(2, 3))


def test_agrees_with_a_functional_writing(weights: Path, network: DenseNet):
    stored = {k: torch.from_numpy(v) for k, v in files.read_arrays(weights).items()}
    films = torch.randn(2, 1, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        found, logits = network.vectors(films), network(films)
        expected = functional_vectors(stored, films)
    assert found.shape == (2, 1024) and logits.shape == (2, 18)
    assert (found >= 0).all() and found.std() > 0
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)
    classifier = stored["classifier.weight"], stored["classifier.bias"]
    torch.testing.assert_close(
        logits, functional.linear(expected, *classifier), rtol=1e-3, atol=1e-4
    )


def test_a_film_does_not_depend_on_its_mates(network: DenseNet):
    films = torch.randn(3, 1, 64, 64, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        whole = network.vectors(films)
        alone = torch.cat([network.vectors(film[None]) for film in films])
    torch.testing.assert_close(whole, alone, rtol=1e-4, atol=1e-5)


def test_loading_leaves_the_global_generator_alone(weights: Path):
    state = torch.random.get_rng_state()
    assert not load_densenet(weights).training
    assert (torch.random.get_rng_state() == state).all()


def without_stem(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {k: v for k, v in arrays.items() if k != "features.conv0.weight"}


def in_color(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    stem = arrays["features.conv0.weight"]
    return arrays | {"features.conv0.weight": np.repeat(stem, 3, axis=1)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without_stem, r"no weight features.conv0.weight \(1 such\)"),
        (in_color, r"features.conv0.weight has shape \(64, 3, 7, 7\), not \(64, 1"),
        (lambda a: a | {"extra": np.zeros(2)}, "an unknown weight extra"),
    ],
)
def test_wrong_weights_are_refused(weights: Path, tmp_path: Path, change, message):
    files.write_arrays(tmp_path / "w.safetensors", change(files.read_arrays(weights)))
    with pytest.raises(ValueError, match=message):
        load_densenet(tmp_path / "w.safetensors")


def test_absent_weights_are_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="no such file"):
        load_densenet(tmp_path / "w.safetensors")


def test_files_become_standardized_vectors(
    weights: Path, network: DenseNet, tmp_path: Path
):
    rng = np.random.default_rng(0)
    root = tmp_path / "root"
    root.mkdir()
    for i in range(4):
        small = Image.fromarray(rng.integers(0, 255, (6, 6), np.uint8))
        small.resize((240, 260)).save(root / f"{i}.jpg")
    (root / "2.jpg").write_bytes(b"broken")
    samples = pd.DataFrame({"id": list("abcd"), "split": ["train"] * 3 + ["test"]})
    images = pd.DataFrame({"id": list("abcd"), "hours": 1.0})
    images["path"] = [f"{i}.jpg" for i in range(4)]
    raw = [film_vector(network, root / f"{i}.jpg") for i in (0, 1, 3)]
    with torch.no_grad():
        film = as_film(grey_square(root / "3.jpg", 224))
        torch.testing.assert_close(torch.tensor(raw[2]), network.vectors(film)[0])
    ragged, about = densenet_features(
        samples, images, root, weights, folder=tmp_path / "cache", workers=2
    )
    mean, sd = np.mean(raw[:2], axis=0), np.std(raw[:2], axis=0)
    moves = sd > 1e-4 * np.maximum(1, mean)
    expected = (raw[0] - mean)[moves] / sd[moves]
    assert moves.sum() > 900
    np.testing.assert_allclose(ragged.values[0, moves], expected, atol=1e-3)
    assert ragged.lengths.tolist() == [1, 1, 0, 1]
    assert about["skipped"] == 1 and about["emptied_samples"] == ["c"]
    assert list(about["weights"]) == ["densenet.safetensors"]
    again, _ = densenet_features(
        samples, images, root, weights, folder=tmp_path / "fresh"
    )
    assert again.values.tobytes() == ragged.values.tobytes()
    none, _ = densenet_features(samples, images[:0], root, weights, folder=tmp_path)
    assert none.values.shape == (0, 1024)
