"""Class frequencies and boosted trees: planted signal, absences, no leaks."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss

from repro.baselines.boosted import (
    baselines,
    binned_columns,
    haim,
    haim_features,
    stratified,
)
from repro.baselines.fit import prediction_table, report
from repro.baselines.series_statistics import STATISTICS, last_mean, series_statistics
from repro.metrics.classification import classification_metrics
from repro.records import Ragged
from repro.report import read_report

SPLIT = np.repeat(["train", "valid", "test"], [240, 80, 80])
SAMPLES = len(SPLIT)
QUICK = {"trees": ((2, 0.2),), "iterations": (3, 6)}


def planted() -> tuple[pd.DataFrame, dict[str, Ragged]]:
    """The level of the first variable and one text column tell the class."""
    random = np.random.default_rng(0)
    y = random.choice(4, SAMPLES, p=[0.3, 0.4, 0.2, 0.1])
    lengths = random.integers(1, 9, SAMPLES)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    rows = np.repeat(y, lengths)
    mask = random.random((len(rows), 2)) < 0.7
    values = random.normal(size=(len(rows), 2))
    values[:, 0] += rows - 1.5
    times = np.concatenate([np.sort(random.random(n) * 48) for n in lengths])
    series = np.hstack([values * mask, mask]).astype(np.float32)
    notes = random.integers(0, 8, SAMPLES)
    starts = np.concatenate([[0], np.cumsum(notes)]).astype(np.int64)
    text = random.normal(size=(starts[-1], 8)).astype(np.float32)
    text[:, 0] += np.repeat(y, notes)
    samples = pd.DataFrame(
        {
            "id": [f"{k}" for k in range(SAMPLES)],
            "group": [f"g{k // 2}" for k in range(SAMPLES)],
            "split": SPLIT,
            "y": y.astype(np.float64),
            "present_timeseries": True,
            "present_text": notes > 0,
        }
    )
    times = times.astype(np.float32)
    hours = np.zeros(starts[-1], np.float32)
    return samples, {
        "timeseries": Ragged(series, offsets, times),
        "text": Ragged(text, starts, hours),
    }


def metrics(probabilities: np.ndarray, samples: pd.DataFrame) -> dict[str, float]:
    """Metrics of the first seed on test."""
    test = SPLIT == "test"
    return classification_metrics(probabilities[0][test], samples["y"][test].to_numpy())


def test_trees_find_the_signal_and_frequencies_do_not() -> None:
    samples, modalities = planted()
    fits = baselines(samples, modalities, seeds=(0, 1), classes=4, dims=4)
    assert list(fits) == ["majority", "stratified", "logistic", "haim"]
    for fit in fits.values():
        assert fit.predictions.shape == (len(fit.seeds), SAMPLES, 4)
        np.testing.assert_allclose(fit.predictions.sum(axis=2), 1)
    found = {name: metrics(fit.predictions, samples) for name, fit in fits.items()}
    y = samples["y"].to_numpy()
    shares = [(y[SPLIT == "train"] == c).mean() for c in range(4)]
    np.testing.assert_allclose(fits["majority"].predictions[0, 5], shares)
    assert found["majority"]["balanced_accuracy"] == 25
    assert found["majority"]["auroc"] == 0.5
    assert found["haim"]["macro_f1"] > 20 + found["stratified"]["macro_f1"]
    assert found["haim"]["auroc"] > 0.8
    settings = fits["haim"].settings
    assert settings["columns"] == 2 * len(STATISTICS) + 4 + 2


def test_stratified_draws_follow_train_and_the_seed() -> None:
    shares = np.array([0.1, 0.6, 0.0, 0.3])
    fit = stratified(shares, 20_000, (3, 4))
    np.testing.assert_allclose(fit.predictions.mean(axis=1)[0], shares, atol=0.01)
    assert set(np.unique(fit.predictions)) == {0.0, 1.0}
    assert not np.array_equal(fit.predictions[0], fit.predictions[1])
    plain = np.random.default_rng(3).choice(4, 20_000, p=shares)
    same = fit.predictions[0].argmax(axis=1) == plain
    assert same.mean() == pytest.approx((shares**2).sum(), abs=0.02)
    again = stratified(shares, 20_000, (4,))
    np.testing.assert_array_equal(again.predictions[0], fit.predictions[1])


def test_test_labels_and_repeats_change_no_prediction() -> None:
    samples, modalities = planted()
    first = baselines(samples, modalities, classes=4)
    samples.loc[samples["split"] == "test", "y"] = 0.0
    second = baselines(samples, modalities, classes=4)
    for name, fit in first.items():
        np.testing.assert_array_equal(fit.predictions, second[name].predictions)
    samples.loc[samples["split"] == "train", "y"] = 1.0
    samples.loc[[0, 1], "y"] = 3.0
    changed = baselines(samples, modalities, classes=4)["haim"]
    assert not np.array_equal(changed.predictions, first["haim"].predictions)


def test_columns_are_statistics_then_means_then_flags() -> None:
    samples, modalities = planted()
    train = SPLIT == "train"
    columns = haim_features(samples, modalities, train, dims=3)
    width = 2 * len(STATISTICS)
    assert columns.shape == (SAMPLES, width + 3 + 2)
    np.testing.assert_array_equal(
        columns[:, :width], series_statistics(modalities["timeseries"])
    )
    mean = last_mean(modalities["text"])
    seen = samples["present_text"].to_numpy()
    model = PCA(3, svd_solver="full").fit(mean[seen & train])
    np.testing.assert_allclose(
        np.abs(columns[seen, width:-2]), np.abs(model.transform(mean[seen])), atol=1e-4
    )
    assert np.isnan(columns[~seen, width:-2]).all()
    np.testing.assert_array_equal(columns[:, -1], seen)
    raw = haim_features(samples, modalities, train, dims=None)
    np.testing.assert_array_equal(raw[:, width:-2], mean)


def test_stored_values_of_an_absent_modality_change_nothing() -> None:
    samples, modalities = planted()
    samples.loc[:9, ["present_text"]] = False
    train = SPLIT == "train"
    first = haim_features(samples, modalities, train, dims=3)
    text = modalities["text"]
    changed = text.values.copy()
    changed[: text.offsets[10]] = 1e6
    modalities["text"] = Ragged(changed, text.offsets, text.times)
    np.testing.assert_array_equal(
        haim_features(samples, modalities, train, dims=3), first
    )


def test_held_out_rows_do_not_move_components_or_bins() -> None:
    samples, modalities = planted()
    train = SPLIT == "train"
    first = binned_columns(haim_features(samples, modalities, train, dims=3), train)
    text = modalities["text"]
    changed = text.values.copy()
    changed[text.offsets[240] :] *= 100
    modalities["text"] = Ragged(changed, text.offsets, text.times)
    second = binned_columns(haim_features(samples, modalities, train, dims=3), train)
    np.testing.assert_array_equal(first[train], second[train])
    assert not np.array_equal(first[~train], second[~train], equal_nan=True)


def test_binned_columns_grow_the_same_trees() -> None:
    """scikit-learn's own unweighted bins of the same columns split alike."""
    random = np.random.default_rng(3)
    x = random.normal(size=(300, 5)).round(1).astype(np.float32)
    x[random.random((300, 5)) < 0.2] = np.nan
    y = (np.nan_to_num(x[:, 0]) + random.normal(0, 0.5, 300) > 0).astype(int)
    train = np.arange(300) < 250
    about = {"max_iter": 10, "early_stopping": False, "max_bins": 255}
    binned = binned_columns(x, train, 255)
    own = HistGradientBoostingClassifier(**about).fit(x[train], y[train])
    ours = HistGradientBoostingClassifier(**about).fit(binned[train], y[train])
    np.testing.assert_allclose(
        ours.predict_proba(binned[train]), own.predict_proba(x[train])
    )


