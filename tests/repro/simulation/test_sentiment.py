import pickle
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score
from threadpoolctl import threadpool_limits

from repro import params
from repro.data import checking, mmsa
from repro.features.encoders.loading import load_encoder
from repro.features.text import text_features
from repro.params.datasets import SimulatedSet, Simulation
from repro.records import Dataset, Ragged
from repro.simulation import sentiment as simulated
from repro.simulation.planted import LATENTS

ROOT = Path(__file__).parents[3]
PARAMETERS = params.load(ROOT / "params.yaml")
SIZES = (1284, 229, 686)
TRAIN, TEST = slice(0, 1284), slice(1513, None)
PENALTIES = np.logspace(-3, 4, 29)


PLANNED = PARAMETERS.simulation.sets["mosi"]
HIDDEN = PLANNED.model_copy(update={"unreliable_sd": 1.0})


def changed(**values: object) -> Simulation:
    return PARAMETERS.simulation.model_copy(update=values)


def drawn(
    simulation: Simulation,
    sizes: tuple[int, ...] = SIZES,
    seed: int = 0,
    planned: SimulatedSet = PLANNED,
) -> tuple[dict, pd.DataFrame]:
    generator = np.random.default_rng(seed)
    return simulated.simulate(simulation, sizes, planned, generator)


def read_back(content: dict, folder: Path) -> Dataset:
    simulated.write(folder / "aligned_50.pkl", content)
    dataset = mmsa.read(folder / "aligned_50.pkl", "mosi", simulated=True)
    return checking.check(dataset, "simulated", "refuse")


def features(dataset: Dataset, name: str) -> np.ndarray:
    """Mean over frames, or the text features of the default preset."""
    modality = dataset.modalities[name]
    if not isinstance(modality, Ragged):
        encoder = PARAMETERS.active.encoders["bert"]
        tokenizer, model = load_encoder(encoder, modality.values[TRAIN])
        modality = text_features(tokenizer, model, modality.values, encoder)
    owner = np.repeat(np.arange(len(dataset.samples)), modality.lengths)
    sums = np.zeros((len(dataset.samples), modality.values.shape[1]))
    np.add.at(sums, owner, modality.values)
    return sums / modality.lengths.clip(min=1)[:, None]


def test_r2(rows: np.ndarray, y: np.ndarray, model: Callable | None = None) -> float:
    fitted = model() if model else RidgeCV(PENALTIES)
    scaled = (rows - rows[TRAIN].mean(0)) / rows[TRAIN].std(0)
    with threadpool_limits(1):
        fitted.fit(scaled[TRAIN], y[TRAIN])
        return r2_score(y[TEST], fitted.predict(scaled[TEST]))


test_r2.__test__ = False


def seen(truth: pd.DataFrame, name: str) -> np.ndarray:
    columns = [f"seen_{name}_{latent}" for latent in LATENTS]
    return truth[columns].to_numpy()


@cache
def standard() -> tuple[dict, pd.DataFrame]:
    return drawn(PARAMETERS.simulation)


@pytest.mark.parametrize("name", simulated.MODALITIES)
def test_features_let_a_ridge_see_most_of_what_was_planted(tmp_path: Path, name: str):
    content, truth = drawn(PARAMETERS.simulation, planned=HIDDEN)
    dataset = read_back(content, tmp_path)
    y = dataset.samples["y"].to_numpy()
    ceiling = test_r2(seen(truth, name), y)
    assert ceiling > 0.03
    assert test_r2(features(dataset, name), y) >= 0.7 * ceiling


@pytest.mark.parametrize("name", simulated.MODALITIES)
def test_no_modality_alone_sees_the_synergy(tmp_path: Path, name: str):
    nothing = [0.0] * 3
    content, truth = drawn(changed(unique=nothing, shared=0.0, unreliable=nothing))
    dataset = read_back(content, tmp_path)
    y = dataset.samples["y"].to_numpy()
    assert test_r2(features(dataset, name), y) < 0.02
    trees = lambda: HistGradientBoostingRegressor(max_iter=50, max_leaf_nodes=8)  # noqa: E731
    assert test_r2(seen(truth, name), y, trees) < 0.02
    text, audio, video = (truth[f"seen_{m}_synergy"] for m in simulated.MODALITIES)
    products = np.stack([text * audio, text * video, audio * video], axis=1)
    assert test_r2(products, y) > 0.35


