"""The planted information can be read from the raw files with simple models."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.signal import find_peaks
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from repro.simulation.icu.settings import MODALITIES, Signals, Size
from repro.simulation.icu.writing import write_tree
from repro.simulation.planted import LATENTS

with warnings.catch_warnings():
    # On import wfdb 4.3.1 calls pandas in a way that will go away in pandas 4.
    warnings.simplefilter("ignore", pd.errors.Pandas4Warning)
    import wfdb

SIZE = Size(stays=550, complete=0.7, short_stays=20, most_images=1, most_ecgs=1)
EVENTS = {"icu": "icu/chartevents.csv.gz", "hosp": "hosp/labevents.csv.gz"}


@dataclass(frozen=True)
class Study:
    """Complete stays: simple features of each modality, and the truth."""

    features: dict[str, np.ndarray]
    truth: pd.DataFrame

    def latents(self, name: str) -> np.ndarray:
        unique, synergy = (f"latent_{name}_{k}" for k in ("unique", "synergy"))
        return self.truth[[unique, "latent_shared", synergy]].to_numpy()

    def reliable(self, name: str) -> np.ndarray:
        return self.truth[f"reliable_{name}"].to_numpy()


def in_window(
    table: pd.DataFrame, stays: pd.DataFrame, key: str, time: str
) -> pd.DataFrame:
    joined = table.merge(stays[["stay_id", "intime", *{key} - {"stay_id"}]], on=key)
    hours = (pd.to_datetime(joined[time]) - joined["intime"]) / pd.Timedelta(hours=1)
    return joined.assign(hours=hours)[hours.between(0, 48)]


def series_features(folder: Path, stays: pd.DataFrame) -> pd.DataFrame:
    """Mean and slope of every numeric item, values far outside left out."""
    columns = []
    for source, key in (("icu", "stay_id"), ("hosp", "subject_id")):
        table = pd.read_csv(folder / EVENTS[source], low_memory=False)
        rows = in_window(table.drop_duplicates(), stays, key, "charttime")
        rows = rows[rows["valuenum"].between(0, 2000)]
        by = rows.groupby(["stay_id", "itemid"])
        rows["clock"] = rows["hours"] - by["hours"].transform("mean")
        rows["product"] = rows["clock"] * rows["valuenum"]
        rows["square"] = rows["clock"] ** 2
        sums = rows.groupby(["stay_id", "itemid"])[["product", "square"]].sum()
        slope = sums["product"] / (sums["square"] + 100)
        columns += [by["valuenum"].mean().unstack(), slope.unstack()]
    found = pd.concat(columns, axis=1)
    return found.loc[:, found.notna().mean() > 0.8]


def words(folder: Path, stays: pd.DataFrame) -> pd.DataFrame:
    notes = pd.read_csv(folder / "note/radiology.csv.gz")
    rows = in_window(notes, stays, "subject_id", "charttime")
    texts = rows.groupby("stay_id")["text"].agg(" ".join)
    counts = CountVectorizer(min_df=5).fit_transform(texts).toarray().astype(float)
    return pd.DataFrame(counts / counts.sum(1, keepdims=True), index=texts.index)


def pixels(folder: Path, stays: pd.DataFrame) -> pd.DataFrame:
    table = pd.read_csv(folder / "cxr/mimic-cxr-2.0.0-metadata.csv.gz")
    stamp = table["StudyDate"].astype(str) + table["StudyTime"].map("{:010.3f}".format)
    table["time"] = pd.to_datetime(stamp, format="%Y%m%d%H%M%S.%f")
    rows = in_window(table, stays, "subject_id", "time")
    rows = rows[rows["ViewPosition"] != "LATERAL"]
    found = []
    for row in rows.itertuples():
        place = f"p{row.subject_id // 1_000_000}/p{row.subject_id}/s{row.study_id}"
        with Image.open(folder / f"cxr/files/{place}/{row.dicom_id}.jpg") as image:
            found.append(np.asarray(image, float).reshape(16, 4, 16, 4).mean((1, 3)))
    flat = pd.DataFrame(np.reshape(found, (len(rows), -1)))
    return flat.groupby(rows["stay_id"].to_numpy()).mean()


def beats(folder: Path, stays: pd.DataFrame) -> pd.DataFrame:
    """The median beat of each record in three leads, and the beat interval."""
    table = pd.read_csv(folder / "ecg/record_list.csv")
    rows = in_window(table, stays, "subject_id", "ecg_time")
    found = []
    for path in rows["path"]:
        record = wfdb.rdrecord(folder / "ecg" / path)
        leads = [record.sig_name.index(lead) for lead in ("V1", "V4", "V6")]
        signal = np.nan_to_num(record.p_signal[:, leads])
        height = signal[:, 1]
        peaks, _ = find_peaks(height, 0.5 * np.quantile(height, 0.995), distance=30)
        peaks = peaks[(peaks > 25) & (peaks < len(signal) - 45)]
        cut = [signal[peak - 25 : peak + 45] for peak in peaks]
        interval = np.median(np.diff(peaks))
        found.append([60 * record.fs / interval, *np.median(cut, axis=0).ravel()])
    return pd.DataFrame(found).groupby(rows["stay_id"].to_numpy()).mean()


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    root = tmp_path_factory.mktemp("acceptance")
    # Hidden noise: wide draws would drown what a linear reader finds.
    signals = Signals(unreliable_sd=1.0)
    write_tree(SIZE, signals, 5, root, root / "truth.parquet")
    truth = pd.read_parquet(root / "truth.parquet").set_index("stay_id")
    truth = truth[truth.filter(like="present_").all(axis=1)]
    stays = pd.read_csv(root / "icu/icustays.csv.gz", parse_dates=["intime"])
    stays = stays[stays["stay_id"].isin(truth.index)]
    readers = (series_features, words, pixels, beats)
    features = {}
    for name, read in zip(MODALITIES, readers, strict=True):
        table = read(root, stays).loc[truth.index]
        features[name] = table.fillna(table.mean()).to_numpy()
    return Study(features, truth)


def predicted(features: np.ndarray, target: np.ndarray) -> np.ndarray:
    model = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-1, 4, 11)))
    with threadpool_limits(1):
        return cross_val_predict(model, features, target, cv=5)


@pytest.fixture(scope="module")
def found(study: Study) -> dict[str, np.ndarray]:
    """Latents as cross-validated ridge regressions find them in each modality."""
    return {
        name: np.column_stack([predicted(features, y) for y in study.latents(name).T])
        for name, features in study.features.items()
    }


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a, b)[0, 1])


def design(found: dict[str, np.ndarray], names: Sequence[str]) -> np.ndarray:
    """Latents of the named modalities and products of their synergy latents."""
    products = [found[a][:, 2] * found[b][:, 2] for a, b in combinations(names, 2)]
    return np.column_stack([*(found[name] for name in names), *products])


def explained(study: Study, rows: np.ndarray) -> float:
    score = study.truth["score"].to_numpy()
    return r2_score(score, predicted(rows, score))


@pytest.mark.parametrize("name", MODALITIES)
@pytest.mark.parametrize("latent", LATENTS)
def test_a_modality_tells_its_latents_where_it_is_reliable(
    study: Study, found: dict[str, np.ndarray], name: str, latent: str
) -> None:
    k, reliable = LATENTS.index(latent), study.reliable(name)
    truth, guess = study.latents(name)[:, k], found[name][:, k]
    assert correlation(truth[reliable], guess[reliable]) > 0.6
    noise = correlation(truth[~reliable], guess[~reliable])
    assert abs(noise) < 3.5 / np.sqrt((~reliable).sum())


def test_joint_model_beats_each_modality_and_stays_below_the_oracle(
    study: Study, found: dict[str, np.ndarray]
) -> None:
    singles = {name: explained(study, found[name]) for name in MODALITIES}
    joint = explained(study, design(found, MODALITIES))
    true = {name: study.latents(name) for name in MODALITIES}
    oracle = explained(study, design(true, MODALITIES))
    assert min(singles.values()) > 0.03
    assert joint > max(singles.values()) + 0.08
    assert oracle > joint + 0.1


def test_removing_or_shuffling_a_modality_costs_the_same(
    study: Study, found: dict[str, np.ndarray]
) -> None:
    joint = explained(study, design(found, MODALITIES))
    generator = np.random.default_rng(0)
    for name in MODALITIES:
        others = [other for other in MODALITIES if other != name]
        without = explained(study, design(found, others))
        shuffled = found | {name: generator.permutation(found[name])}
        worthless = explained(study, design(shuffled, MODALITIES))
        assert joint > without + 0.015, name
        assert worthless < without + 0.015, name


def test_synergy_is_seen_by_no_modality_alone_but_by_pairs(
    study: Study, found: dict[str, np.ndarray]
) -> None:
    part = study.truth["part_synergy"].to_numpy()
    for name in MODALITIES:
        squares = found[name] ** 2
        alone = predicted(np.column_stack([found[name], squares]), part)
        assert r2_score(part, alone) < 0.02, name
    # The planted form, nothing fitted: the sum of the products of every pair.
    together = design(found, MODALITIES)[:, -6:].sum(axis=1)
    assert correlation(part, together) > 4 / np.sqrt(len(part))


def test_without_signal_nothing_is_found(study: Study) -> None:
    generator = np.random.default_rng(1)
    score = generator.permutation(study.truth["score"].to_numpy())
    for name, features in study.features.items():
        assert r2_score(score, predicted(features, score)) < 0.03, name