def test_bins_keep_order_rare_values_and_drop_what_train_lacks() -> None:
    random = np.random.default_rng(4)
    x = np.column_stack([random.normal(size=1000), np.zeros(1000), np.zeros(1000)])
    x[3, 1] = 1.0
    x[:900, 2] = np.nan
    x = x.astype(np.float32)
    found = binned_columns(x, np.arange(1000) < 900, 20)
    assert found.shape == (1000, 2)
    assert set(np.unique(found[:, 0])) == set(range(20))
    assert (np.diff(found[np.argsort(x[:, 0]), 0]) >= 0).all()
    assert np.bincount(found[:900, 0].astype(int)).max() <= 46
    assert found[3, 1] != found[4, 1]


def test_valid_log_loss_chooses_and_classes_have_no_weights() -> None:
    samples, modalities = planted()
    y = samples["y"].to_numpy(np.int64)
    columns = haim_features(samples, modalities, SPLIT == "train")
    each = [
        haim(columns, y, SPLIT, 4, trees=(tree,), iterations=(count,))
        for tree in ((1, 0.01), (2, 0.2))
        for count in (2, 5)
    ]
    both = haim(columns, y, SPLIT, 4, trees=((1, 0.01), (2, 0.2)), iterations=(2, 5))
    losses = [fit.settings["valid_log_loss"] for fit in each]
    best = each[int(np.argmin(losses))]
    assert len(set(losses)) > 1
    assert both.settings == best.settings
    np.testing.assert_array_equal(both.predictions, best.predictions)
    valid = SPLIT == "valid"
    found = log_loss(y[valid], both.predictions[0][valid], labels=range(4))
    assert both.settings["valid_log_loss"] == pytest.approx(found)
    # Without signal a class is as probable as it is frequent.
    flat = haim(np.zeros((SAMPLES, 1), np.float32), y, SPLIT, 4, **QUICK)
    shares = [(y[SPLIT == "train"] == c).mean() for c in range(4)]
    expected = np.tile(shares, (1, SAMPLES, 1))
    np.testing.assert_allclose(flat.predictions, expected, atol=1e-3)


