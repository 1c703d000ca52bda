"""Cells that compare: attribution rows and the noise stress test."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import torch

from repro.cells.fits import (
    SPLITS,
    assembled_evidence,
    by_seed,
    multimodal_train,
    out_of_fold,
    prediction_columns,
    unimodal_result,
    unimodal_results,
    unweighted_result,
    weighted_result,
)
from repro.cells.parallel import in_parallel
from repro.cells.result import Result
from repro.cells.stored_evidence import evidence_of, read_evidence
from repro.cells.study import Study
from repro.models.batch import Inputs, unpadded
from repro.params import Method
from repro.training.fitting import fit
from repro.training.members import seed_stream
from repro.training.weighting.evidence import Evidence

# Switches that change the unweighted and unimodal models themselves.
MODEL_SWITCHES = frozenset(
    {"test_epoch", "eval_noise", "no_balance_loss", "log_space_experts"}
)


def attribution_results(study: Study) -> list[Result]:
    """One row of the attribution table: the unweighted model and BTW beside it.

    Where a switch changes the unweighted model too, it is trained again under that
    switch, and so are the unimodal models; otherwise the evidence of the weights
    stage serves and the unweighted predictions are those of the `moe` cell.
    """
    cross_fitted = multimodal_train(study) == "cross_fitted"
    if study.switches & MODEL_SWITCHES or study.protocol != study.params.protocol:
        unimodal = unimodal_results(study)
        unweighted = unweighted_result(study)
        evidence, _ = assembled_evidence(study, unimodal, unweighted)
    else:
        evidence = read_evidence(study)
        unweighted = _retold(study, evidence)
    if cross_fitted:
        evidence = replace(evidence, unweighted=_cross_fitted(study, evidence))
    methods: list[Method] = ["instance", "bi_level"]
    plain = not study.switches and study.cell.control == "none" and not cross_fitted
    if plain or "global_gaussian_kl" in study.switches:
        methods.append("averaged_instance")
    tasks = [partial(weighted_result, study, evidence, method) for method in methods]
    return [unweighted, *in_parallel(tasks)]


def _retold(study: Study, evidence: Evidence) -> Result:
    predictions = {s: evidence.unweighted[:, study.rows[s]] for s in SPLITS}
    return Result(study.cell.fusion, predictions, [], [], 0, 0.0, study.inputs.names)


def _cross_fitted(study: Study, evidence: Evidence) -> np.ndarray:
    """Unweighted predictions with the train rows held out from their model."""
    outcome = fit(
        study.inputs,
        study.rows,
        study.members(folds=True),
        study.architecture(),
        study.settings("cross-fitted"),
    )
    unweighted = evidence.unweighted.copy()
    unweighted[:, study.rows["train"]] = out_of_fold(outcome, study.rows["train"])
    return unweighted


def noise_results(study: Study) -> list[Result]:
    """The stress test: pure-noise modalities added, all models trained with them."""
    noisy = replace(study, inputs=with_noise(study.inputs, study.cell.noise))
    names = noisy.inputs.names[len(study.inputs.names) :]
    known = read_evidence(study)
    tasks: list[Callable[[], Result]] = [
        *(partial(by_seed, noisy, partial(unimodal_result, modality=n)) for n in names),
        partial(unweighted_result, noisy),
    ]
    *noise, unweighted = in_parallel(tasks)
    in_sample = "in_sample_unimodal" in study.switches
    columns = prediction_columns(
        noisy, noise, "train_in_sample" if in_sample else "train"
    )
    evidence = evidence_of(
        noisy,
        np.concatenate([known.unimodal, columns], axis=2),
        prediction_columns(noisy, [unweighted])[:, :, 0],
    )
    methods: tuple[Method, ...] = ("instance", "modality", "bi_level")
    more = [partial(weighted_result, noisy, evidence, method) for method in methods]
    return [unweighted, *in_parallel(more)]


def retrained_results(study: Study) -> list[Result]:
    """BTW where the unweighted model differs from the main one: another fusion, fewer
    modalities, or another stand-in for absent ones; the unimodal models are the main
    ones.
    """
    known = read_evidence(study)
    unweighted = unweighted_result(study)
    together = prediction_columns(study, [unweighted])[:, :, 0]
    evidence = evidence_of(study, known.unimodal, together)
    methods: tuple[Method, ...] = ("instance", "bi_level")
    tasks = [partial(weighted_result, study, evidence, method) for method in methods]
    return [unweighted, *in_parallel(tasks)]


def whole_results(study: Study) -> list[Result]:
    """Everything from the unimodal models on, where nothing trained before serves."""
    unimodal = unimodal_results(study)
    unweighted = unweighted_result(study)
    evidence, _ = assembled_evidence(study, unimodal, unweighted)
    methods: tuple[Method, ...] = ("instance", "bi_level")
    tasks = [partial(weighted_result, study, evidence, method) for method in methods]
    return [*unimodal, unweighted, *in_parallel(tasks)]


def variant_results(study: Study) -> list[Result]:
    """All four weightings of one unweighted model."""
    evidence = read_evidence(study)
    methods: tuple[Method, ...] = (
        "instance",
        "averaged_instance",
        "modality",
        "bi_level",
    )
    tasks = [partial(weighted_result, study, evidence, method) for method in methods]
    return in_parallel(tasks)


def with_noise(inputs: Inputs, count: int, features: int = 16) -> Inputs:
    """Add modalities of standard normal vectors that know nothing of the label.

    Noise modality `k` is the same whatever `count` is.
    """
    device, samples = inputs.y.device, len(inputs.y)
    draws = [
        np.random.default_rng(seed_stream(0, k, "control")).standard_normal(
            (samples, 1, features), dtype=np.float32
        )
        for k in range(1, count + 1)
    ]
    ones = torch.ones((samples, count), dtype=torch.int64, device=device)
    noise = [
        unpadded(torch.from_numpy(draw).to(device), ones[:, k])
        for k, draw in enumerate(draws)
    ]
    return Inputs(
        names=(*inputs.names, *(f"noise_{k}" for k in range(1, count + 1))),
        values=(*inputs.values, *noise),
        lengths=torch.cat([inputs.lengths, ones], 1),
        present=torch.cat([inputs.present, ones.bool()], 1),
        y=inputs.y,
        times=(*inputs.times, *(None for _ in noise)) if inputs.times else (),
        hourly=(*inputs.hourly, *(None for _ in noise)) if inputs.hourly else (),
    )
