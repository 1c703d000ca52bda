"""Training cells: which models are fitted on what, and what each cell reports."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from time import perf_counter

import numpy as np
from jaxtyping import Float

from repro.cells.parallel import in_parallel
from repro.cells.result import Result, fitted_result, merged
from repro.cells.stored_evidence import evidence_of
from repro.cells.study import Study
from repro.params import Method
from repro.training.fitting import Outcome, fit
from repro.training.weighting.evidence import Evidence, Plan
from repro.training.weighting.loop import Reweighting

SPLITS = ("train", "valid", "test")


def unimodal_results(study: Study) -> list[Result]:
    """One model per modality, cross-fitted on train.

    Train predictions are out-of-fold: each row is predicted by the member that did not
    learn from its group. `train_in_sample` holds those of the refit on all of train.
    """
    tasks = [
        partial(by_seed, study, partial(unimodal_result, modality=name))
        for name in study.inputs.names
    ]
    return in_parallel(tasks, 1 if study.text else None)


def by_seed(study: Study, run: Callable[[Study], Result]) -> Result:
    """All seeds stacked; with a fine-tuned transformer, which fills a machine by
    itself, one after another.
    """
    if study.text is None:
        return run(study)
    return merged([run(study.of_seed(seed)) for seed in study.seeds])


def unimodal_result(study: Study, modality: str) -> Result:
    """Source: BTW eq. (1)-(3): the same model, trained on one modality at a time.

    Departure: out-of-fold on train; in-sample residuals are too small (BTW code).
    """
    started = perf_counter()
    inputs = study.inputs.only(modality)
    # In-sample predictions need no folds.
    folds = "in_sample_unimodal" not in study.switches
    members = study.members(folds=folds, modality=modality)
    outcome = fit(
        inputs, study.rows, members, study.architecture(), study.settings(modality)
    )
    leaders = [i for i, member in enumerate(members) if member.fold == 0]
    predictions = {split: p[leaders] for split, p in outcome.predictions.items()}
    predictions["train_in_sample"] = predictions["train"]
    if folds:
        predictions["train"] = out_of_fold(outcome, study.rows["train"])
    return fitted_result(
        modality, outcome, predictions, perf_counter() - started, inputs
    )


def out_of_fold(
    outcome: Outcome, train: np.ndarray
) -> Float[np.ndarray, "seeds rows *classes"]:
    """Train predictions of every seed by the members that held each row out."""
    seeds = list(dict.fromkeys(member.seed for member in outcome.members))
    result = np.full_like(outcome.predictions["train"][: len(seeds)], np.nan)
    for i, member in enumerate(outcome.members):
        if member.fold == 0:
            # Rows without the modality are in no member; the refit's constant stands.
            absent = ~np.isin(train, member.rows)
            result[seeds.index(member.seed), absent] = outcome.predictions["train"][
                i, absent
            ]
    for i, member in enumerate(outcome.members):
        if member.fold:
            leader = next(
                m for m in outcome.members if m.seed == member.seed and m.fold == 0
            )
            held_out = np.isin(train, leader.rows) & ~np.isin(train, member.rows)
            result[seeds.index(member.seed), held_out] = outcome.predictions["train"][
                i, held_out
            ]
    return result


def unweighted_result(study: Study) -> Result:
    """The multimodal baseline: all modalities, no weights (BTW eq. 4)."""
    return by_seed(study, _unweighted)


def _unweighted(study: Study) -> Result:
    started = perf_counter()
    members = study.members(folds=False)
    outcome = fit(
        study.inputs,
        study.rows,
        members,
        study.architecture(),
        study.settings(study.cell.fusion),
    )
    seconds = perf_counter() - started
    return fitted_result(
        study.cell.fusion,
        outcome,
        dict(outcome.predictions),
        seconds,
        study.inputs,
        keep=True,
    )


def weighted_result(study: Study, evidence: Evidence, method: Method) -> Result:
    """Retraining from a fresh start, same seed and batch order, with weights."""

    def run(part: Study) -> Result:
        kept = [study.seeds.index(seed) for seed in part.seeds]
        return _weighted(part, evidence.of_seeds(kept), method)

    return by_seed(study, run)


def _weighted(study: Study, evidence: Evidence, method: Method) -> Result:
    started = perf_counter()
    cross_fitted = multimodal_train(study) == "cross_fitted"
    members = study.members(folds=cross_fitted)
    reweighting = Reweighting(evidence, members, plan(study, method))
    outcome = fit(
        study.inputs,
        study.rows,
        members,
        study.architecture(),
        study.settings(method),
        reweighting,
    )
    leaders = [i for i, member in enumerate(members) if member.fold == 0]
    result = fitted_result(
        method,
        outcome,
        {split: p[leaders] for split, p in outcome.predictions.items()},
        perf_counter() - started,
        study.inputs,
        keep=not cross_fitted,
    )
    return replace(
        result,
        weights={split: w[leaders] for split, w in outcome.weights.items()},
        trajectory=[{"method": method} | row for row in reweighting.trajectory],
    )


def plan(study: Study, method: Method) -> Plan:
    """How this cell makes and applies its weights."""
    weighting = study.params.weighting
    return Plan(
        variant=method,
        alpha=study.alpha,
        alpha_step=weighting.alpha_step,
        scale=weighting.scale,
        neighbors=weighting.neighbors,
        random_state=weighting.random_state,
        unimodal_variance=weighting.unimodal_variance,
        multimodal_variance=weighting.multimodal_variance,
        hold_factor=weighting.selection == "last",
        switches=study.switches,
        control=study.cell.control,
    )


def assembled_evidence(
    study: Study, unimodal: Sequence[Result], unweighted: Result
) -> tuple[Evidence, np.ndarray]:
    """Evidence from trained models, and its in-sample unimodal variant."""
    out_of_fold = prediction_columns(study, unimodal)
    in_sample = prediction_columns(study, unimodal, "train_in_sample")
    used = in_sample if "in_sample_unimodal" in study.switches else out_of_fold
    together = prediction_columns(study, [unweighted])[:, :, 0]
    return evidence_of(study, used, together), in_sample


def prediction_columns(
    study: Study, results: Sequence[Result], train: str = "train"
) -> Float[np.ndarray, "seeds samples models *classes"]:
    """Predictions of all samples, one column per model; `train` names those of train.

    Samples without any modality, which are in no split, get 0.
    """
    shape = (len(study.seeds), len(study.samples), len(results))
    columns = np.zeros(shape + results[0].predictions["test"].shape[2:])
    for m, result in enumerate(results):
        for split in SPLITS:
            name = train if split == "train" else split
            columns[:, study.rows[split], m] = result.predictions[name]
    return columns


def multimodal_train(study: Study) -> str:
    """`current` or `cross_fitted`: whose predictions of train weights are made from."""
    own = study.cell.multimodal_train
    return study.params.weighting.multimodal_train if own is None else own