def test_a_class_that_train_lacks_gets_probability_zero() -> None:
    samples, modalities = planted()
    samples["y"] = samples["y"].where((SPLIT != "train") | (samples["y"] != 2), 1.0)
    columns = haim_features(samples, modalities, SPLIT == "train")
    fit = haim(columns, samples["y"].to_numpy(np.int64), SPLIT, 4, **QUICK)
    assert (fit.predictions[0, :, 2] == 0).all()
    np.testing.assert_allclose(fit.predictions.sum(axis=2), 1)


def test_table_and_report_hold_every_seed_and_leave_empty_stays_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples, modalities = planted()
    samples.loc[[3, 300], ["present_timeseries", "present_text"]] = False
    fits = baselines(samples, modalities, seeds=(0, 1, 2), classes=4)
    table = prediction_table(samples, fits)
    assert list(table) == [
        *("method", "seed", "split", "id", "group", "y"),
        *("p_0", "p_1", "p_2", "p_3"),
    ]
    assert len(table) == (1 + 3 + 1 + 1) * (SAMPLES - 2)
    assert not {"3", "300"} & set(table["id"])
    rows = table[(table["method"] == "stratified") & (table["seed"] == 2)]
    kept = samples.index.difference([3, 300])
    np.testing.assert_array_equal(
        rows[["p_0", "p_1", "p_2", "p_3"]].to_numpy(),
        fits["stratified"].predictions[2][kept],
    )
    meta = {"source": "x", "simulated": True, "task": "classification", "classes": 4}
    meta |= {"notes": [], "warnings": []}
    told = report("baselines/x", "x", samples, modalities, fits, meta)
    assert told.methods["haim"].settings["max_depth"] in (3, 5)
    assert told.data.sizes == {"train": 239, "valid": 79, "test": 80}
    assert told.data.excluded == 2
    assert told.data.dims == {"timeseries": 4, "text": 8}
    monkeypatch.chdir(tmp_path)
    told.write()
    assert read_report("baselines/x") == told


def test_excluded_stays_take_no_part() -> None:
    samples, modalities = planted()
    samples.loc[3, ["present_timeseries", "present_text"]] = False
    first = baselines(samples, modalities, classes=4)
    samples.loc[3, "y"] = (samples.loc[3, "y"] + 1) % 4
    second = baselines(samples, modalities, classes=4)
    for name, fit in first.items():
        np.testing.assert_array_equal(fit.predictions, second[name].predictions)


def test_bad_input_stops() -> None:
    samples, modalities = planted()
    with pytest.raises(ValueError, match="no sample is in 'valid'"):
        baselines(samples.assign(split="train"), modalities, classes=4)
    with pytest.raises(ValueError, match=r"samples\.y: 4\.0 is none of the classes"):
        baselines(samples.assign(y=4.0), modalities, classes=4)
    with pytest.raises(ValueError, match="train holds class 1 only"):
        baselines(samples.assign(y=1.0), modalities, classes=4)
    with pytest.raises(ValueError, match="column present_text is absent"):
        baselines(samples.drop(columns="present_text"), modalities, classes=4)
    short = Ragged(np.ones((1, 2), np.float32), np.array([0, 1]))
    with pytest.raises(ValueError, match="modality text: 1 samples"):
        baselines(samples, {"text": short}, classes=4)
    y = samples["y"].to_numpy(np.int64)
    with pytest.raises(ValueError, match="trees or iterations is empty"):
        haim(np.ones((SAMPLES, 1), np.float32), y, SPLIT, 4, iterations=())


def test_torch_is_left_alone() -> None:
    code = "import sys, repro.baselines.boosted; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
