"""The stages from simulation to features, one after the other, on tiny data."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

from repro import files, params, paths
from repro.cells.study import load_studies
from repro.features.reading import read_features
from repro.report import read_report
from repro.stages import baselines, prepare, series, simulate, text
from tests.settings import copied_settings

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    copied_settings(tmp_path)
    return tmp_path


def configure(changes: dict, dataset: dict | None = None) -> None:
    yaml = YAML()
    content = yaml.load(paths.PARAMS)
    content.update(changes)
    content["datasets"]["files"]["mosi"].update(dataset or {})
    yaml.dump(content, paths.PARAMS)


def run_all() -> None:
    simulate.main(["mosi"])
    prepare.main(["mosi"])
    series.main(["mosi"])
    text.main(["mosi", "bert"])


def contents(folder: Path) -> dict[str, bytes]:
    found = sorted(p for p in (folder / "data").rglob("*") if p.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def test_two_runs_write_the_same_bytes(folder: Path):
    run_all()
    first = contents(folder)
    shutil.rmtree(folder / "data")
    run_all()
    assert contents(folder) == first
    assert {Path(name).name for name in first} == {
        "aligned_50.pkl",
        "truth.parquet",
        "samples.parquet",
        "meta.json",
        "text.parquet",
        "text.safetensors",
        "audio.safetensors",
        "video.safetensors",
        "scales.safetensors",
        "vocabulary.json",
    }


def test_training_reads_what_was_written():
    run_all()
    features = read_features("mosi", "bert")
    assert list(features.modalities) == ["text", "audio", "video"]
    assert features.modalities["text"].values.shape == (180, 16)
    assert features.modalities["audio"].values.shape[1] == 5
    assert features.meta["simulated"] is True
    assert features.meta["text"]["encoder"]["weights"] == "random"
    is_train = (features.samples["split"] == "train").to_numpy()
    audio = features.modalities["audio"]
    rows = audio.values[np.repeat(is_train, audio.lengths)]
    np.testing.assert_allclose(rows.mean(0), 0, atol=1e-4)
    truth = files.read_table(paths.simulated_truth("mosi"))
    assert truth["id"].tolist() == features.samples["id"].tolist()


def test_sets_of_one_draw_differ_in_the_kind_of_noise_alone():
    sizes = {"audio": 5, "video": 20}
    sets = {
        "visible_1": sizes | {"unreliable_sd": 2.5, "draw": 1},
        "hidden_1": sizes | {"unreliable_sd": 1.0, "draw": 1},
        "hidden_2": sizes | {"unreliable_sd": 1.0, "draw": 2},
    }
    content = YAML().load(paths.SIMULATORS)
    content["simulation"]["sets"].update(sets)
    YAML().dump(content, paths.SIMULATORS)
    for name in sets:
        simulate.main([name])
    wide, hidden, other = (files.read_table(paths.simulated_truth(n)) for n in sets)
    planted = ["unclipped", "reliable_text", "reliable_audio", "reliable_video"]
    assert wide[planted].equals(hidden[planted])
    assert not hidden[planted].equals(other[planted])
    noise = ~wide["reliable_text"]
    assert wide.loc[noise, "seen_text_unique"].std() > 1.5
    assert hidden.loc[noise, "seen_text_unique"].std() < 1.5


def test_ridge_reads_vectors_where_training_reads_token_ids(
    monkeypatch: pytest.MonkeyPatch,
):
    run_all()
    folder = paths.features("mosi", "text", "bert")
    frozen = (folder / "text.safetensors").read_bytes()
    assert not (folder / "pooled.safetensors").exists()
    yaml, tiny = YAML(), paths.preset("tiny")
    content = yaml.load(tiny)
    encoder = content["encoders"]["bert"]
    encoder["finetune"] = True
    yaml.dump(content, tiny)
    text.main(["mosi", "bert"])
    assert (folder / "pooled.safetensors").read_bytes() == frozen
    ids = read_features("mosi", "bert").modalities["text"].values
    assert ids.shape[1] == 1 and (ids % 1 == 0).all()
    monkeypatch.setattr("sys.argv", ["baselines", "mosi"])
    baselines.main()
    report = read_report("baselines/mosi")
    assert report.data.dims["text"] == encoder["hidden"] == 16
    assert report.methods["ridge_text"].settings["parameters"] == 16 + 1


def written_by_text(finetune: str, last_k: int) -> dict[str, bytes]:
    """Every file of the stage `text` of the tiny preset, so changed."""
    yaml, tiny = YAML(), paths.preset("tiny")
    content = yaml.load(tiny)
    content["encoders"]["bert"] |= {"finetune": finetune, "last_k": last_k, "layers": 2}
    yaml.dump(content, tiny)
    folder = paths.features("mosi", "text", "bert")
    for path in folder.glob("*"):
        path.unlink()
    text.main(["mosi", "bert"])
    return {path.name: path.read_bytes() for path in folder.glob("*")}


def test_no_layer_and_every_layer_are_the_frozen_and_the_whole_encoder():
    run_all()
    frozen, every = written_by_text("none", 1), written_by_text("all", 1)
    assert "pooled.safetensors" in every and "pooled.safetensors" not in frozen
    assert written_by_text("last_k", 0) == frozen
    (study,) = load_studies(params.load(), "base/mosi")
    assert study.text is None
    assert written_by_text("last_k", 2) == every
    (study,) = load_studies(params.load(), "base/mosi")
    assert study.text is not None and not study.text.reads_states
    trained = study.text.start.parameters()
    assert all(parameter.requires_grad for parameter in trained)


def test_one_layer_reads_states_and_is_trained(monkeypatch: pytest.MonkeyPatch):
    run_all()
    every, last = written_by_text("all", 1), written_by_text("last_k", 1)
    assert last["pooled.safetensors"] == every["pooled.safetensors"]
    states = read_features("mosi", "bert").modalities["text"]
    assert states.values.shape[1] == 16 and states.lengths.max() > 1
    assert written_by_text("last_k", 1) == last
    settings = params.load()
    (study,) = load_studies(settings, "base/mosi")
    assert study.text is not None and study.text.reads_states
    written_by_text("all", 1)
    message = r"text\.safetensors: has 1 columns, .*tiny\.yaml reads 16; run the stage"
    monkeypatch.setattr(params, "load", lambda: settings)
    with pytest.raises(ValueError, match=message):
        load_studies(settings, "base/mosi")


def test_features_of_other_samples_are_refused():
    run_all()
    simulated = paths.features("mosi", "series") / "audio.safetensors"
    ragged = files.read_arrays(simulated)
    files.write_arrays(simulated, ragged | {"offsets": ragged["offsets"][:-1]})
    with pytest.raises(ValueError, match=r"audio\.safetensors: made from other sam"):
        read_features("mosi", "bert")


def test_data_without_words_have_no_text_features(folder: Path):
    write_own(folder)
    prepare.main(["mosi"])
    series.main(["mosi"])
    text.main(["mosi", "bert"])
    told = files.read_json(paths.features("mosi", "text", "bert") / "meta.json")
    assert told == {"absent": True}
    features = read_features("mosi", "bert")
    assert list(features.modalities) == ["text", "ecg"]
    assert features.modalities["text"].values.shape == (9, 2)
    assert features.meta["simulated"] is False


def write_own(folder: Path) -> None:
    (folder / "own").mkdir()
    generator = np.random.default_rng(0)
    np.save(folder / "own/a.npy", generator.normal(size=(9, 2)))
    np.save(folder / "own/b.npy", generator.normal(size=(9, 4, 3)))
    lines = [f"{i},{i},{s},{i}" for i, s in enumerate(["train", "valid", "test"] * 3)]
    (folder / "own/s.csv").write_text("\n".join(["id,group,split,label", *lines]))
    names = {"samples": "s.csv", "id": "id", "group": "group", "split": "split"}
    arrays = {"text": "a.npy", "ecg": "b.npy"}
    mapping = names | {"label": "label", "text": "none", "arrays": arrays}
    configure({}, {"source": "table", "path": "own", "table": mapping})


@pytest.mark.parametrize(
    ("stage", "arguments", "message"),
    [
        (simulate, ["none"], r"data set .*'none' is unknown; .*Known: .*mosei, mosi"),
        (prepare, ["none"], "data set 'none' is unknown"),
        (prepare, ["mosi"], r"aligned_50\.pkl: no such file"),
        (series, ["mosi"], r"meta\.json: no such file; run the stage"),
        (text, ["mosi", "none"], r"text encoder 'none' is unknown; .*bert, deberta"),
    ],
)
def test_bad_calls_are_named(stage, arguments, message):
    with pytest.raises(ValueError, match=message):
        stage.main(arguments)


def test_preparing_does_not_load_torch():
    code = "import sys, repro.stages.prepare; sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], check=False)
    assert done.returncode == 0
