"""Training cells: which models are fitted on what, and what each cell reports."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from time import perf_counter

import numpy as np
import torch
from jaxtyping import Float

from repro.cells.parallel import in_parallel
from repro.cells.study import Study, evidence_of, read_evidence
from repro.members import seed_stream
from repro.models.batch import Inputs
from repro.models.predictor import parameter_count
from repro.params import Method
from repro.reweighting.evidence import Evidence, Plan
from repro.reweighting.loop import Reweighting
from repro.training.checkpoint import checkpoint_arrays
from repro.training.fitting import Outcome, fit

# Switches that change the unweighted and unimodal models themselves.
MODEL_SWITCHES = frozenset(
    {"test_epoch", "eval_noise", "no_balance_loss", "log_space_experts"}
)
SPLITS = ("train", "valid", "test")


@dataclass(frozen=True)
class Result:
    """One method of one cell: predictions of every split and how they came about.

    Shape: `predictions[split]` is `(seeds, rows)`, `weights[split]`
    `(seeds, rows, modalities)`.
    """

    method: str
    predictions: dict[str, Float[np.ndarray, "seeds rows"]]
    history: list[dict]
    epochs: list[int]
    parameters: int
    seconds: float
    modalities: tuple[str, ...]
    weights: dict[str, np.ndarray] = field(default_factory=dict)
    trajectory: list[dict] = field(default_factory=list)
    checkpoint: dict[str, np.ndarray] = field(default_factory=dict)


def unimodal_results(study: Study) -> list[Result]:
    """One model per modality, cross-fitted on train.

    Train predictions are out-of-fold: each row is predicted by the member that did not
    learn from its group. `train_in_sample` holds those of the refit on all of train.
    """
    tasks = [partial(_unimodal, study, name) for name in study.inputs.names]
    return in_parallel(tasks)


def _unimodal(study: Study, modality: str) -> Result:
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
    return _result(modality, outcome, predictions, perf_counter() - started, inputs)


def out_of_fold(outcome: Outcome, train: np.ndarray) -> Float[np.ndarray, "seeds rows"]:
    """Train predictions of every seed by the members that held each row out."""
    seeds = list(dict.fromkeys(member.seed for member in outcome.members))
    result = np.full((len(seeds), len(train)), np.nan)
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
    started = perf_counter()
    members = study.members(folds=False)
    outcome = fit(
        study.inputs, study.rows, members, study.architecture(), study.settings("moe")
    )
    seconds = perf_counter() - started
    return _result(
        "moe", outcome, dict(outcome.predictions), seconds, study.inputs, keep=True
    )


def weighted_result(study: Study, evidence: Evidence, method: Method) -> Result:
    """Retraining from a fresh start, same seed and batch order, with weights."""
    started = perf_counter()
    cross_fitted = _multimodal_train(study) == "cross_fitted"
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
    result = _result(
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
    if "swap_audio_video" in study.switches and not (
        {"audio", "video"} <= set(study.inputs.names)
    ):
        raise ValueError(
            f"switch swap_audio_video: data set {study.cell.dataset} has modalities "
            f"{study.inputs.names}; it needs audio and video"
        )
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
    shape = (len(study.seeds), len(study.samples))
    together = np.zeros(shape)
    for split in SPLITS:
        together[:, study.rows[split]] = unweighted.predictions[split]
    variants = []
    for train in ("train", "train_in_sample"):
        columns = np.zeros((*shape, len(unimodal)))
        for m, result in enumerate(unimodal):
            for split in SPLITS:
                source = train if split == "train" else split
                columns[:, study.rows[split], m] = result.predictions[source]
        variants.append(columns)
    in_sample = "in_sample_unimodal" in study.switches
    return evidence_of(study, variants[int(in_sample)], together), variants[1]


def attribution_results(study: Study) -> list[Result]:
    """One row of the attribution table: the unweighted model and BTW beside it.

    Where a switch changes the unweighted model too, it is trained again under that
    switch, and so are the unimodal models; otherwise the evidence of the weights
    stage serves and the unweighted predictions are those of the `moe` cell.
    """
    cross_fitted = _multimodal_train(study) == "cross_fitted"
    if study.switches & MODEL_SWITCHES:
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
    return Result("moe", predictions, [], [], 0, 0.0, study.inputs.names)


def _cross_fitted(study: Study, evidence: Evidence) -> np.ndarray:
    """Unweighted predictions with the train rows held out from their model."""
    outcome = fit(
        study.inputs,
        study.rows,
        study.members(folds=True),
        study.architecture(),
        study.settings("moe, cross-fitted"),
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
        *(partial(_unimodal, noisy, name) for name in names),
        partial(unweighted_result, noisy),
    ]
    *noise, unweighted = in_parallel(tasks)
    evidence, _ = assembled_evidence(noisy, noise, unweighted)
    evidence = replace(
        evidence,
        unimodal=np.concatenate([known.unimodal, evidence.unimodal], axis=2),
    )
    methods: tuple[Method, ...] = ("instance", "modality", "bi_level")
    more = [partial(weighted_result, noisy, evidence, method) for method in methods]
    return [unweighted, *in_parallel(more)]


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
    return Inputs(
        names=(*inputs.names, *(f"noise_{k}" for k in range(1, count + 1))),
        values=(*inputs.values, *(torch.from_numpy(d).to(device) for d in draws)),
        lengths=torch.cat([inputs.lengths, ones], 1),
        present=torch.cat([inputs.present, ones.bool()], 1),
        y=inputs.y,
    )


def _multimodal_train(study: Study) -> str:
    own = study.cell.multimodal_train
    return study.params.weighting.multimodal_train if own is None else own


def _result(
    method: str,
    outcome: Outcome,
    predictions: dict[str, np.ndarray],
    seconds: float,
    inputs: Inputs,
    keep: bool = False,
) -> Result:
    leaders = [i for i, member in enumerate(outcome.members) if member.fold == 0]
    return Result(
        method=method,
        predictions=predictions,
        history=[
            {"method": method} | row for row in outcome.history if row["fold"] == 0
        ],
        epochs=[outcome.epochs[i] for i in leaders],
        parameters=parameter_count(outcome.model),
        seconds=seconds,
        modalities=inputs.names,
        checkpoint=checkpoint_arrays(outcome.model, outcome.states) if keep else {},
    )
