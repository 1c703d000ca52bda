"""Fit a stack of models and predict; no metrics tables, no data-set names, no files."""

import logging
import multiprocessing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Int
from tqdm import tqdm

from repro.models.architecture import Architecture
from repro.models.batch import Inputs
from repro.models.predictor import EVALUATION, Predictor, Randomness
from repro.training.members import Member, torch_generators
from repro.training.passes import TrainPasses
from repro.training.prediction import evaluation_noise, predict
from repro.training.recording import Records, by_sample, recorded_names, records_of
from repro.training.selection import Selection
from repro.training.settings import Settings
from repro.training.weighting.application import Applied
from repro.training.weighting.inference import Snapshot
from repro.training.weighting.loop import Reweighting

_log = logging.getLogger(__name__)
Rows = Mapping[str, Int[np.ndarray, " rows"]]


@dataclass(frozen=True)
class Outcome:
    """What a fitted stack leaves: predictions of the kept epoch and how it got there.

    Shape: `predictions[split]` is `(members, rows)`, of a classification
    `(members, rows, classes)`; `weights[split]` is `(members, rows, modalities)`
    (empty for an unweighted model); `records` are those of `training.recording`.
    """

    members: Sequence[Member]
    predictions: Mapping[str, Float[np.ndarray, "members rows *classes"]]
    epochs: Sequence[int]
    history: Sequence[dict]
    model: Predictor
    weights: Mapping[str, Float[np.ndarray, "members rows modalities"]] = field(
        default_factory=dict
    )
    states: Sequence[Snapshot | None] = ()
    records: Records = field(default_factory=dict)


def fit(
    inputs: Inputs,
    rows: Rows,
    members: Sequence[Member],
    architecture: Architecture,
    settings: Settings,
    reweighting: Reweighting | None = None,
    given: Applied | None = None,
) -> Outcome:
    """Train one model per member side by side and predict every split.

    Weights are made by `reweighting`, or `given` once and for all, or there are none.
    Each member keeps its own best epoch. Test rows are predicted once, from the kept
    parameters, unless a switch of the published protocol reads them earlier.

    Raises:
        FloatingPointError: a loss stopped being finite, or no score was; names the
            member.
        MemoryError: memory is too small for a batch.
    """
    device = inputs.y.device
    model = Predictor(len(members), inputs, architecture).to(device)
    model.initialize(torch_generators(members, "initial", torch.device("cpu")))
    fitting = _Fitting(inputs, rows, members, model, settings, reweighting, given)
    selection = Selection(len(members), settings.training.patience, settings.selection)
    history: list[dict] = []
    epochs = range(1, settings.training.epochs + 1)
    hidden = True if multiprocessing.parent_process() else None  # the parent counts
    for epoch in tqdm(epochs, desc=settings.label, disable=hidden, leave=False):
        history += fitting.epoch(epoch, selection)
        if selection.finished:
            break
    if history:  # without any epoch models stay as they are drawn
        _refuse_unkept(members, selection.epochs, settings.label)
        selection.restore(model)
    told = settings.label, len(members), selection.epochs
    _log.info("%s: %d members, epochs kept %s", *told)
    return fitting.outcome(selection, history)


def _refuse_unkept(members: Sequence[Member], kept: Sequence[int], label: str) -> None:
    for member, epoch in zip(members, kept, strict=True):
        if not epoch:
            raise FloatingPointError(
                f"{label}: no epoch of seed {member.seed}, fold {member.fold} has a "
                "finite validation score; lower training.lr or check the features"
            )


