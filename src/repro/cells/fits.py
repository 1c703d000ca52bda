"""One fit each: a modality alone, a fusion without weights, a fusion with weights."""

from collections.abc import Callable
from dataclasses import replace
from time import process_time

import numpy as np
import torch
from jaxtyping import Float

from repro.cells.applying import applies
from repro.cells.planted import given_weights
from repro.cells.probing import probe_tables
from repro.cells.result import Result, fitted_result, together
from repro.cells.study import Study
from repro.models.predictor import EVALUATION
from repro.params.cells import SHUFFLED, Control, Weighting
from repro.records import decoded
from repro.training.fitting import Outcome, fit
from repro.training.members import leaders
from repro.training.prediction import predict
from repro.training.weighting.evidence import Evidence, Plan
from repro.training.weighting.loop import Reweighting


def by_seed(study: Study, run: Callable[[Study], Result]) -> Result:
    """All seeds stacked; with a fine-tuned encoder one after another."""
    return together([run(part) for part in apart(study)])


def apart(study: Study) -> list[Study]:
    """The study, or one for each seed where a text encoder is trained along.

    Stacking saves little beside a transformer; apart, a seed stops at an epoch of its
    own, draws the encoder's dropout alone, and can have a core of its own.
    """
    if study.text is None:
        return [study]
    return [study.of_seed(seed) for seed in study.seeds]


def unimodal_result(study: Study, modality: str) -> Result:
    """The fusion of the run on one modality, cross-fitted on train.

    Train predictions are out-of-fold: each row is predicted by the member that did not
    learn from its group. `train_in_sample` holds those of the refit on all of train. A
    row without the modality has the class shares, or the mean, of train.

    Source: BTW eq. (1)-(3): the same model, trained on one modality at a time.
    Departure: out-of-fold on train; in-sample residuals are too small (BTW code).
    Undone by `in_sample_unimodal`.
    """

    def run(part: Study) -> Result:
        started = process_time()
        inputs = part.inputs.only(modality)
        # In-sample predictions need no folds.
        folds = "in_sample_unimodal" not in part.switches
        members = part.members(folds=folds, modality=modality)
        fusion = part.recipe.fusion
        outcome = fit(
            inputs,
            part.rows,
            members,
            part.architecture(fusion),
            part.settings(modality, fusion),
        )
        predictions = leading(outcome)
        predictions["train_in_sample"] = predictions["train"]
        if folds:
            predictions["train"] = out_of_fold(outcome, part.rows["train"])
        predictions = {
            split: without_input(part, modality, split.removesuffix("_in_sample"), p)
            for split, p in predictions.items()
        }
        seconds = process_time() - started
        keep = part.recipe.checkpoints and applies(part)
        return fitted_result(modality, outcome, predictions, seconds, inputs, keep=keep)

    return by_seed(study, run)


def unweighted_result(study: Study, fusion: str) -> Result:
    """The multimodal baseline: all modalities, no weights (BTW eq. 4)."""

    def run(part: Study) -> Result:
        started = process_time()
        outcome = fit(
            part.inputs,
            part.rows,
            part.members(folds=False),
            part.architecture(fusion),
            part.settings(fusion, fusion),
        )
        seconds = process_time() - started
        predictions = dict(outcome.predictions)
        keep = part.recipe.checkpoints
        result = fitted_result(
            fusion, outcome, predictions, seconds, part.inputs, keep=keep
        )
        tested = prediction_seconds(part, outcome)
        return replace(result, probe=probe_tables(part, outcome), test_seconds=tested)

    return by_seed(study, run)


def prediction_seconds(study: Study, outcome: Outcome) -> float:
    """Seconds of CPU in which all seeds predict test once, without weights."""
    started = process_time()
    rows, batch = study.rows["test"], study.training.evaluation_batch
    predict(study.task, outcome.model, study.inputs, rows, None, EVALUATION, batch)
    return process_time() - started


def held_out_result(study: Study) -> Result:
    """The unweighted fusion with its train rows predicted by models without them."""

    def run(part: Study) -> Result:
        fusion = part.recipe.fusion
        outcome = fit(
            part.inputs,
            part.rows,
            part.members(folds=True),
            part.architecture(fusion),
            part.settings("cross-fitted", fusion),
        )
        train = out_of_fold(outcome, part.rows["train"])
        return fitted_result(fusion, outcome, {"train": train}, 0.0, part.inputs)

    return by_seed(study, run)


