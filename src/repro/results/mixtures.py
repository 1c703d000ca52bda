"""What interaction experts say of test rows, alone and mixed by their weights."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int
from scipy.special import expit, softmax

from repro.records import decoded
from repro.results.runs import Run

# In what experts and their mixture are scored: the paper's metric of each task.
SCORED = {
    "regression": "accuracy",
    "classification": "accuracy",
    "multilabel": "micro_f1",
}


@dataclass(frozen=True)
class Mixture:
    """Experts of one fusion on the test rows of a run, in the order of predictions.

    Their weighted logits sum to those of the mixture.
    """

    experts: tuple[str, ...]
    seeds: Int[np.ndarray, " seeds"]
    y: Float[np.ndarray, " samples"]
    weights: Float[np.ndarray, "seeds samples experts"]
    logits: Float[np.ndarray, "seeds samples experts outputs"]

    @property
    def mixed(self) -> Float[np.ndarray, "seeds samples outputs"]:
        """Logits of the mixture."""
        return np.einsum("sne,sneo->sno", self.weights, self.logits)


def mixture_of(run: Run, fusion: str) -> Mixture:
    """What experts.parquet of a run holds of one fusion on test.

    Raises:
        ValueError: a row lacks or is there twice.
    """
    told = run.predictions(fusion)
    table = run.read("experts")
    table = table[(table["method"] == fusion) & (table["split"] == "test")]
    names = tuple(dict.fromkeys(table["expert"]))
    columns = [c for c in table.columns if c.startswith("logit_")]
    index = pd.MultiIndex.from_product([told.seeds, told.id, names])
    found = table.set_index(["seed", "id", "expert"])[["weight", *columns]]
    found = found[found.index.isin(index)]
    if found.index.has_duplicates or len(found) != len(index) or not names:
        raise ValueError(
            f"{run.folder}/experts.parquet: {len(found)} of {len(index)} rows of every "
            f"seed, test id and expert of {fusion!r} once; train the run again"
        )
    values = found.loc[index].to_numpy(np.float64)
    shaped = values.reshape(len(told.seeds), len(told.id), len(names), -1)
    return Mixture(names, told.seeds, told.y, shaped[..., 0], shaped[..., 1:])


def decisions(
    logits: Float[np.ndarray, "*batch outputs"], task: str
) -> Int[np.ndarray, "*batch decided"]:
    """What is predicted: a sign, a class, or which labels.

    >>> decisions(np.array([[0.2, 1.5, -1.0]]), "classification").tolist()
    [[1]]
    >>> decisions(np.array([[0.2, 1.5, -1.0]]), "multilabel").tolist()
    [[1, 1, 0]]
    """
    if task == "classification":
        return logits.argmax(axis=-1, keepdims=True)
    return (logits > 0).astype(np.int64)


def true_decisions(
    y: Float[np.ndarray, " samples"], task: str, outputs: int
) -> Int[np.ndarray, "samples decided"]:
    """The same of the labels."""
    if task == "multilabel":
        return decoded(y, outputs).astype(np.int64)
    return (y > 0 if task == "regression" else y).astype(np.int64)[:, None]


def outcomes(
    of: Mixture, task: str
) -> tuple[Bool[np.ndarray, "seeds samples"], Bool[np.ndarray, "seeds samples"]]:
    """Whether all experts decide alike, and whether the mixture is right."""
    own = decisions(of.logits, task)
    agree = (own == own[:, :, :1]).all(axis=(2, 3))
    true = true_decisions(of.y, task, of.logits.shape[-1])
    return agree, (decisions(of.mixed, task) == true).all(axis=-1)


def shares_of_outcomes(
    of: Mixture, task: str
) -> dict[str, Float[np.ndarray, "seeds samples"]]:
    """Rows on which experts disagree or agree and the mixture is right or wrong.

    Units: 100 where it is so, else 0: the mean over rows is in percent.
    """
    agree, right = outcomes(of, task)
    parts = {
        "disagree_right": ~agree & right,
        "disagree_wrong": ~agree & ~right,
        "agree_right": agree & right,
        "agree_wrong": agree & ~right,
    }
    return {name: 100.0 * rows for name, rows in parts.items()}


def scores_alone(run: Run, of: Mixture) -> dict[str, Float[np.ndarray, " seeds"]]:
    """The score of each expert by itself, and of the mixture last.

    Units: percent.
    """
    metric = SCORED[run.report.data.task]
    every = {name: of.logits[:, :, e] for e, name in enumerate(of.experts)}
    every["mixture"] = of.mixed
    return {
        name: np.array([_score(run, one, of.y, metric) for one in logits])
        for name, logits in every.items()
    }


def _score(run: Run, logits: np.ndarray, y: np.ndarray, metric: str) -> float:
    return run.score.compute(_predicted(logits, run.report.data.task), y)[metric]


def _predicted(logits: np.ndarray, task: str) -> np.ndarray:
    if task == "regression":
        return logits[:, 0]
    return softmax(logits, axis=-1) if task == "classification" else expit(logits)
