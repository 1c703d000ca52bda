"""ENRICO from a raw folder to features and baselines, on the tiny preset."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from ruamel.yaml import YAML

from repro import files, paths
from repro.data.mmimdb import FILE
from repro.data.preparing import read_prepared
from repro.features.reading import read_features
from repro.features.series import read_scales
from repro.records import Ragged
from repro.report import read_report
from repro.stages import read_folder, simulate_folder, train
from tests.repro.made_screens import TOPICS, write_screens
from tests.repro.stages.made_settings import configure
from tests.settings import copied_settings

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    copied_settings(tmp_path)
    return tmp_path


def test_the_simulated_folder_goes_through():
    simulate_folder.main(["enrico"])
    read_folder.main(["enrico"])
    meta = files.read_json(paths.prepared("enrico") / "meta.json")
    assert meta["simulated"] and meta["source"] == "simulated"
    assert meta["kinds"] == {"screenshot": "pictures", "wireframe": "pictures"}
    features = read_features("enrico")
    assert list(features.modalities) == ["screenshot", "wireframe"]
    assert features.meta["screenshot"]["encoder"] == "pixels"
    assert not any("stand in two splits" in note for note in meta["notes"])
    report = read_report("baselines/enrico")
    assert {"majority", "logistic"} <= set(report.methods)
    assert report.data.classes == 20 and report.data.simulated


def test_the_published_split_of_the_simulated_folder(folder: Path):
    configure("enrico", split="published")
    simulate_folder.main(["enrico"])
    read_folder.main(["enrico"])
    notes = files.read_json(paths.prepared("enrico") / "meta.json")["notes"]
    assert any("groups stand in two splits" in note for note in notes)
    assert any("kept with an issue of high severity" in note for note in notes)


def own(folder: Path, count: int = 60) -> Path:
    root = write_screens(folder / "raw", count)
    configure("enrico", source="own", path="raw", classes=list(TOPICS))
    return root


def test_ones_own_folder_is_not_simulated_and_damage_is_told(folder: Path):
    root = own(folder)
    path = root / "screenshots/104.jpg"
    path.write_bytes(path.read_bytes()[:300])
    read_folder.main(["enrico"])
    features = read_features("enrico")
    assert not features.meta["simulated"]
    assert "screenshot: 1 samples have no readable file" in features.meta["notes"]
    row = features.samples["id"].tolist().index("104")
    assert not features.samples["present_screenshot"][row]
    skipped = features.meta["screenshot"]["skipped_objects"]
    assert [entry["path"] for entry in skipped] == ["screenshots/104.jpg"]


def test_too_much_damage_stops_the_stage(folder: Path):
    root = own(folder)
    for k in range(100, 104):
        (root / f"wireframes/{k}.png").write_bytes(b"")
    with pytest.raises(ValueError, match="4 of 60 samples have no readable wireframe"):
        read_folder.main(["enrico"])


def test_an_unknown_data_set_is_named():
    for stage in (read_folder, simulate_folder):
        with pytest.raises(ValueError, match=r"data set of a folder.*enrico"):
            stage.main(["enrique"])


def test_films_go_through_with_several_labels_each():
    simulate_folder.main(["mmimdb"])
    read_folder.main(["mmimdb"])
    features = read_features("mmimdb")
    assert features.meta["task"] == "multilabel" and features.meta["simulated"]
    is_train = (features.samples["split"] == "train").to_numpy()
    for name in ("text", "image"):
        train = features.modalities[name].values[is_train]
        assert abs(train.mean()) < 1e-3 and abs(train.std() - 1) < 1e-2
    scales = read_scales(paths.features("mmimdb", "series") / "scales.safetensors")
    raw = read_prepared(paths.prepared("mmimdb")).modalities["image"]
    assert isinstance(raw, Ragged)
    mean = raw.values[is_train].mean(axis=0)
    np.testing.assert_allclose(scales["image"].mean, mean, atol=1e-5)
    report = read_report("baselines/mmimdb")
    assert (report.data.task, report.data.classes) == ("multilabel", 23)
    assert set(report.methods) == {"majority", "constant", "logistic"}


def test_plots_and_posters_go_through():
    configure("mmimdb", layout="mmimdb_files")
    simulate_folder.main(["mmimdb"])
    read_folder.main(["mmimdb"])
    features = read_features("mmimdb")
    assert list(features.modalities) == ["text", "image"]
    assert features.meta["kinds"] == {"text": "text", "image": "pictures"}
    dims = [ragged.values.shape[1] for ragged in features.modalities.values()]
    assert dims == [8, 8]
    assert any("image: absent in" in note for note in features.meta["notes"])


def test_fields_go_through():
    simulate_folder.main(["adni"])
    read_folder.main(["adni"])
    features = read_features("adni")
    names = ["image", "genetic", "clinical", "biospecimen"]
    assert list(features.modalities) == names
    assert set(features.meta["kinds"].values()) == {"fields"}
    assert features.meta["simulated"]
    present = features.samples[[f"present_{name}" for name in names]]
    assert not present.to_numpy().all() and present.any(axis=1).all()
    about = files.read_json(paths.features("adni", "pictures") / "meta.json")
    assert about["genetic"]["linked"] > 0 and about["image"]["linked"] == 0
    is_train = (features.samples["split"] == "train").to_numpy()
    image = features.modalities["image"]
    train = image.values[is_train[image.lengths > 0]]
    np.testing.assert_allclose(train.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(train.std(axis=0), 1, atol=1e-3)
    assert read_report("baselines/adni").data.classes == 3


def test_experts_train_where_modalities_are_missing():
    """The weights of experts of every subject sum to 1, whatever it lacks."""
    yaml = YAML()
    content = yaml.load(paths.PARAMS)
    content["seeds"] = [0, 1]
    yaml.dump(content, paths.PARAMS)
    content = yaml.load(paths.cells("experts"))
    cell = content["cells"]["experts"]["adni"]
    cell["rows"] = {"i2moe": {"interaction": {}}, "mask_mean": {"interaction": {}}}
    cell["rows"]["mask_mean"]["interaction"]["mask"] = "mean"
    yaml.dump(content, paths.cells("experts"))
    simulate_folder.main(["adni"])
    read_folder.main(["adni"])
    train.main(["experts/adni"])
    samples = read_features("adni").samples.set_index("id")
    missing = ~samples.filter(like="present_").all(axis=1)
    for row in ("i2moe", "mask_mean"):
        told = files.read_table(paths.run(f"experts/adni/{row}") / "experts.parquet")
        assert set(told["expert"]) == {
            *(f"unique_{name}" for name in ("image", "genetic", "clinical")),
            *("unique_biospecimen", "synergy", "redundancy"),
        }
        numbers = told.select_dtypes("number").to_numpy()
        assert np.isfinite(numbers).all()
        sums = told.groupby(["seed", "split", "id"])["weight"].sum()
        np.testing.assert_allclose(sums, 1, atol=1e-5)
        assert missing.loc[told["id"].unique()].sum() > 5


def changed_genres(change: Callable[[h5py.File], None]) -> None:
    """The simulated file with something else in its genres."""
    simulate_folder.main(["mmimdb"])
    with h5py.File(paths.simulated_tree("mmimdb") / FILE, "a") as file:
        change(file)


def test_a_genre_that_params_do_not_know_stops_the_stage() -> None:
    def change(file: h5py.File) -> None:
        names = file["genres"].attrs["target_names"]
        names[3] = b"Telenovela"
        file["genres"].attrs["target_names"] = names

    changed_genres(change)
    with pytest.raises(ValueError, match="the genre 'Telenovela' stands in the file"):
        read_folder.main(["mmimdb"])
    assert not paths.prepared("mmimdb").exists()


def test_a_genre_that_no_train_film_has_stops_the_stage() -> None:
    def change(file: h5py.File) -> None:
        train = int(file["genres"].shape[0] * 0.6)
        file["genres"][:train, 22] = 0

    changed_genres(change)
    with pytest.raises(ValueError, match=r"train has no .* \[22\] \(Film-Noir\)"):
        read_folder.main(["mmimdb"])
    assert not paths.prepared("mmimdb").exists()