def given_result(study: Study, control: Control) -> Result:
    """Training and prediction with weights that are given and never change."""

    def run(part: Study) -> Result:
        started, fusion = process_time(), part.recipe.fusion
        weights = given_weights(part, control)
        seeds = len(part.seeds)
        outcome = fit(
            part.inputs,
            part.rows,
            part.members(folds=False),
            part.architecture(fusion),
            part.settings(control, fusion),
            given=torch.from_numpy(weights).float().expand(seeds, -1, -1),
        )
        seconds, predictions = process_time() - started, dict(outcome.predictions)
        result = fitted_result(control, outcome, predictions, seconds, part.inputs)
        rows = {s: weights[r] for s, r in part.rows.items()}
        used = {s: np.broadcast_to(w, (seeds, *w.shape)) for s, w in rows.items()}
        return replace(result, weights=used)

    return by_seed(study, run)


def weighted_result(
    study: Study, evidence: Evidence, weighting: Weighting | Control
) -> Result:
    """Retraining from a fresh start, same seed and batch order, with weights."""

    def run(part: Study) -> Result:
        kept = [study.seeds.index(seed) for seed in part.seeds]
        return _weighted(part, evidence.of_seeds(kept), weighting)

    return by_seed(study, run)


def _weighted(
    study: Study, evidence: Evidence, weighting: Weighting | Control
) -> Result:
    started = process_time()
    cross_fitted = study.multimodal_train == "cross_fitted"
    members = study.members(folds=cross_fitted)
    reweighting = Reweighting(evidence, members, plan(study, weighting))
    fusion = study.recipe.fusion
    outcome = fit(
        study.inputs,
        study.rows,
        members,
        study.architecture(fusion),
        study.settings(weighting, fusion),
        reweighting,
    )
    seconds = process_time() - started
    predictions = leading(outcome)
    keep = study.recipe.checkpoints and not cross_fitted
    result = fitted_result(
        weighting, outcome, predictions, seconds, study.inputs, keep=keep
    )
    whole = leaders(members)
    return replace(
        result,
        weights={split: w[whole] for split, w in outcome.weights.items()},
        trajectory=[{"method": weighting} | row for row in reweighting.trajectory],
    )


def leading(outcome: Outcome) -> dict[str, Float[np.ndarray, "seeds rows *classes"]]:
    """Predictions of the members that learned from all of train."""
    whole = leaders(outcome.members)
    return {split: p[whole] for split, p in outcome.predictions.items()}


def out_of_fold(
    outcome: Outcome, train: np.ndarray
) -> Float[np.ndarray, "seeds rows *classes"]:
    """Train predictions of every seed by the members that held each row out."""
    seeds = list(dict.fromkeys(member.seed for member in outcome.members))
    result = np.full_like(outcome.predictions["train"][: len(seeds)], np.nan)
    refits = {member.seed: member for member in outcome.members if member.fold == 0}
    for i, member in enumerate(outcome.members):
        if member.fold == 0:
            # Rows without the modality are in no member; `without_input` fills them.
            chosen = ~np.isin(train, member.rows)
        else:
            known = np.isin(train, refits[member.seed].rows)
            chosen = known & ~np.isin(train, member.rows)
        seed = seeds.index(member.seed)
        result[seed, chosen] = outcome.predictions["train"][i, chosen]
    return result


def without_input(
    study: Study,
    modality: str,
    split: str,
    predictions: Float[np.ndarray, "seeds rows *classes"],
) -> Float[np.ndarray, "seeds rows *classes"]:
    """The predictions, with what train says of anyone where the modality is absent.

    There a network gives an untrained constant; class shares, or the mean label, of
    train are the best guess without any input.

    Departure: the released code keeps that constant, or zeros.
    """
    m = study.inputs.names.index(modality)
    is_absent = ~study.inputs.present[:, m].cpu().numpy()[study.rows[split]]
    guess = guess_of_anyone(study)
    filled = predictions.copy()
    filled[:, is_absent] = guess if study.task.outputs > 1 else guess[0]
    return filled


def guess_of_anyone(study: Study) -> Float[np.ndarray, " outputs"]:
    """Mean label of train, or its class shares, or the share of each label."""
    y = study.inputs.y.double().cpu().numpy()[study.rows["train"]]
    if study.task.kind == "multilabel":
        return decoded(y, study.task.classes).mean(axis=0)
    if study.task.kind == "classification":
        return np.bincount(y.astype(np.int64), minlength=study.task.classes) / len(y)
    return y.mean(keepdims=True)


def plan(study: Study, method: Weighting | Control) -> Plan:
    """How this run makes and applies its weights; shuffled ones are BTW-local's."""
    return Plan(
        variant="instance" if method == SHUFFLED else method,
        alpha=study.alpha,
        made=study.params.weighting,
        switches=study.switches,
        scale=study.params.scale_of(study.recipe),
        shuffled=method == SHUFFLED,
    )
