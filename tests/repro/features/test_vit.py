from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from transformers import BertConfig, BertModel, ViTConfig, ViTModel

from repro import files
from repro.features.vit import (
    film_vector,
    load_vit,
    picture_vector,
    vit_features,
)
from tests.repro.features.damaged_weights import DAMAGES, damaged


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("vit")
    config = ViTConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        image_size=32,
        patch_size=8,
    )
    ViTModel(config, add_pooling_layer=False).save_pretrained(place)
    preparation = {"image_mean": [0.5, 0.4, 0.6], "image_std": [0.2, 0.3, 0.25]}
    files.write_json(place / "preprocessor_config.json", preparation)
    return place


def save(path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 255, (4, 4), np.uint8))
    small.resize((32, 32)).save(path, quality=95)


def test_the_class_token_of_the_prepared_film(folder: Path, tmp_path: Path):
    save(tmp_path / "a.jpg", 0)
    encoder = load_vit(folder)
    with Image.open(tmp_path / "a.jpg") as image:
        grey = torch.tensor(np.asarray(image), dtype=torch.float32) / 255
    channels = [(grey - m) / s for m, s in ((0.5, 0.2), (0.4, 0.3), (0.6, 0.25))]
    with torch.no_grad():
        hidden = encoder.model(torch.stack(channels)[None]).last_hidden_state
    found = film_vector(encoder, tmp_path / "a.jpg")
    np.testing.assert_allclose(found, hidden[0, 0], atol=1e-5)


def test_features_of_files(folder: Path, tmp_path: Path):
    root = tmp_path / "root"
    root.mkdir()
    for i in range(3):
        save(root / f"{i}.jpg", i)
    samples = pd.DataFrame({"id": list("abc"), "split": ["train", "train", "test"]})
    images = pd.DataFrame({"id": list("abc"), "hours": 1.0})
    images["path"] = [f"{i}.jpg" for i in range(3)]
    ragged, about = vit_features(
        samples, images, root, folder, folder=tmp_path / "cache"
    )
    assert ragged.values.shape == (3, 16)
    np.testing.assert_allclose(ragged.values[:2].sum(axis=0), 0, atol=1e-4)
    assert "model.safetensors" in about["weights"] and about["skipped"] == 0
    none, _ = vit_features(samples, images[:0], root, folder, folder=tmp_path)
    assert none.values.shape == (0, 16)


def test_wrong_folders_are_refused(folder: Path, tmp_path: Path):
    with pytest.raises(ValueError, match=r"preprocessor_config.json: no such file"):
        load_vit(tmp_path)
    files.write_json(tmp_path / "preprocessor_config.json", {"image_mean": [0.5]})
    with pytest.raises(ValueError, match="could not be loaded"):
        load_vit(tmp_path)
    sizes = {"hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 8}
    config = BertConfig(**sizes, vocab_size=9, num_hidden_layers=1)
    BertModel(config).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="'bert' is no vision transformer"):
        load_vit(tmp_path)


def test_a_mean_for_each_channel_is_needed(folder: Path, tmp_path: Path):
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    files.write_json(tmp_path / "preprocessor_config.json", {"image_mean": [0.5]})
    with pytest.raises(ValueError, match=r"image_mean=\[0.5\]; give 3 numbers"):
        load_vit(tmp_path)


@pytest.mark.parametrize("damage", DAMAGES)
def test_weights_that_are_not_whole_are_refused(
    folder: Path, tmp_path: Path, damage: str
):
    place = damaged(folder, tmp_path / "vit", damage)
    with pytest.raises(ValueError, match=DAMAGES[damage]) as raised:
        load_vit(place)
    assert str(place) in str(raised.value)


def test_a_picture_is_seen_whole_and_in_color(folder: Path, tmp_path: Path):
    pixels = np.random.default_rng(0).integers(0, 255, (32, 32, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    encoder = load_vit(folder)
    color = torch.from_numpy(pixels.astype(np.float32) / 255).permute(2, 0, 1)
    mean, sd = torch.tensor([0.5, 0.4, 0.6]), torch.tensor([0.2, 0.3, 0.25])
    with torch.no_grad():
        scaled = (color - mean[:, None, None]) / sd[:, None, None]
        hidden = encoder.model(scaled[None]).last_hidden_state
    found = picture_vector(encoder, tmp_path / "a.png")
    np.testing.assert_allclose(found, hidden[0, 0], atol=1e-5)
    assert not np.allclose(found, film_vector_of(encoder, pixels, tmp_path), atol=1e-3)


def film_vector_of(encoder, pixels: np.ndarray, folder: Path) -> np.ndarray:
    Image.fromarray(pixels).save(folder / "a.jpg", quality=95)
    return film_vector(encoder, folder / "a.jpg")


def test_vectors_of_pictures_and_of_films_are_kept_apart(folder: Path, tmp_path: Path):
    root = tmp_path / "root"
    root.mkdir()
    for i in range(3):
        pixels = np.random.default_rng(i).integers(0, 255, (32, 32, 3), np.uint8)
        Image.fromarray(pixels).save(root / f"{i}.jpg")
    samples = pd.DataFrame({"id": list("abc"), "split": ["train", "train", "test"]})
    images = pd.DataFrame({"id": list("abc"), "hours": 1.0})
    images["path"] = [f"{i}.jpg" for i in range(3)]
    made = [
        vit_features(
            samples, images, root, folder, folder=tmp_path / "cache", in_color=color
        )[0].values
        for color in (False, True, False)
    ]
    assert np.array_equal(made[0], made[2]) and not np.allclose(made[0], made[1])
