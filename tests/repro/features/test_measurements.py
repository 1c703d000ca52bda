import numpy as np
import pandas as pd
import pytest

from repro.data.mimiciv.layout import MEASUREMENTS
from repro.features.measurements import measurement_features

SAMPLES = pd.DataFrame({"id": ["1", "2", "3"], "split": ["train", "train", "test"]})
ECGS = pd.DataFrame(
    {
        "id": ["1", "2", "3", "3"],
        "hours": [1.0, 2.0, 3.0, 4.0],
        "path": [f"files/p1/s{k}/{k}" for k in (10, 11, 12, 13)],
    }
)
ROWS = {10: [600.0] * 9, 11: [800.0] + [None] * 8, 12: [1000.0] + [700.0] * 8}
MEASURED = pd.DataFrame(
    [
        {"study_id": k, **dict(zip(MEASUREMENTS, row, strict=True))}
        for k, row in ROWS.items()
    ]
)


def test_numbers_by_hand():
    ragged, about = measurement_features(SAMPLES, ECGS, MEASURED)
    assert ragged.values.shape == (4, 18) and ragged.lengths.tolist() == [1, 1, 2]
    np.testing.assert_allclose(ragged.values[:, 0], [-1, 1, 3, 0])  # mean 700, sd 100
    np.testing.assert_allclose(ragged.values[:, 9], [1, 1, 1, 0])
    assert not ragged.values[:, 1:9].any()  # one value in train: constant
    assert ragged.values[:, 10].tolist() == [1, 0, 1, 0]
    assert about["without_measurements"] == 1 and about["objects"] == 4


def test_only_train_sets_the_scale():
    changed = MEASURED.assign(rr_interval=[600.0, 800.0, 5.0])
    one, _ = measurement_features(SAMPLES, ECGS, MEASURED)
    two, _ = measurement_features(SAMPLES, ECGS, changed)
    moved = (one.values != two.values).any(axis=1)
    assert moved.tolist() == [False, False, True, False]


def test_none_and_bad_paths():
    empty, _ = measurement_features(SAMPLES, ECGS[:0], MEASURED)
    assert empty.values.shape == (0, 18)
    with pytest.raises(ValueError, match=r"'files/x': the last part"):
        measurement_features(SAMPLES, ECGS[:1].assign(path="files/x"), MEASURED)
