"""Small made-up data sets and predictions of them, of either task."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from repro.records import coded, decoded

SEEDS = (0, 1, 2)
ONE_SEED = ("mean", "ridge", "majority", "logistic", "haim")
SPREAD = {
    "mean": 1.6,
    "ridge": 1.1,
    "text": 0.9,
    "audio": 1.4,
    "video": 1.3,
    "moe": 0.8,
    "averaged_instance": 0.8,
    "modality": 0.75,
    "instance": 0.7,
    "bi_level": 0.6,
}
KINDS_OF_MIXES = (
    "uniform",
    "unique_m1",
    "unique_m2",
    "synergy",
    "redundancy",
    "hidden",
)
# How much a method knows of the true class.
SKILL = {"haim": 1.2, "mult": 1.0, "fusemoe": 1.4, "bi_level": 1.8, "text": 1.1}
SHARES = np.array([0.3, 0.44, 0.22, 0.04])  # of the classes, the last one rare


@dataclass(frozen=True)
class Made:
    """What a made-up data set looks like; without `classes` it is a regression."""

    dims: dict[str, int]
    sizes: dict[str, int]
    classes: int = 0
    together: int = 6  # samples of a group
    labels: int = 0  # of a sample that may have several

    @property
    def modalities(self) -> list[str]:
        """Names in order."""
        return list(self.dims)


SMALL = {"train": 24, "valid": 12, "test": 30}
STAYS = {"train": 40, "valid": 40, "test": 160}
COHORT = Made(
    dict.fromkeys(("timeseries", "text", "cxr", "ecg"), 4), STAYS, classes=4, together=2
)
SENTIMENT = Made({"text": 16, "audio": 5, "video": 20}, SMALL)
PLANTED = Made({"m1": 12, "m2": 12}, STAYS, classes=3, together=1)
MADE = {
    "mosi": SENTIMENT,
    "mosei": Made({"text": 16, "audio": 74, "video": 35}, SMALL),
    **{f"{kind}_{k}": SENTIMENT for kind in ("visible", "hidden") for k in (1, 2, 3)},
    "mmimdb": Made({"text": 12, "image": 8}, STAYS, together=1, labels=23),
    "enrico": Made({"screenshot": 8, "wireframe": 8}, STAYS, classes=4),
    "adni": Made(
        dict.fromkeys(("image", "genetic", "clinical", "biospecimen"), 6),
        STAYS,
        classes=3,
        together=1,
    ),
    "mortality": Made({"lab": 6, "note": 6, "code": 6}, STAYS, 2, together=1),
    **{f"planted_{kind}": PLANTED for kind in KINDS_OF_MIXES},
    "planted_three": Made({"m1": 12, "m2": 12, "m3": 12}, STAYS, classes=2, together=1),
    "icu_complete": COHORT,
    "icu_all": COHORT,
    "gestures": Made({"pose": 9, "sound": 4, "depth": 7}, STAYS, classes=3, together=4),
    "rain": Made({"radar": 8, "gauge": 2}, SMALL, together=3),
}


def generator(*parts: object) -> np.random.Generator:
    """A generator that depends on names only."""
    return np.random.default_rng(zlib.crc32("/".join(map(str, parts)).encode()))


def samples(dataset: str, sizes: dict[str, int] | None = None) -> pd.DataFrame:
    """id, group, split and y; of a classification, rarer for higher classes."""
    made = MADE[dataset]
    sizes = sizes or made.sizes
    split = np.repeat(list(sizes), list(sizes.values()))
    count, draw = len(split), generator(dataset, 0)
    if made.classes:
        shares = SHARES[: made.classes] / SHARES[: made.classes].sum()
        y = draw.choice(made.classes, size=count, p=shares).astype(np.float64)
    elif made.labels:
        shares = 0.6 / np.arange(1, made.labels + 1)
        y = coded(draw.random((count, made.labels)) < shares)
    else:
        y = np.clip(np.round(draw.normal(0, 1.4, count) * 5) / 5, -3, 3)
    group = [f"{dataset}_g{i // made.together:03d}" for i in range(count)]
    ids = [f"{dataset}_{i:03d}" for i in range(count)]
    table = pd.DataFrame({"id": ids, "group": group, "split": split, "y": y})
    return table.assign(**{f"present_{name}": True for name in made.modalities})


def divided(base: pd.DataFrame, folds: int) -> list[pd.DataFrame]:
    """The samples, or one division of them per fold; each is tested once."""
    if not folds:
        return [base]
    number = base["group"].str[-3:].astype(int).to_numpy()
    found = []
    for k in range(folds):
        split = np.where(number % folds == k, "test", "train").astype(object)
        split[(split == "train") & (number % 2 == 0)] = "valid"
        found.append(base.assign(split=split))
    return found


def predicted(
    base: pd.DataFrame,
    classes: int,
    method: str,
    *names: object,
    has_several: bool = False,
) -> pd.DataFrame:
    """Every seed and split of one method; `names` tell who trained it."""
    rows = base[["split", "id", "group", "y"]]
    tables = []
    for seed in SEEDS[:1] if method in ONE_SEED else SEEDS:
        draw = generator(method, seed, *names)
        of = _labels if has_several else _classes
        columns = of(base, classes, method, draw) if classes else {}
        if not classes:
            columns = {"prediction": _scores(base["y"].to_numpy(), method, draw)}
        tables.append(rows.assign(method=method, seed=np.int64(seed), **columns))
    return pd.concat(tables, ignore_index=True)


def _scores(y: np.ndarray, method: str, draw: np.random.Generator) -> np.ndarray:
    noise = draw.normal(size=len(y))
    return 0.1 + 0 * y if method == "mean" else y * 0.8 + SPREAD.get(method, 1) * noise


def _classes(
    base: pd.DataFrame, classes: int, method: str, draw: np.random.Generator
) -> dict[str, np.ndarray]:
    y, names = base["y"].to_numpy(), range(classes)
    if method == "majority":  # knows how often each class occurs in train
        train = base.loc[base["split"] == "train", "y"]
        return {f"p_{k}": np.full(len(y), (train == k).mean()) for k in names}
    skill = SKILL.get(method, 0.6)
    logits = draw.normal(size=(len(y), classes))
    logits += skill * (y[:, None] == np.arange(classes))
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return {f"p_{k}": shares[:, k] for k in names}


def _labels(
    base: pd.DataFrame, labels: int, method: str, draw: np.random.Generator
) -> dict[str, np.ndarray]:
    true = decoded(base["y"].to_numpy(), labels)
    if method in ("majority", "constant"):
        shares = true[base["split"] == "train"].mean(axis=0)
        return {f"p_{k}": np.full(len(true), shares[k]) for k in range(labels)}
    logits = draw.normal(size=true.shape) - 1
    logits += 2 * SKILL.get(method, 0.6) * true
    return {f"p_{k}": column for k, column in enumerate((1 / (1 + np.exp(-logits))).T)}


def weights(
    base: pd.DataFrame, modalities: Sequence[str], methods: Sequence[str], where: str
) -> pd.DataFrame:
    """Random weights that average one over the modalities of a row."""
    tables = []
    for method in methods:
        for seed in SEEDS:
            drawn = generator(where, method, seed, "w").random(
                (len(base), len(modalities))
            )
            drawn *= len(modalities) / drawn.sum(axis=1, keepdims=True)
            columns = {f"w_{n}": w for n, w in zip(modalities, drawn.T, strict=True)}
            table = base[["split", "id"]].assign(method=method, seed=seed, **columns)
            tables.append(table)
    return pd.concat(tables, ignore_index=True)


def trajectory(modalities: Sequence[str], methods: Sequence[str]) -> pd.DataFrame:
    """Weights that drift from one, per epoch and modality."""
    rows = [
        {"method": method, "seed": seed, "epoch": epoch, "split": "train"}
        | {"modality": modality, "factor": 0.5}
        | {
            name: level + 0.05 * (k - 1) * epoch
            for name, level in (
                ("mean", 1 + 0.01 * seed),
                ("lower", 0.8),
                ("upper", 1.2),
            )
        }
        for method in methods
        for seed in SEEDS
        for epoch in range(5)
        for k, modality in enumerate(modalities)
    ]
    return pd.DataFrame(rows)


def truth_of(dataset: str) -> pd.DataFrame:
    """Where each modality is reliable, and how likely its part is the largest."""
    rows = samples(dataset)
    truth = rows[["id"]].copy()
    for modality in MADE[dataset].modalities:
        chance = generator(dataset, modality, "reliable").random(len(rows))
        truth[f"reliable_{modality}"] = chance > 0.3
        truth[f"posterior_{modality}"] = chance
        part = generator(dataset, f"unique_{modality}", "part").normal(size=len(rows))
        truth[f"largest_{modality}"] = np.abs(part) / (1 + np.abs(part))
    return truth


def parts_of(dataset: str) -> pd.DataFrame:
    """The same with the parts of every label, as the simulator of utterances writes."""
    truth = truth_of(dataset)
    names = MADE[dataset].modalities
    for name in (*(f"unique_{name}" for name in names), "shared", "synergy"):
        truth[name] = generator(dataset, name, "part").normal(size=len(truth))
    return truth.assign(**{f"present_{name}": True for name in names})


def reliability_of(dataset: str) -> pd.DataFrame:
    """AUROC of classifiers that are trained on the truth."""
    sources = {"predictions": 0.55, "features": 0.7, "posterior": 0.9}
    rows = [
        (modality, source, area, 10, 5)
        for modality in MADE[dataset].modalities
        for source, area in sources.items()
    ]
    names = ["modality", "source", "auroc", "n_reliable", "n_unreliable"]
    return pd.DataFrame(rows, columns=names)
