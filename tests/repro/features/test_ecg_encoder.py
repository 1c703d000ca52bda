from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import RidgeCV

from repro.features.ecg_encoder import (
    EcgEncoder,
    Learning,
    as_signal,
    embedded,
    hidden_steps,
    resnet_features,
    trained_encoder,
)
from repro.features.waveforms import Grid
from tests.repro.features.ecg_files import beats, tree, write_record

GRID = Grid(hz=100, seconds=4)
LEARNING = Learning(dims=16, epochs=2, batch=16)


def rated(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    rates = rng.uniform(50, 120, count)
    signals = [np.clip(1000 * beats(rate, rng).T, -5000, 5000) for rate in rates]
    return np.stack(signals).astype(np.int16), rates


def test_loss_falls_and_the_vectors_tell_the_rate():
    values, rates = rated(200)
    learning = Learning(dims=16, epochs=6, batch=8)
    encoder, losses = trained_encoder(values[:80], learning)
    assert losses[-1] < 0.7 * losses[0]
    vectors = embedded(encoder, values, 32)
    probe = RidgeCV(np.logspace(-3, 3, 7)).fit(vectors[:80], rates[:80])
    assert probe.score(vectors[80:], rates[80:]) > 0.8


def test_training_is_repeatable_and_leaves_the_global_generator_alone():
    values, _ = rated(40)
    torch.manual_seed(3)
    state = torch.random.get_rng_state()
    one, losses = trained_encoder(values, LEARNING)
    assert (torch.random.get_rng_state() == state).all()
    torch.manual_seed(4)
    two, again = trained_encoder(values, LEARNING)
    assert losses == again
    assert embedded(one, values, 16).tobytes() == embedded(two, values, 16).tobytes()
    other, _ = trained_encoder(values, Learning(dims=16, epochs=2, batch=16, seed=1))
    assert (embedded(other, values, 16) != embedded(one, values, 16)).any()


def test_a_vector_does_not_depend_on_its_mates():
    values, _ = rated(21)
    encoder, _ = trained_encoder(values, LEARNING)
    whole = embedded(encoder, values, 16)
    order = np.random.default_rng(0).permutation(21)
    np.testing.assert_array_equal(embedded(encoder, values[order], 16), whole[order])
    np.testing.assert_array_equal(embedded(encoder, values[20:], 16), whole[20:])
    np.testing.assert_allclose(embedded(encoder, values, 5), whole, atol=1e-5)


def test_hidden_steps_are_not_seen():
    values, _ = rated(2)
    signal = as_signal(values[:, :, :160])
    changed = signal.clone()
    changed[:, :, 32:48] += 3
    hidden = torch.zeros(2, 10, dtype=torch.bool)
    hidden[:, 2] = True
    encoder = EcgEncoder(8)
    seen = []
    encoder.decoder.register_forward_hook(lambda _m, _i, out: seen.append(out))
    losses = [encoder.loss(x, hidden) for x in (signal, changed)]
    assert (seen[0] == seen[1]).all()
    assert losses[0] != losses[1]  # but they are asked for


def test_a_perfect_decoding_has_no_loss():
    # The decoder's bias alone: every patch holds the same four numbers per lead.
    encoder = EcgEncoder(8)
    pattern = torch.arange(48.0).view(12, 4)
    signal = pattern.repeat_interleave(4, dim=1).repeat(3, 1, 5)
    with torch.no_grad():
        encoder.decoder.weight.zero_()
        encoder.decoder.bias.copy_(pattern.flatten())
        assert encoder.loss(signal, torch.zeros(3, 5, dtype=torch.bool)) == 0


def test_part_of_the_steps_is_hidden():
    hidden = hidden_steps(500, 63, torch.Generator().manual_seed(0))
    assert 0.25 < hidden.float().mean() < 0.4
    assert hidden.any(dim=1).all() and not hidden.all(dim=1).any()


def test_one_step_moves_every_parameter():
    values, _ = rated(32)
    start, _ = trained_encoder(values, Learning(dims=16, epochs=0))
    after, _ = trained_encoder(values, LEARNING)
    for (name, a), b in zip(start.named_parameters(), after.parameters(), strict=True):
        assert (a != b).any(), name


def test_lengths_that_are_no_multiple_of_a_patch():
    values, _ = rated(3)
    assert as_signal(values).shape == (3, 12, 1008)
    assert embedded(EcgEncoder(8).eval(), values[:, :, :250], 4).shape == (3, 8)


def test_odd_dims_are_refused():
    with pytest.raises(ValueError, match="dims=7"):
        EcgEncoder(7)


def features(samples: pd.DataFrame, ecgs: pd.DataFrame, root: Path, cache: str):
    return resnet_features(
        samples, ecgs, root, grid=GRID, learning=LEARNING, folder=root.parent / cache
    )


def test_features_of_files_are_fitted_on_train_only(tmp_path: Path):
    samples, ecgs = tree(tmp_path / "root", 12)
    one, about = features(samples, ecgs, tmp_path / "root", "a")
    assert one.lengths.tolist() == [2] * 12 and one.values.shape == (24, 16)
    assert one.times.tolist() == [0.0, 5.0] * 12
    assert (about["objects"], about["train_objects"], about["skipped"]) == (24, 12, 0)
    train = one.values[np.repeat(samples["split"] == "train", 2)]
    np.testing.assert_allclose(train.mean(axis=0), 0, atol=1e-5)
    is_test = np.repeat(samples["split"] == "test", 2).to_numpy()
    changed = int(np.flatnonzero(is_test)[0])
    write_record(
        tmp_path / "root" / ecgs["path"][changed],
        beats(40, np.random.default_rng(9)) * 3,
    )
    two, _ = features(samples, ecgs, tmp_path / "root", "a")
    moved = np.flatnonzero((one.values != two.values).any(axis=1))
    assert moved.tolist() == [changed]
    fresh, _ = features(samples, ecgs, tmp_path / "root", "b")
    assert fresh.values.tobytes() == two.values.tobytes()


def test_skipped_records_are_reported(tmp_path: Path):
    samples, ecgs = tree(tmp_path / "root", 4)
    for path in ecgs["path"][2:5]:
        (tmp_path / "root" / f"{path}.dat").write_bytes(b"short")
    ragged, about = features(samples, ecgs, tmp_path / "root", "a")
    assert ragged.lengths.tolist() == [2, 0, 1, 2]
    assert about["skipped"] == 3 and about["emptied_samples"] == [samples["id"][1]]
    assert [s["path"] for s in about["skipped_objects"]] == list(ecgs["path"][2:5])


def test_no_records_at_all(tmp_path: Path):
    samples = pd.DataFrame({"id": ["1", "2"], "split": ["train", "test"]})
    ecgs = pd.DataFrame({"id": [], "hours": [], "path": []}, dtype=object)
    ragged, about = features(samples, ecgs, tmp_path, "a")
    assert ragged.values.shape == (0, 16) and ragged.lengths.tolist() == [0, 0]
    assert about["objects"] == 0


def test_training_records_are_needed(tmp_path: Path):
    samples, ecgs = tree(tmp_path / "root", 2)
    with pytest.raises(ValueError, match="no training sample"):
        features(samples.assign(split="test"), ecgs, tmp_path / "root", "a")