class _Fitting:
    """The pieces of one fit that every epoch needs."""

    def __init__(
        self,
        inputs: Inputs,
        rows: Rows,
        members: Sequence[Member],
        model: Predictor,
        settings: Settings,
        reweighting: Reweighting | None,
        given: Applied | None,
    ) -> None:
        self.inputs, self.rows, self.members = inputs, rows, members
        self.model, self.settings, self.reweighting = model, settings, reweighting
        self.given = given
        self.passes = TrainPasses(inputs, members, model, settings)
        self.y = inputs.y.double().cpu().numpy()
        # A row without any of the modalities gets a constant, which says nothing.
        self.judged = {
            s: inputs.present[r].any(1).cpu().numpy() for s, r in rows.items()
        }
        if not self.judged["valid"].any():
            raise ValueError(
                f"{settings.label}: no valid row has {', '.join(inputs.names)}; leave "
                "the modality out or change the split"
            )

    def epoch(self, epoch: int, selection: Selection) -> list[dict]:
        """Train one pass, predict, let weights and selection look at the scores."""
        applied = self.reweighting.training(epoch) if self.reweighting else self.given
        train_loss = self.passes.train(epoch, applied)
        predictor = self.predictor([epoch] * len(self.members))
        if self.reweighting:
            predictions = self.reweighting.predict(predictor)
        else:
            predictions = {s: predictor(s, self.given) for s in self._splits_read()}
        scores = {s: self._errors(p, s) for s, p in predictions.items()}
        # Departure: the released code keeps the epoch with the lowest error on test.
        # Undone by `test_epoch`.
        judge = "test" if "test_epoch" in self.settings.switches else "valid"
        state = self.reweighting.snapshot() if self.reweighting else None
        selection.consider(
            epoch, scores[judge], self.model, state, valid=scores["valid"]
        )
        factor = self.reweighting.factors() if self.reweighting else None
        if self.reweighting:
            self.reweighting.update(scores)
        return [
            {
                "seed": member.seed,
                "fold": member.fold,
                "epoch": epoch,
                "train_loss": float(train_loss[i]),
                "valid_error": float(scores["valid"][i]),
            }
            | ({} if factor is None else {"factor": float(factor[i])})
            | {f"{name}_loss": float(v[i]) for name, v in self.passes.followed.items()}
            for i, member in enumerate(self.members)
        ]

    def outcome(self, selection: Selection, history: list[dict]) -> Outcome:
        """Predict every split from the kept parameters and inference states."""
        predictor = self.predictor(selection.epochs)
        weights: dict[str, np.ndarray] = {}
        applied: dict[str, Applied | None] = dict.fromkeys(self.rows, self.given)
        if self.reweighting:
            kept = self.reweighting.replay(selection.states, predictor)
            predictions = {s: k.predictions for s, k in kept.items()}
            weights = {s: k.weights for s, k in kept.items()}
            if recorded_names(self.model):
                applied |= by_sample(self.inputs, self.rows, weights)
        else:
            predictions = {split: predictor(split, self.given) for split in self.rows}
        return Outcome(
            self.members,
            predictions,
            selection.epochs,
            history,
            self.model,
            weights,
            selection.states,
            self._records(applied, selection.epochs),
        )

    def _records(
        self, applied: Mapping[str, Applied | None], epochs: Sequence[int]
    ) -> Records:
        noise, batch = self._evaluation(epochs), self.settings.training.evaluation_batch
        return records_of(self.model, self.inputs, self.rows, applied, noise, batch)

    def predictor(
        self, epochs: Sequence[int]
    ) -> Callable[[str, Applied | None], Float[np.ndarray, "members rows *classes"]]:
        """Prediction of one split by every member at its epoch, weighted or not."""

        def predicted(split: str, weights: Applied | None) -> np.ndarray:
            return predict(
                self.settings.task,
                self.model,
                self.inputs,
                self.rows[split],
                weights,
                self._evaluation(epochs),
                self.settings.training.evaluation_batch,
            )

        return predicted

    def _evaluation(self, epochs: Sequence[int]) -> Randomness:
        if "eval_noise" not in self.settings.switches:
            return EVALUATION
        return evaluation_noise(self.members, epochs, self.inputs.y.device)

    def _splits_read(self) -> tuple[str, ...]:
        early = "test_epoch" in self.settings.switches
        return ("valid", "test") if early else ("valid",)

    def _errors(self, predictions: np.ndarray, split: str) -> np.ndarray:
        judged = self.judged[split]
        labels = self.y[self.rows[split]][judged]
        return self.settings.task.errors(predictions[:, judged], labels)
