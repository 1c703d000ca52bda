"""Pictures as vectors: learned on train, and what cannot be read."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.decomposition import PCA

from repro.features.images import rgb
from repro.features.pictures import picture_features, standardized_colors
from repro.params import presets
from repro.records import Pictures, Ragged
from tests.repro.made_screens import picture

SMALL = presets.Pictures(
    screens=100,
    films=200,
    subjects=100,
    visits=100,
    encoder="pixels",
    weights="none",
    width=6,
    height=10,
    dims=4,
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "raw").mkdir()
    for k in range(24):
        Image.fromarray(picture(k)).save(tmp_path / f"raw/{k}.png")
    return tmp_path / "raw"


def samples(count: int = 24) -> pd.DataFrame:
    splits = [("train", "train", "valid", "test")[k % 4] for k in range(count)]
    return pd.DataFrame({"id": [str(k) for k in range(count)], "split": splits})


def made(root: Path, *, absent: tuple[int, ...] = ()) -> tuple[Ragged, dict]:
    paths = ["" if k in absent else f"{k}.png" for k in range(24)]
    folder = root.parent / "cache"
    return picture_features(samples(), Pictures(paths), root, SMALL, folder=folder)


def test_a_jpg_and_a_png_are_seen_whole_and_in_color(tmp_path: Path):
    pixels = np.zeros((64, 32, 3), np.uint8)
    pixels[:32, :, 0], pixels[32:, :, 2] = 200, 200
    for name in ("a.jpg", "a.png"):
        Image.fromarray(pixels).save(tmp_path / name, quality=95)
        found = rgb(tmp_path / name, 4, 8).astype(int)
        assert found.shape == (8, 4, 3)
        assert np.abs(found[0, 0] - [200, 0, 0]).max() < 8, name
        assert np.abs(found[-1, -1] - [0, 0, 200]).max() < 8, name


@pytest.mark.parametrize("kind", ["jpg", "png"])
@pytest.mark.parametrize("how", ["cut", "empty", "text"])
def test_what_is_no_picture_is_refused(tmp_path: Path, kind: str, how: str):
    path = tmp_path / f"a.{kind}"
    Image.fromarray(picture(0, 64, 64)).save(path)
    content = path.read_bytes()
    changed = {"cut": content[: len(content) // 2], "empty": b"", "text": b"<html>"}
    path.write_bytes(changed[how])
    with pytest.raises(ValueError, match=rf"a\.{kind}: not a readable JPG or PNG"):
        rgb(path, 8, 8)


def test_components_are_those_of_the_training_pictures(root: Path):
    found, about = made(root)
    values = np.stack([rgb(root / f"{k}.png", 6, 10) for k in range(24)])
    is_train = (samples()["split"] == "train").to_numpy()
    pixels = standardized_colors(values, is_train)
    components = PCA(4, svd_solver="full").fit(pixels[is_train])
    expected = components.transform(pixels)
    expected -= expected[is_train].mean(axis=0)
    expected /= np.sqrt((expected[is_train] ** 2).mean())
    np.testing.assert_allclose(np.abs(found.values), np.abs(expected), atol=1e-3)
    assert found.times is None and found.lengths.tolist() == [1] * 24
    assert (about["objects"], about["train_objects"], about["features"]) == (24, 12, 4)


def test_other_splits_change_no_vector_but_their_own(root: Path):
    before, _ = made(root)
    Image.fromarray(picture(1000)).save(root / "3.png")  # a test picture
    after, _ = made(root)
    assert np.flatnonzero((before.values != after.values).any(axis=1)).tolist() == [3]


def test_the_colors_of_train_are_the_scale():
    generator = np.random.default_rng(0)
    values = generator.integers(0, 255, (6, 4, 3, 3)).astype(np.uint8)
    is_train = np.arange(6) < 4
    found = standardized_colors(values, is_train).reshape(6, 4, 3, 3)
    np.testing.assert_allclose(found[:4].mean(axis=(0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(found[:4].std(axis=(0, 1, 2)), 1, rtol=1e-5)
    assert np.abs(found[4:].mean(axis=(0, 1, 2))).max() > 1e-3


def test_damaged_pictures_are_counted_and_listed_and_absent_ones_are_not(root: Path):
    (root / "5.png").write_bytes((root / "5.png").read_bytes()[:200])
    (root / "6.png").unlink()
    found, about = made(root, absent=(0, 7))
    lost = [0, 5, 6, 7]
    assert np.flatnonzero(found.lengths == 0).tolist() == lost
    assert about["skipped"] == 2 and about["emptied_samples"] == ["5", "6"]
    assert [entry["path"] for entry in about["skipped_objects"]] == ["5.png", "6.png"]
    assert "not a readable JPG or PNG" in about["skipped_objects"][0]["reason"]


def test_more_components_than_training_pictures_are_refused(root: Path):
    many = SMALL.model_copy(update={"dims": 13})
    pictures = Pictures([f"{k}.png" for k in range(24)])
    with pytest.raises(ValueError, match="dims=13: only 12 components can be learned"):
        picture_features(samples(), pictures, root, many, folder=root.parent / "cache")
