"""What a cell trains: the fits of all its runs, two waves of them side by side."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from jaxtyping import Float

from repro.cells.evidence import evidence_of, used_results
from repro.cells.fits import (
    apart,
    given_result,
    held_out_result,
    plan,
    unimodal_result,
    unweighted_result,
    weighted_result,
)
from repro.cells.parallel import Task, in_parallel
from repro.cells.planted import unplanted
from repro.cells.result import Result, together
from repro.cells.stacking import cannot_stack, stacked_result
from repro.cells.study import Study
from repro.params.cells import (
    FIRST_WEIGHTS,
    SHUFFLED,
    STACKED,
    UNIMODAL,
    Control,
    Weighting,
)
from repro.training.weighting.evidence import Evidence
from repro.training.weighting.loop import Reweighting

Fit = Callable[[Study], Result]
HELD_OUT = "held out"  # names no method: predictions for the evidence alone


@dataclass(frozen=True)
class Trained:
    """What a run holds: results by method, evidence where it makes weights, and why
    methods that its recipe lists are not there. `unimodal` names the run that trained
    the model of each modality.
    """

    study: Study
    results: Mapping[str, Result]
    left_out: Mapping[str, str]
    evidence: Evidence | None = None
    first_weights: Sequence[np.ndarray] = ()
    unimodal: Mapping[str, str] = field(default_factory=dict)


def trained(studies: Sequence[Study]) -> list[Trained]:
    """Results of every run of a cell.

    First come all models without weights of all runs, then all with weights; within a
    wave nothing depends on anything else, so that a machine's cores are full.
    """
    known = [used_results(study) for study in studies]
    waves = [_unweighted_fits(s, k) for s, k in zip(studies, known, strict=True)]
    first = _run(studies, waves, "without weights")
    runs = [_assembled(s, k, f) for s, k, f in zip(studies, known, first, strict=True)]
    second = _run(studies, [_weighted_fits(run) for run in runs], "with weights")
    return [
        replace(run, results={**run.results, **found})
        for run, found in zip(runs, second, strict=True)
    ]


def _run(
    studies: Sequence[Study], fits: Sequence[Mapping[str, Fit]], wave: str
) -> list[dict[str, Result]]:
    """Results of every run's fits by name; those of a tuned encoder seed by seed."""
    tasks: list[Task] = [
        partial(fit, part)
        for study, named in zip(studies, fits, strict=True)
        for fit in named.values()
        for part in apart(study)
    ]
    group, cell, *_ = studies[0].address.split("/")
    results = iter(in_parallel(tasks, label=f"{group}/{cell} {wave}"))
    return [
        {name: together([next(results) for _ in apart(study)]) for name in named}
        for study, named in zip(studies, fits, strict=True)
    ]


def _unweighted_fits(study: Study, known: Mapping[str, Result]) -> dict[str, Fit]:
    """Fits of the run that need no weights, the long ones first."""
    recipe, tasks = study.recipe, dict[str, Fit]()
    fusions = dict.fromkeys(recipe.fusions)
    if recipe.needs_evidence and recipe.fusion not in known:
        fusions[recipe.fusion] = None
    for fusion in fusions:
        if not study.cannot_fuse(fusion):
            tasks[fusion] = partial(unweighted_result, fusion=fusion)
    for control in recipe.controls:
        if control != SHUFFLED and not _not_given(study, control):
            tasks[control] = partial(given_result, control=control)
    if UNIMODAL in recipe.trains or recipe.needs_evidence:
        for name in study.inputs.names:
            if name not in known:
                tasks[name] = partial(unimodal_result, modality=name)
    if recipe.weightings and study.multimodal_train == "cross_fitted":
        tasks[HELD_OUT] = held_out_result
    return {} if study.unable else tasks


def _assembled(
    study: Study, known: Mapping[str, Result], first: Mapping[str, Result]
) -> Trained:
    """The run before its weights: own results, and the unweighted one they go by."""
    recipe = study.recipe
    results = {name: r for name, r in first.items() if name != HELD_OUT}
    left_out = {f: why for f in recipe.fusions if (why := study.cannot_fuse(f))}
    left_out |= {c: why for c in recipe.controls if (why := _not_given(study, c))}
    reason = study.cannot_fuse(recipe.fusion) if recipe.needs_evidence else None
    if reason:
        return Trained(study, results, {**left_out, recipe.fusion: reason})
    every = {**known, **results}
    if STACKED in recipe.trains:
        if reason := cannot_stack(study):
            left_out[STACKED] = reason
        else:
            results = {**results, STACKED: stacked_result(study, every)}
    is_weighted = recipe.weightings or recipe.controls
    if is_weighted and recipe.fusion not in results and recipe.fusion in known:
        results = {recipe.fusion: known[recipe.fusion], **results}
    if not recipe.needs_evidence:
        return Trained(study, results, left_out)
    evidence = evidence_of(study, every)
    if HELD_OUT in first:
        evidence = _held_out(study, evidence, first[HELD_OUT])
    first_weights = _first_weights(study, evidence)
    homes = {n: every[n].home or study.address for n in study.inputs.names}
    return Trained(study, results, left_out, evidence, first_weights, homes)


def _first_weights(
    study: Study, evidence: Evidence
) -> list[Float[np.ndarray, "rows modalities"]]:
    """Weights of train by instance from the unweighted model, where asked for."""
    if FIRST_WEIGHTS not in study.recipe.trains:
        return []
    members = study.members(folds=False)
    first = Reweighting(evidence, members, plan(study, "instance"))
    return [snapshot.fixed["train"] for snapshot in first.snapshot()]


def _held_out(study: Study, evidence: Evidence, result: Result) -> Evidence:
    """The evidence with train predictions of models that did not see the rows."""
    unweighted = evidence.unweighted.copy()
    unweighted[:, study.rows["train"]] = result.predictions["train"]
    return replace(evidence, unweighted=np.asarray(unweighted))


def _weighted_fits(run: Trained) -> dict[str, Fit]:
    if run.evidence is None:
        return {}
    recipe = run.study.recipe
    shuffled = [name for name in recipe.controls if name == SHUFFLED]
    return {
        name: partial(_weighted, run, name) for name in (*recipe.weightings, *shuffled)
    }


def _weighted(run: Trained, name: Weighting | Control, part: Study) -> Result:
    """A fit with weights, for the seeds of a part of the study."""
    assert run.evidence is not None
    kept = [run.study.seeds.index(seed) for seed in part.seeds]
    return weighted_result(part, run.evidence.of_seeds(kept), name)


def _not_given(study: Study, control: Control) -> str | None:
    """Why a fusion cannot be trained with these weights, or None."""
    return unplanted(study, control) or study.cannot_fuse(study.recipe.fusion)
