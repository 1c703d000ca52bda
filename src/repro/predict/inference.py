"""Predictions of new rows: one pass without weights, two with them."""

import numpy as np

from repro.models.batch import Inputs
from repro.predict.stored import Stored, load
from repro.training.members import Member
from repro.training.weighting.application import Application, Applied
from repro.training.weighting.evidence import Evidence, Plan
from repro.training.weighting.inference import Kept, TwoPasses

NEW = "new"  # the split that the rows are


def predicted(stored: Stored, inputs: Inputs) -> Kept:
    """Predictions of every row by every seed, and the weights they were made with.

    Pass 1 has the mean weights of train; with its predictions and those of the
    unimodal models come the weights of pass 2. Each row stands for itself.

    Shape: `weights` is empty, `(seeds, rows, 0)`, for a model without weights.
    Raises:
        ValueError: the model gives no predictions of new rows, or a file of a
            unimodal model is missing, cut or of another training.
    """
    model, description = stored.model, stored.description
    if model.refused:
        raise ValueError(
            f"{description.address}: gives no predictions of new rows: {model.refused}"
        )
    if not model.variant:
        shape = (len(description.seeds), len(inputs.y), 0)
        return Kept(stored(inputs), np.empty(shape))
    passes = _two_passes(stored, _evidence(stored, inputs))

    def predictor(split: str, weights: Applied | None) -> np.ndarray:
        return stored(inputs, weights)

    return passes(NEW, stored.snapshots, predictor)


def _two_passes(stored: Stored, evidence: Evidence) -> TwoPasses:
    """The inference of the training loop, without any label or switch."""
    description, variant = stored.description, stored.model.variant
    plan = Plan(
        variant=variant,
        alpha=description.alpha or 0.0,
        made=description.weighting,
        scale=description.scale,
    )
    members = [Member(seed, 0, evidence.rows[NEW]) for seed in description.seeds]
    places = list(range(len(members)))
    apply = Application(evidence, members, plan)
    return TwoPasses(evidence, plan, places, [None] * len(members), apply)


def _evidence(stored: Stored, inputs: Inputs) -> Evidence:
    """What the unimodal models say of the rows; nothing is known of their labels."""
    description, model = stored.description, stored.model
    unimodal = np.stack(
        [
            load(found.run, name, found.sha256)(inputs)
            for name, found in ((n, model.unimodal[n]) for n in model.modalities)
        ],
        axis=2,
    )
    found = Evidence(
        modalities=tuple(model.modalities),
        unimodal=unimodal,
        unweighted=unimodal[:, :, 0],
        present=inputs.present.numpy(),
        y=np.zeros(len(inputs.present)),
        rows={NEW: np.arange(len(inputs.present))},
        task=description.task,
    )
    return found.with_absent_counted() if description.count_absent else found