def test_without_signals_nothing_beats_the_mean(tmp_path: Path):
    content, truth = drawn(changed(unique=[0.0] * 3, shared=0.0, synergy=0.0))
    dataset = read_back(content, tmp_path)
    y = dataset.samples["y"].to_numpy()
    assert 1.3 < y.std() < 1.6  # the noise of the label is still there
    everything = np.concatenate(
        [features(dataset, name) for name in simulated.MODALITIES], axis=1
    )
    assert test_r2(everything, y) < 0.02
    assert (truth[["information_text", "information_audio"]] == 0).all().all()


def test_label_is_the_rounded_sum_of_its_parts():
    content, truth = standard()
    parts = [f"unique_{name}" for name in simulated.MODALITIES]
    total = truth[[*parts, "shared", "synergy", "noise"]].sum(axis=1)
    np.testing.assert_allclose(total, truth["unclipped"])
    y = np.concatenate([content[s]["regression_labels"] for s in content])
    np.testing.assert_allclose(y, np.round(total.clip(-3, 3) * 5) / 5, atol=1e-6)
    assert truth["unclipped"].std() == pytest.approx(1.6, rel=0.05)


@pytest.mark.parametrize("kind", ["unique_text", "shared", "synergy", "noise"])
def test_strengths_are_standard_deviations(kind: str):
    simulation = PARAMETERS.simulation
    strength = {
        "unique_text": simulation.unique[0],
        "shared": simulation.shared,
        "synergy": simulation.synergy,
        "noise": simulation.label_noise,
    }[kind]
    _, truth = drawn(simulation, (8000, 20, 20))
    expected = strength * simulated.label_scale(simulation)
    assert truth[kind].std() == pytest.approx(expected, rel=0.05)


def explained_shares(simulation: Simulation, planned: SimulatedSet) -> dict[str, float]:
    """Share of the (unclipped) label variance each modality alone explains linearly.

    The best linear predictor has to live with instances in which the modality is
    pure noise: the share of reliable instances enters squared.
    """
    total = (simulation.label_sd / simulated.label_scale(simulation)) ** 2
    blur, wide = simulation.latent_noise**2, planned.unreliable_sd**2
    shares = {}
    for name, unique, noise in zip(
        simulated.MODALITIES, simulation.unique, simulation.unreliable, strict=True
    ):
        signal = (unique**2 + simulation.shared**2) * (1 - noise) ** 2
        shares[name] = signal / (1 - noise + noise * wide + blur) / total
    return shares


@pytest.mark.parametrize("planned", [PLANNED, HIDDEN])
def test_explained_shares_agree_with_a_regression(planned: SimulatedSet):
    simulation = PARAMETERS.simulation
    _, truth = drawn(simulation, (20000, 20, 20), planned=planned)
    for name, share in explained_shares(simulation, planned).items():
        rows = seen(truth, name)
        fitted = RidgeCV(PENALTIES).fit(rows, truth["unclipped"])
        found = fitted.score(rows, truth["unclipped"])
        assert found == pytest.approx(share, abs=0.015)


def test_information_is_the_expected_label_of_reliable_instances():
    _, truth = drawn(PARAMETERS.simulation, (20000, 20, 20))
    for name in simulated.MODALITIES:
        kept = truth[f"reliable_{name}"].to_numpy()
        assert (truth.loc[~kept, f"information_{name}"] == 0).all()
        rows = seen(truth, name)[kept]
        fitted = RidgeCV(PENALTIES).fit(rows, truth["unclipped"][kept])
        expected = np.abs(fitted.predict(rows) - fitted.intercept_)
        found = truth.loc[kept, f"information_{name}"]
        np.testing.assert_allclose(found, expected, atol=0.12)


def test_unreliable_instances_are_as_often_as_asked_and_see_noise():
    _, truth = drawn(PARAMETERS.simulation, (8000, 20, 20))
    for name, share in zip(
        simulated.MODALITIES, PARAMETERS.simulation.unreliable, strict=True
    ):
        blind = ~truth[f"reliable_{name}"]
        absent = PARAMETERS.simulation.zero_length if name == "video" else 0
        assert blind.mean() == pytest.approx(share + absent, abs=0.02)
        own = truth[f"unique_{name}"]
        latent = truth[f"seen_{name}_unique"]
        assert abs(np.corrcoef(own[blind], latent[blind])[0, 1]) < 0.1
        assert np.corrcoef(own[~blind], latent[~blind])[0, 1] > 0.9


