"""What the training cells wrote, read back and checked for tables and figures."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from repro import paths
from repro.files import read_json, read_table
from repro.metrics.regression import METRICS, sentiment_metrics
from repro.metrics.statistics import Summary, summary
from repro.params import Cell, Params
from repro.results.folds import parts_of

BASELINES = "baselines"


def baselines_folder(encoder: str | None = None) -> str:
    """Folder of the predictors without a network, on the top-level encoder or another.

    >>> baselines_folder(), baselines_folder("deberta")
    ('baselines', 'deberta_baselines')
    """
    return BASELINES if encoder is None else f"{encoder}_{BASELINES}"


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
        """Absolute errors of a score."""
        return np.abs(self.prediction - self.y)


@dataclass(frozen=True)
class Run:
    """One cell's folder: its report and its table of predictions."""

    dataset: str
    folder: str
    report: dict[str, Any]
    table: pd.DataFrame

    @property
    def simulated(self) -> bool:
        """Whether the data set is simulated."""
        return bool(self.report["data"]["simulated"])

    @property
    def is_baseline(self) -> bool:
        """Whether the predictors have no network and no settings."""
        return self.folder.endswith(BASELINES)

    @property
    def alpha(self) -> float | None:
        """The smoothing factor the cell was trained with, if it has one."""
        alpha = self.report.get("alpha")
        return None if alpha is None else float(alpha)

    def predictions(self, method: str, split: str = "test") -> Predictions:
        """Predictions of one method on one split, as a rectangle.

        Raises:
            ValueError: none are there, or the seeds do not hold the same samples.
        """
        rows = self.table
        rows = rows[(rows["method"] == method) & (rows["split"] == split)]
        where = paths.run(self.dataset, self.folder) / "predictions.parquet"
        if rows.empty:
            raise ValueError(
                f"{where}: no rows of method={method!r}, split={split!r}; "
                f"it holds {sorted(set(self.table['method']))}; train the cell again"
            )
        return _rectangle(rows.sort_values(["seed", "id"]), method, str(where))


def read_run(dataset: str, folder: str) -> Run:
    """Read report and predictions of runs/<dataset>/<folder>.

    A cell that the data cannot serve has a report without methods and nothing else.
    """
    report = read_json(paths.run(dataset, folder) / "report.json")
    if not report["methods"]:
        return Run(dataset, folder, report, pd.DataFrame({"method": [], "split": []}))
    tables = [
        read_table(paths.run(part, folder) / "predictions.parquet")
        for part in parts_of(dataset, report)
    ]
    return Run(dataset, folder, report, pd.concat(tables, ignore_index=True))


def cell_run(params: Params, group: str, key: str) -> Run:
    """The run of a cell of params.yaml, whose report must carry the cell's alpha.

    Raises:
        ValueError: the report's alpha differs from the one the cell asks for.
    """
    cell = params.cell(group, key)
    run = read_run(cell.dataset, paths.cell_folder(group, key, cell))
    wanted = params.alpha if cell.alpha is None else cell.alpha
    if run.alpha is not None and run.alpha != wanted:
        raise ValueError(
            f"{paths.run(run.dataset, run.folder)}/report.json: alpha={run.alpha}, "
            f"but cells.{group}.{key} asks for {wanted}; train the cell again"
        )
    return run


def cells_of(params: Params, group: str, dataset: str) -> dict[str, Cell]:
    """The cells of one group and data set with the top-level text encoder, in order."""
    return {
        key: cell
        for key, cell in params.cells.get(group, {}).items()
        if cell.dataset == dataset and params.encoder_of(cell) == params.encoder
    }


def group_run(params: Params, group: str, dataset: str) -> Run:
    """The run of the one cell that a group has for a data set.

    Raises:
        ValueError: there is not exactly one.
    """
    keys = list(cells_of(params, group, dataset))
    if len(keys) != 1:
        raise ValueError(
            f"params.yaml: cells.{group} has {keys} for dataset {dataset}; "
            "it needs exactly one"
        )
    return cell_run(params, group, keys[0])


def seed_metrics(predictions: Predictions) -> dict[str, Summary]:
    """Each metric over seeds; one that some seed leaves undefined has no key."""
    per_seed = [sentiment_metrics(p, predictions.y) for p in predictions.prediction]
    return {
        metric: summary(np.array([found[metric] for found in per_seed]))
        for metric in METRICS
        if all(metric in found for found in per_seed)
    }


def best_unimodal(run: Run) -> str:
    """The modality whose model has the lowest mean MAE on valid; first on a tie."""
    errors = {
        modality: float(run.predictions(modality, "valid").error.mean())
        for modality in run.report["data"]["modalities"]
        if (run.table["method"] == modality).any()
    }
    if not errors:
        raise ValueError(
            f"{paths.run(run.dataset, run.folder)}/predictions.parquet: no method is "
            f"one of the modalities {run.report['data']['modalities']}; train it again"
        )
    return min(errors, key=errors.__getitem__)


def paired(
    method: Predictions, reference: Predictions
) -> Float[np.ndarray, "seeds samples"]:
    """Absolute error of a method minus that of the reference, seed by seed.

    A method without randomness has one seed and is set against every seed.

    Raises:
        ValueError: samples or seeds differ.
    """
    if not np.array_equal(method.id, reference.id):
        raise ValueError(
            f"{method.method} and {reference.method} hold different samples; "
            "train both cells again on the same prepared data"
        )
    same = np.array_equal(method.seeds, reference.seeds)
    if not same and len(method.seeds) > 1:
        raise ValueError(
            f"{method.method} has seeds {method.seeds.tolist()}, {reference.method} "
            f"{reference.seeds.tolist()}; train both cells with the same seeds"
        )
    return method.error - reference.error


def _rectangle(rows: pd.DataFrame, method: str, where: str) -> Predictions:
    seeds = rows["seed"].unique()
    id = rows["id"].to_numpy().reshape(len(seeds), -1) if _even(rows) else None
    if id is None or (id != id[0]).any() or len(set(id[0])) != id.shape[1]:
        raise ValueError(
            f"{where}: method {method!r} does not hold the same samples once for "
            f"each of the seeds {seeds.tolist()}; train the cell again"
        )
    first = rows.iloc[: id.shape[1]]
    names = [c for c in rows if c == "prediction" or c.startswith("p_")]
    values = rows[names].to_numpy(np.float64).reshape(*id.shape, len(names))
    return Predictions(
        method=method,
        seeds=seeds.astype(np.int64),
        id=id[0],
        group=first["group"].to_numpy(),
        y=first["y"].to_numpy(dtype=np.float64),
        prediction=values[..., 0] if names == ["prediction"] else values,
    )


def _even(rows: pd.DataFrame) -> bool:
    """Whether every seed has as many rows as the first."""
    return rows.groupby("seed").size().nunique() == 1
