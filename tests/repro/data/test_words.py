import numpy as np
import pytest

from repro.data import frames, words


def test_words_are_different_and_run_out_loudly():
    made = words.vocabulary(5000, np.random.default_rng(0))
    assert len(set(made)) == 5000
    with pytest.raises(ValueError, match="at most 5625"):
        words.vocabulary(5626, np.random.default_rng(0))


def test_levels_are_ordered_and_about_equally_often():
    latent = np.random.default_rng(0).normal(size=(12000, 1)) * 3
    level = words.levels(latent)
    counts = np.bincount(level[:, 0], minlength=words.LEVELS)
    assert counts.min() > 850 and counts.max() < 1150
    order = np.argsort(latent[:, 0])
    assert (np.diff(level[order, 0]) >= 0).all()


def test_an_utterance_tells_its_latents():
    generator = np.random.default_rng(0)
    seen = generator.normal(size=(600, 3))
    spoken = words.utterances(seen, [10, 20], generator)
    assert {len(text.split()) for text in spoken} == set(range(10, 21))
    lexicon = sorted({word for text in spoken for word in text.split()})
    counts = np.array([[text.split().count(w) for w in lexicon] for text in spoken])
    design = np.column_stack([counts / counts.sum(1, keepdims=True), np.ones(600)])
    for latent in seen.T:
        found = np.linalg.lstsq(design, latent, rcond=None)[0]
        assert np.corrcoef(design @ found, latent)[0, 1] > 0.85


def test_frames_end_in_zeros_and_hide_the_latents_linearly():
    generator = np.random.default_rng(0)
    seen, counts = generator.normal(size=(50, 3)), generator.integers(0, 6, 50)
    offset = np.zeros((50, 8))
    padded = frames.padded_frames(seen, counts, offset, (5, 0.0), generator)
    assert padded.shape == (50, 5, 8) and padded.dtype == np.float32
    assert ((padded != 0).any(2).sum(1) == counts).all()
    first = padded[counts > 0, 0]
    found = np.linalg.lstsq(first, seen[counts > 0], rcond=None)[0]
    np.testing.assert_allclose(first @ found, seen[counts > 0], atol=1e-4)
