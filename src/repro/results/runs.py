"""What the training cells wrote, read back and checked for tables and figures."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from repro import paths
from repro.files import read_table
from repro.metrics.bootstrap import Summary, summary
from repro.metrics.scores import SCORES, Score
from repro.params import Params
from repro.params.cells import place_of
from repro.report import Report, read_report, report_path
from repro.results.folds import parts_of


@dataclass(frozen=True)
class Predictions:
    """One method's predictions of one split; samples stand in the order of `id`.

    Shape: `prediction` ends in `classes` where they are probabilities.
    """

    method: str
    seeds: Int[np.ndarray, " seeds"]
    id: np.ndarray
    group: np.ndarray
    y: Float[np.ndarray, " samples"]
    prediction: Float[np.ndarray, "seeds samples *classes"]

    @property
    def error(self) -> Float[np.ndarray, "seeds samples"]:
        """Absolute errors of a regression."""
        return np.abs(self.prediction - self.y)

    @property
    def chosen(self) -> Int[np.ndarray, "seeds samples"]:
        """Most probable classes of a classification, the lowest on a tie."""
        return self.prediction.argmax(axis=-1)


@dataclass(frozen=True)
class Run:
    """One run's report and its table of predictions."""

    report: Report
    table: pd.DataFrame
    measured: Score | None = None  # by what, if not by the score of the task

    @property
    def dataset(self) -> str:
        """The data set it was trained on."""
        return self.report.dataset

    @property
    def simulated(self) -> bool:
        """Whether the data set is simulated."""
        return self.report.data.simulated

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return paths.run(self.report.address)

    @property
    def methods(self) -> list[str]:
        """Every method in the order of the predictions."""
        return list(dict.fromkeys(self.table["method"]))

    @property
    def score(self) -> Score:
        """How its predictions are measured."""
        return self.measured or SCORES[self.report.data.task]

    def predictions(self, method: str, split: str = "test") -> Predictions:
        """Predictions of one method on one split, as a rectangle.

        Raises:
            ValueError: none are there, or the seeds do not hold the same samples.
        """
        rows = self.table
        rows = rows[(rows["method"] == method) & (rows["split"] == split)]
        where = str(self.folder / "predictions.parquet")
        if rows.empty:
            raise ValueError(
                f"{where}: no rows of method={method!r}, split={split!r}; "
                f"it holds {sorted(set(self.table['method']))}; train the cell again"
            )
        return _rectangle(rows.sort_values(["seed", "id"]), method, where)

    def read(self, name: str) -> pd.DataFrame:
        """Another table that it wrote (weights, trajectory), of all folds together."""
        return _whole_table(self.report, name)


def read_run(address: str) -> Run:
    """Read report and predictions of a run; of one that left all out no predictions."""
    report = read_report(address)
    if not report.methods:
        return Run(report, pd.DataFrame({"method": [], "split": []}))
    return Run(report, _whole_table(report, "predictions"))


def trained_run(params: Params, address: str) -> Run:
    """A run of `cells/`, whose report must carry what rows are named by.

    Raises:
        ValueError: alpha, added noise or the exchanged share of the report are not
            those that the recipe asks for.
    """
    recipe, run = params.recipe(address), read_run(address)
    wanted = {
        "alpha": params.alpha_of(recipe),
        "noise": recipe.noise,
        "exchanged": recipe.exchanged,
    }
    for name, value in wanted.items():
        if getattr(run.report, name) not in (None, value):
            raise ValueError(
                f"{report_path(address)}: {name}={getattr(run.report, name)}, but "
                f"{place_of(address)} asks for {value}; train the cell again"
            )
    return run


def other_fusions(params: Params, dataset: str) -> list[Run]:
    """The run of other fusions of a sentiment data set, where its cells have one."""
    address = f"fusions/{dataset}"
    return [trained_run(params, address)] if address in params.recipes else []


