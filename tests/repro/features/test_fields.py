"""Fields as vectors: what is fitted on train, and what test can never change."""

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import StandardScaler

from repro.features.fields import LEAST, field_features, unlinked, vocabulary
from repro.records import Fields

ROWS, TRAIN = 40, 24
RANDOM = np.random.default_rng(0)
SAMPLES = pd.DataFrame(
    {
        "id": [f"s{k}" for k in range(ROWS)],
        "split": ["train"] * TRAIN + ["valid"] * 8 + ["test"] * 8,
    }
)
IS_TRAIN = (SAMPLES["split"] == "train").to_numpy()


def made(seed: int = 0) -> Fields:
    """Three numbers of far means, some missing, and a word of three."""
    random = np.random.default_rng(seed)
    numbers = random.normal([0, 100, -7], [1, 5, 2], (ROWS, 3))
    numbers[random.random(numbers.shape) < 0.2] = np.nan
    words = random.choice(["a", "b", "a|c", ""], ROWS)
    frame = pd.DataFrame({"drug": words}, dtype="str")
    return Fields(("x", "y", "z"), numbers.astype(np.float32), frame)


def test_numbers_agree_with_scikit_learn():
    fields = made()
    ragged, about = field_features(SAMPLES, fields)
    imputer = SimpleImputer().fit(fields.numbers[IS_TRAIN])
    filled = imputer.transform(fields.numbers)
    expected = StandardScaler().fit(filled[IS_TRAIN]).transform(filled)
    there = ragged.lengths > 0
    np.testing.assert_allclose(ragged.values[:, :3], expected[there], atol=1e-5)
    assert about["imputed"] == np.isnan(fields.numbers[there]).sum()
    assert about["numbers"] == 3 and about["words"] == 3


def test_each_field_is_filled_with_its_own_mean():
    """The released preparation fills all with the mean of the first column."""
    numbers = np.array([[1.0, 100], [3, np.nan], [2, 300], [np.nan, np.nan]])
    samples = pd.DataFrame({"split": ["train", "train", "train", "test"]})
    words = pd.DataFrame({"w": ["", "", "", "x"]})
    ragged, _ = field_features(samples, Fields(("a", "b"), numbers, words))
    # Both means of train, 2 and 200, are 0 on the common scale.
    np.testing.assert_allclose(ragged.values[1, 1], 0, atol=1e-6)
    np.testing.assert_allclose(ragged.values[3], [0, 0], atol=1e-6)
    np.testing.assert_allclose(ragged.values[[0, 2], 1], [-1.2247, 1.2247], atol=1e-4)


def test_words_agree_with_scikit_learn():
    fields = made()
    ragged, _ = field_features(SAMPLES, fields)
    counter = CountVectorizer(
        tokenizer=lambda cell: [w for w in cell.split("|") if w],
        token_pattern=None,
        lowercase=False,
        min_df=LEAST,
    ).fit(fields.words["drug"][IS_TRAIN])
    expected = counter.transform(fields.words["drug"]).toarray()
    assert counter.get_feature_names_out().tolist() == ["a", "b", "c"]
    there = ragged.lengths > 0
    np.testing.assert_array_equal(ragged.values[:, 3:], expected[there])


@pytest.mark.parametrize("linkage", [1.0, 0.05])
def test_values_of_test_change_no_feature_of_train(linkage: float):
    """Statistics, words and links are of train alone."""
    fields, other = made(0), made(1)
    numbers, words = fields.numbers.copy(), fields.words.copy()
    numbers[~IS_TRAIN] = 1000 * other.numbers[~IS_TRAIN]
    words.loc[~IS_TRAIN, "drug"] = "new"
    before, told = field_features(SAMPLES, fields, linkage)
    after, again = field_features(
        SAMPLES, Fields(fields.names, numbers, words), linkage
    )
    count = int(before.lengths[IS_TRAIN].sum())
    assert count == after.lengths[IS_TRAIN].sum()
    np.testing.assert_array_equal(before.values[:count], after.values[:count])
    assert told["linked"] == again["linked"]


def test_permuting_test_rows_permutes_their_features_and_nothing_else():
    fields = made()
    order = np.arange(ROWS)
    order[~IS_TRAIN] = RANDOM.permutation(order[~IS_TRAIN])
    words = fields.words.iloc[order].reset_index(drop=True)
    moved = Fields(fields.names, fields.numbers[order], words)
    before, after = (field_features(SAMPLES, f)[0] for f in (fields, moved))
    for place, source in enumerate(order):
        one = before.values[before.offsets[source] : before.offsets[source + 1]]
        two = after.values[after.offsets[place] : after.offsets[place + 1]]
        np.testing.assert_array_equal(one, two)


def test_a_sample_that_states_nothing_has_no_row():
    fields = made()
    numbers, words = fields.numbers.copy(), fields.words.copy()
    numbers[3], words.loc[3, "drug"] = np.nan, ""
    ragged, _ = field_features(SAMPLES, Fields(fields.names, numbers, words))
    assert ragged.lengths[3] == 0


def test_constant_fields_and_those_that_train_lacks_are_left_out():
    numbers = np.full((ROWS, 4), 7.0)
    numbers[:, 1] = np.arange(ROWS)
    numbers[IS_TRAIN, 2] = np.nan
    numbers[1:, 3] = np.nan
    words = pd.DataFrame(index=range(ROWS))
    ragged, about = field_features(SAMPLES, Fields(tuple("abcd"), numbers, words))
    assert about["constant"] == 3 and ragged.values.shape == (ROWS, 1)


def test_nothing_to_learn_from_is_refused():
    words = pd.DataFrame({"w": ["rare"] * 2 + [""] * (ROWS - 2)})
    numbers = np.ones((ROWS, 1))
    with pytest.raises(ValueError, match="no field is stated in training samples"):
        field_features(SAMPLES, Fields(("a",), numbers, words))


def test_rare_words_are_no_features():
    words = pd.DataFrame({"w": ["a"] * LEAST + ["b"] * (LEAST - 1)})
    assert vocabulary(words) == {"w": ["a"]}


def test_links_agree_with_a_plain_loop():
    random = np.random.default_rng(2)
    values = random.normal(size=(200, 30))
    values[:, 1::3] = values[:, ::3] + 0.3 * random.normal(size=(200, 10))
    values[:, 20] = values[:, 0]  # further away than the window
    kept: list[int] = []
    for k in range(30):
        near = [j for j in kept if k - j <= 10]
        r = [np.corrcoef(values[:, k], values[:, j])[0, 1] ** 2 for j in near]
        if max(r, default=0) <= 0.2:
            kept.append(k)
    found = unlinked(values, 0.2, window=10)
    assert np.flatnonzero(found).tolist() == kept
    assert not found[1] and found[20] and len(kept) == 20


def test_a_link_is_seen_through_missing_values():
    random = np.random.default_rng(3)
    values = np.repeat(random.integers(0, 3, (300, 1)).astype(float), 2, axis=1)
    values[random.random(values.shape) < 0.05] = np.nan
    assert unlinked(values, 0.5).tolist() == [True, False]