def test_noise_that_can_be_seen_is_wider_and_hidden_noise_is_not():
    blur = PARAMETERS.simulation.latent_noise
    for planned in (PLANNED, HIDDEN):
        _, truth = drawn(PARAMETERS.simulation, (8000, 20, 20), planned=planned)
        for name in ("text", "audio"):  # never absent
            kept = truth[f"reliable_{name}"].to_numpy()
            rows, wide = seen(truth, name), planned.unreliable_sd
            assert rows[kept].std() == pytest.approx(np.hypot(1, blur), rel=0.02)
            assert rows[~kept].std() == pytest.approx(np.hypot(wide, blur), rel=0.04)


def test_both_kinds_of_noise_share_all_else_in_one_draw():
    _, wide = drawn(PARAMETERS.simulation, planned=PLANNED)
    _, hidden = drawn(PARAMETERS.simulation, planned=HIDDEN)
    same = ["id", "unclipped", *(f"reliable_{name}" for name in simulated.MODALITIES)]
    pd.testing.assert_frame_equal(wide[same], hidden[same])
    kept = wide["reliable_text"]
    assert (wide["seen_text_unique"] == hidden["seen_text_unique"])[kept].all()
    assert (wide["seen_text_unique"] != hidden["seen_text_unique"])[~kept].all()


@pytest.mark.parametrize("planned", [PLANNED, HIDDEN])
def test_the_truth_tells_how_far_reliability_can_be_known(planned: SimulatedSet):
    _, truth = drawn(PARAMETERS.simulation, (8000, 20, 20), planned=planned)
    for name in simulated.MODALITIES:
        certain, kept = truth[f"posterior_{name}"], truth[f"reliable_{name}"]
        assert certain.mean() == pytest.approx(kept.mean(), abs=0.015)
        gap = certain[kept].mean() - certain[~kept].mean()
        assert gap > (0.4 if planned is PLANNED else 0.03)
    absent = truth["posterior_video"] == 0
    assert 40 < absent.sum() < 130  # 1 % of the clips show nothing
    assert not truth.loc[absent, "reliable_video"].any()


def test_splits_videos_and_layout_are_those_of_the_real_file(tmp_path: Path):
    content, truth = standard()
    dataset = read_back(content, tmp_path)
    samples = dataset.samples
    groups = samples.groupby("split")["group"].nunique()
    assert (groups["train"], groups["valid"], groups["test"]) == (52, 10, 31)
    assert samples["id"].tolist() == truth["id"].tolist()
    assert dataset.modalities["audio"].values.shape[1] == 5
    assert dataset.modalities["video"].values.shape[1] == 20
    frames = dataset.modalities["audio"].lengths
    assert (frames.min(), frames.max()) == (6, 20)
    words = [len(text.split()) for text in dataset.modalities["text"].values]
    assert [min(words), max(words)] == PARAMETERS.simulation.words
    absent = (dataset.modalities["video"].lengths == 0).sum()
    assert dataset.notes == (f"video: absent in {absent} samples",)
    assert content["train"]["audio"].shape == (1284, 20, 5)


def test_bytes_depend_on_the_generator_alone(tmp_path: Path):
    sizes = (40, 12, 20)
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        content, _ = drawn(PARAMETERS.simulation, sizes, seed)
        simulated.write(tmp_path / name, content)
    first, same, other = ((tmp_path / name).read_bytes() for name in "abc")
    assert first == same != other
    stored = pickle.loads(first)
    assert sum(a.nbytes for s in stored.values() for a in s.values()) * 1.2 > len(first)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"unique": [1.0]}, r"simulation\.unique=\[1\.0\]: 3 values"),
        ({"unreliable": [0.1] * 4}, "unreliable"),
        (
            {"unique": [0.0] * 3, "shared": 0.0, "synergy": 0.0, "label_noise": 0.0},
            "are all 0; give at least one",
        ),
    ],
)
def test_bad_parameters_are_named(values, message):
    with pytest.raises(ValueError, match=message):
        drawn(changed(**values), (20, 5, 5))


def test_bad_sizes_are_named():
    with pytest.raises(ValueError, match=r"sizes=\[20, 0, 5\]"):
        drawn(PARAMETERS.simulation, (20, 0, 5))
