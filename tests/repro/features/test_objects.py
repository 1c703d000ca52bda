import numpy as np
import pandas as pd
import pytest

from repro.features.cache import Cached, Failure
from repro.features.objects import (
    about_skipped,
    even_scale,
    places,
    ragged_objects,
    train_objects,
)

SAMPLES = pd.DataFrame({"id": ["7", "3", "5"], "split": ["train", "valid", "train"]})


def objects(ids: list[str], hours: list[float]) -> pd.DataFrame:
    return pd.DataFrame({"id": ids, "hours": hours, "path": [f"p{h}" for h in hours]})


def test_order_of_samples_not_of_ids():
    table = objects(["7", "7", "5"], [1, 1, 0.5])
    assert places(SAMPLES, table).tolist() == [0, 0, 2]
    assert train_objects(SAMPLES, table).tolist() == [True, True, True]
    ragged = ragged_objects(SAMPLES, table, np.arange(6.0).reshape(3, 2))
    assert ragged.lengths.tolist() == [2, 0, 1]
    assert ragged.times.tolist() == [1, 1, 0.5]
    assert ragged.values.dtype == np.float32


@pytest.mark.parametrize(
    ("ids", "hours", "message"),
    [
        (["3", "7"], [1, 2], "not sorted"),
        (["7", "7"], [2, 1], "not sorted"),
        (["7", "9"], [1, 2], "id='9': not in samples"),
    ],
)
def test_wrong_tables_are_refused(ids, hours, message):
    with pytest.raises(ValueError, match=message):
        places(SAMPLES, objects(ids, hours))


def test_even_scale_keeps_the_proportions_of_train():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(60, 2)) * [4, 3] + [10, -2]
    table = objects(["7"] * 50 + ["3"] * 10, list(range(60)))
    ragged = ragged_objects(SAMPLES, table, values)
    scale = even_scale(ragged, np.array([True, False, True]))
    np.testing.assert_allclose(scale.mean, values[:50].mean(0), rtol=1e-5)
    common = np.sqrt((values[:50].var(0)).mean())
    np.testing.assert_allclose(scale.sd, [common, common], rtol=1e-5)


def test_skipped_objects_and_emptied_samples_are_listed():
    table = objects(["7", "7", "5"], [1, 2, 3])
    kept = np.array([True, False, False])
    failures = (Failure("p2", "cut"), Failure("p3", "gone"))
    about = about_skipped(table, Cached(np.zeros((1, 2)), kept, failures))
    assert about["skipped"] == 2 and about["emptied_samples"] == ["5"]
    assert about["skipped_objects"][0] == {"path": "p2", "reason": "cut"}
