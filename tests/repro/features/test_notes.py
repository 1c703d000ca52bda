import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from repro.features.notes import last_notes, tfidf_features

WORDS = [
    "opacity",
    "effusion",
    "edema",
    "clear",
    "lungs",
    "normal",
    "heart",
    "tube",
    "line",
    "unchanged",
]


def random_notes(count: int, per_sample: int = 3) -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(0)
    ids = [str(i) for i in range(count)]
    splits = [("train", "train", "valid", "test")[i % 4] for i in range(count)]
    rows = [
        {"id": name, "hours": float(k), "text": " ".join(rng.choice(WORDS, 12))}
        for name in ids
        for k in range(per_sample)
    ]
    return pd.DataFrame({"id": ids, "split": splits}), pd.DataFrame(rows)


SAMPLES, NOTES = random_notes(40)


def test_last_notes_by_time_without_blank_ones():
    texts = ["one", "two", " \n", "three", "four", "only"]
    notes = pd.DataFrame({"id": list("bbbbba"), "hours": [1, 2, 3, 4, 5, 0.5]})
    kept = last_notes(notes.assign(text=texts), 3)
    assert kept["text"].tolist() == ["two", "three", "four", "only"]
    assert kept["hours"].tolist() == [2, 4, 5, 0.5]


def test_vectors_keep_the_angles_between_notes():
    """With all dimensions kept, distances are those of plain TF-IDF."""
    samples = SAMPLES.assign(split="train")
    ragged, about = tfidf_features(samples, NOTES, dims=100)
    assert ragged.lengths.tolist() == [3] * 40
    assert ragged.times.tolist() == [0.0, 1.0, 2.0] * 40
    plain = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    expected = plain.fit_transform(NOTES["text"]).toarray()
    distance = np.linalg.norm(expected[:, None] - expected, axis=2)
    found = np.linalg.norm(ragged.values[:, None] - ragged.values, axis=2)
    ratio = found[distance > 0] / distance[distance > 0]
    # One common factor; a few pairs of words share a bucket.
    assert ratio.std() / ratio.mean() < 0.02
    assert about["explained"] > 0.97 and about["train_objects"] == 120


def test_only_train_notes_are_learned_from():
    one, about = tfidf_features(SAMPLES, NOTES, dims=8)
    assert about["train_objects"] == 60
    row = int(np.flatnonzero(NOTES["id"] == "3")[1])
    changed = NOTES.copy()
    changed.loc[row, "text"] = "fracture fracture of the left clavicle"
    two, _ = tfidf_features(SAMPLES, changed, dims=8)
    moved = np.flatnonzero((one.values != two.values).any(axis=1))
    assert moved.tolist() == [row]
    changed.loc[0, "text"] = changed.loc[row, "text"]
    three, _ = tfidf_features(SAMPLES, changed, dims=8)
    assert (three.values != two.values).any(axis=1).sum() > 100


def test_runs_are_identical():
    one, two = (tfidf_features(SAMPLES, NOTES, dims=8)[0] for _ in range(2))
    assert one.values.tobytes() == two.values.tobytes()


def test_train_vectors_are_centered_with_unit_mean_square():
    ragged, _ = tfidf_features(SAMPLES, NOTES, dims=8)
    train = ragged.values[np.repeat(SAMPLES["split"] == "train", 3)]
    np.testing.assert_allclose(train.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose((train**2).mean(), 1, rtol=1e-4)


def test_the_end_of_a_long_note_counts():
    long = NOTES.copy()
    long.loc[0, "text"] = "clear lungs " * 2000 + "large effusion"
    cut = long.copy()
    cut.loc[0, "text"] = "clear lungs " * 2000
    one, two = (tfidf_features(SAMPLES, n, dims=8)[0].values for n in (long, cut))
    assert (one[0] != two[0]).any()


def test_samples_without_text_and_none_at_all():
    notes = NOTES.copy()
    notes.loc[notes["id"] == "5", "text"] = " "
    ragged, about = tfidf_features(SAMPLES, notes, dims=8, count=2)
    assert ragged.lengths[5] == 0 and ragged.lengths.sum() == 78
    assert about["blank"] == 3 and about["earlier"] == 39
    assert about["emptied_samples"] == ["5"]
    empty, about = tfidf_features(SAMPLES, NOTES[:0], dims=8)
    assert empty.values.shape == (0, 8) and about["objects"] == 0


def test_too_many_dimensions_are_refused():
    with pytest.raises(ValueError, match="dims=61: only 60"):
        tfidf_features(SAMPLES, NOTES, dims=61)
