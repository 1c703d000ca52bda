import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from repro.features.images import grey_square, pixel_features, standardized_pixels


def film(shape: tuple[int, int], seed: int = 0, smooth: float = 8) -> np.ndarray:
    values = gaussian_filter(np.random.default_rng(seed).normal(size=shape), smooth)
    low, high = values.min(), values.max()
    return (255 * (values - low) / (high - low)).astype(np.uint8)


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, quality=95)


def plain_square(path: Path, size: int) -> np.ndarray:
    """Full decoding, then the mean over the pixels under each new one."""
    with Image.open(path) as image:
        grey = np.asarray(image.convert("L"), np.float64)
    side = min(grey.shape)
    top, left = (grey.shape[0] - side) // 2, (grey.shape[1] - side) // 2
    square = grey[top : top + side, left : left + side]
    return square.reshape(size, side // size, size, side // size).mean(axis=(1, 3))


@pytest.mark.parametrize("shape", [(960, 960), (1200, 960), (960, 1204)])
@pytest.mark.parametrize("size", [24, 96])
def test_scaled_decoding_agrees_with_full_decoding(tmp_path: Path, shape, size):
    save(tmp_path / "a.jpg", film(shape, smooth=60))
    found = grey_square(tmp_path / "a.jpg", size)
    assert found.shape == (size, size) and found.dtype == np.uint8
    difference = found.astype(float) - plain_square(tmp_path / "a.jpg", size)
    assert np.abs(difference).mean() < 1.5 and np.abs(difference).max() < 8


def test_the_middle_is_kept_and_proportions_too(tmp_path: Path):
    pixels = np.zeros((64, 128), np.uint8)
    pixels[:, 32:96] = 200
    save(tmp_path / "wide.jpg", pixels)
    assert grey_square(tmp_path / "wide.jpg", 16).min() > 190
    save(tmp_path / "high.jpg", pixels.T)
    assert grey_square(tmp_path / "high.jpg", 16).min() > 190


def test_small_and_colored_images(tmp_path: Path):
    save(tmp_path / "small.jpg", film((20, 20)))
    assert grey_square(tmp_path / "small.jpg", 24).shape == (24, 24)
    grey = film((64, 64))
    save(tmp_path / "grey.jpg", grey)
    save(tmp_path / "color.jpg", np.stack([grey] * 3, axis=2))
    one, two = (grey_square(tmp_path / f"{n}.jpg", 16) for n in ("grey", "color"))
    assert np.abs(one.astype(float) - two).max() <= 3


def test_each_image_is_standardized_alone():
    values = np.stack([film((8, 8), seed) for seed in range(3)])
    pixels = standardized_pixels(values)
    np.testing.assert_allclose(pixels.mean(axis=1), 0, atol=1e-5)
    np.testing.assert_allclose(pixels.std(axis=1), 1, rtol=1e-5)
    brighter = standardized_pixels((values // 2 + 20).astype(np.uint8))
    assert np.abs(brighter - pixels).max() < 0.05


def corrupt(path: Path, how: str) -> None:
    content = path.read_bytes()
    changed = {
        "cut": content[: len(content) // 2],
        "empty": b"",
        "text": b"not an image",
        "header only": content[:20],
        "png": b"\x89PNG\r\n\x1a\n" + content,
    }
    path.write_bytes(changed[how])


@pytest.mark.parametrize("how", ["cut", "empty", "text", "header only", "png"])
def test_corrupt_files_are_refused(tmp_path: Path, how: str):
    save(tmp_path / "a.jpg", film((64, 64), smooth=1))
    corrupt(tmp_path / "a.jpg", how)
    with pytest.raises(ValueError, match=r"a.jpg: not a readable JPG"):
        grey_square(tmp_path / "a.jpg", 16)


@pytest.mark.parametrize("limit", [3000, 1000])
def test_too_many_pixels_are_refused(tmp_path: Path, monkeypatch, limit: int):
    # Pillow warns beyond its limit and stops at twice as many pixels.
    save(tmp_path / "a.jpg", film((64, 64), smooth=1))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    message = r"a.jpg: not a readable JPG \(Image size \(4096 pixels\) exceeds"
    with pytest.raises(ValueError, match=message):
        grey_square(tmp_path / "a.jpg", 16)


def test_the_warning_of_pillow_stops_a_film_outside_pytest_too(tmp_path: Path):
    save(tmp_path / "a.jpg", film((64, 64), smooth=1))
    code = """
import sys
from pathlib import Path
from repro.features.images import Image, grey_square
Image.MAX_IMAGE_PIXELS = 3000
try:
    grey_square(Path(sys.argv[1]), 16)
except ValueError as error:
    print(error)
"""
    command = [sys.executable, "-c", code, tmp_path / "a.jpg"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "a.jpg: not a readable JPG (Image size (4096 pixels) exceeds" in done.stdout


def tree(root: Path, count: int = 24) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Samples with one film each, the second sample with two."""
    ids = [str(i) for i in range(count)]
    splits = [("train", "train", "valid", "test")[i % 4] for i in range(count)]
    owners = sorted([*range(count), 1])
    rows = []
    for place, owner in enumerate(owners):
        path = f"files/p{owner}/{place}.jpg"
        save(root / path, film((48, 48), place))
        rows.append({"id": str(owner), "hours": float(place), "path": path})
    return pd.DataFrame({"id": ids, "split": splits}), pd.DataFrame(rows)


def test_components_are_learned_on_train_films_only(tmp_path: Path):
    root = tmp_path / "root"
    samples, images = tree(root)
    settings = {"size": 12, "dims": 6, "folder": tmp_path / "cache"}
    one, about = pixel_features(samples, images, root, **settings)
    assert one.values.shape == (25, 6) and one.lengths.tolist() == [1, 2] + [1] * 22
    assert (about["objects"], about["train_objects"]) == (25, 13)
    assert 0 < about["explained"] <= 1
    is_train = samples["split"] == "train"
    train = one.values[np.repeat(is_train, one.lengths)]
    np.testing.assert_allclose(train.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose((train**2).mean(), 1, rtol=1e-4)
    changed = int(np.flatnonzero(images["id"] == "7")[0])
    save(root / images["path"][changed], film((48, 48), 99))
    two, _ = pixel_features(samples, images, root, **settings)
    assert np.flatnonzero((one.values != two.values).any(axis=1)).tolist() == [changed]
    settings["folder"] = tmp_path / "fresh"
    again, _ = pixel_features(samples, images, root, **settings, workers=2)
    assert again.values.tobytes() == two.values.tobytes()


def test_all_components_keep_distances(tmp_path: Path):
    root = tmp_path / "root"
    samples, images = tree(root)
    samples = samples.assign(split="train")
    ragged, _ = pixel_features(
        samples, images, root, size=5, dims=24, folder=tmp_path / "cache"
    )
    squares = np.stack([grey_square(root / path, 5) for path in images["path"]])
    pixels = standardized_pixels(squares)
    expected = np.linalg.norm(pixels[:, None] - pixels, axis=2)
    found = np.linalg.norm(ragged.values[:, None] - ragged.values, axis=2)
    ratio = found[expected > 0] / expected[expected > 0]
    np.testing.assert_allclose(ratio, ratio.mean(), rtol=1e-3)


def test_corrupt_films_are_listed(tmp_path: Path):
    root = tmp_path / "root"
    samples, images = tree(root)
    for place, how in ((2, "cut"), (5, "text")):
        corrupt(root / images["path"][place], how)
    (root / images["path"][6]).unlink()
    ragged, about = pixel_features(
        samples, images, root, size=8, dims=3, folder=tmp_path / "cache"
    )
    assert about["skipped"] == 3 and about["emptied_samples"] == ["4", "5"]
    assert ragged.lengths[:7].tolist() == [1, 1, 1, 1, 0, 0, 1]
    paths = [entry["path"] for entry in about["skipped_objects"]]
    assert paths == [images["path"][place] for place in (2, 5, 6)]
    assert all(entry["reason"] for entry in about["skipped_objects"])


def test_a_film_of_too_many_pixels_is_listed(tmp_path: Path, monkeypatch):
    root = tmp_path / "root"
    samples, images = tree(root)
    save(root / images["path"][2], film((80, 80)))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 48 * 48)
    _, about = pixel_features(
        samples, images, root, size=8, dims=3, folder=tmp_path / "cache"
    )
    (skipped,) = about["skipped_objects"]
    assert skipped["path"] == images["path"][2]
    assert "Image size (6400 pixels) exceeds" in skipped["reason"]


def test_no_films_and_too_many_components(tmp_path: Path):
    root = tmp_path / "root"
    samples, images = tree(root, 4)
    ragged, about = pixel_features(
        samples, images[:0], root, dims=9, folder=tmp_path / "cache"
    )
    assert ragged.values.shape == (0, 9) and about["objects"] == 0
    with pytest.raises(ValueError, match="dims=9: only 3"):
        pixel_features(samples, images, root, dims=9, folder=tmp_path / "cache")