def seed_metrics(
    score: Score, predictions: Predictions, *, is_cross_validated: bool = False
) -> dict[str, Summary]:
    """Each metric over seeds; one that some seed leaves undefined has no key.

    Cross-validated predictions have no metric that is of one model: the samples of
    each fold come from a model of its own, so ranks over all tell folds apart, too.

    Source: Forman and Scholz 2010 (pooled folds).
    """
    per_seed = [score.compute(p, predictions.y) for p in predictions.prediction]
    found = {}
    for name in per_seed[0]:
        metric = score.metric(name)
        left_out = is_cross_validated and metric is not None and metric.of_one_model
        if not left_out and all(name in one for one in per_seed):
            found[name] = summary(np.array([one[name] for one in per_seed]))
    return found


def best_modality(run: Run) -> str:
    """The modality whose model has the best headline on valid, mean over seeds.

    Valid rows of all folds count together; a sample may be in the valid of several.

    Raises:
        ValueError: no method of the run is a modality.
    """
    rows = run.table[run.table["split"] == "valid"]
    names = run.report.data.modalities
    found = {name: rows[rows["method"] == name] for name in names}
    values = {
        name: float(np.mean([_headline(run, seed) for _, seed in part.groupby("seed")]))
        for name, part in found.items()
        if not part.empty
    }
    if not values:
        raise ValueError(
            f"{run.folder}/predictions.parquet: no method is one of the modalities "
            f"{names}; train it again"
        )
    return run.score.best(values)


def refuse_unpaired(method: Predictions, reference: Predictions) -> None:
    """Stop at two methods that cannot be compared sample by sample.

    A method without randomness has one seed and may stand beside any seeds.

    Raises:
        ValueError: samples, labels or seeds differ.
    """
    same = np.array_equal(method.id, reference.id)
    if not same or not np.array_equal(method.y, reference.y):
        raise ValueError(
            f"{method.method} and {reference.method} hold different samples; "
            "train both cells again on the same prepared data"
        )
    same = np.array_equal(method.seeds, reference.seeds)
    if not same and min(len(method.seeds), len(reference.seeds)) > 1:
        raise ValueError(
            f"{method.method} has seeds {method.seeds.tolist()}, {reference.method} "
            f"{reference.seeds.tolist()}; train both cells with the same seeds"
        )


def _whole_table(report: Report, name: str) -> pd.DataFrame:
    tables = [read_table(paths.run(a) / f"{name}.parquet") for a in parts_of(report)]
    return pd.concat(tables, ignore_index=True)


def _headline(run: Run, rows: pd.DataFrame) -> float:
    y = rows["y"].to_numpy(np.float64)
    return run.score.headline_of(_values(rows), y)


def _values(rows: pd.DataFrame) -> Float[np.ndarray, "samples ..."]:
    """A predicted score per row, or the probabilities p_0, p_1, ... of classes."""
    names = [c for c in rows if c == "prediction" or str(c).startswith("p_")]
    values = rows[names].to_numpy(np.float64)
    return values[:, 0] if names == ["prediction"] else values


def _rectangle(rows: pd.DataFrame, method: str, where: str) -> Predictions:
    seeds = rows["seed"].unique()
    id = rows["id"].to_numpy().reshape(len(seeds), -1) if _even(rows) else None
    if id is None or (id != id[0]).any() or len(set(id[0])) != id.shape[1]:
        raise ValueError(
            f"{where}: method {method!r} does not hold the same samples once for "
            f"each of the seeds {seeds.tolist()}; train the cell again"
        )
    first, values = rows.iloc[: id.shape[1]], _values(rows)
    return Predictions(
        method=method,
        seeds=seeds.astype(np.int64),
        id=id[0],
        group=first["group"].to_numpy(),
        y=first["y"].to_numpy(dtype=np.float64),
        prediction=values.reshape(*id.shape, *values.shape[1:]),
    )


def _even(rows: pd.DataFrame) -> bool:
    """Whether every seed has as many rows as the first."""
    return rows.groupby("seed").size().nunique() == 1
