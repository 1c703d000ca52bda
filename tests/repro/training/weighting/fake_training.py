"""Evidence and a predictor made of formulas, to run the reweighting without models."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch

from repro.params.study import Weighting
from repro.training.members import Member
from repro.training.weighting.evidence import Evidence, Plan
from repro.training.weighting.loop import Reweighting

MADE = Weighting(
    scale="mean_one",
    alpha_step=0.05,
    neighbors=3,
    random_state=0,
    site="contribution",
    missing="mask",
    multimodal_train="current",
    unimodal_variance="pooled",
    multimodal_variance="valid",
    selection="best_valid",
)
MADE_BY = frozenset(Weighting.model_fields)
NAMES = ("text", "audio", "video")
SIZES = {"train": 60, "valid": 30, "test": 25}
TOTAL = sum(SIZES.values())
SPLITS = tuple(SIZES)


def evidence(seeds: int = 2, **rows: np.ndarray) -> Evidence:
    """Random labels and predictions of some skill; some modalities are absent."""
    draw = np.random.default_rng(3)
    y = draw.standard_normal(TOTAL)
    skill = np.array([0.3, 0.8, 1.2])
    unimodal = y[:, None] + skill * draw.standard_normal((seeds, TOTAL, 3))
    unweighted = y + 0.4 * draw.standard_normal((seeds, TOTAL))
    present = draw.random((TOTAL, 3)) > 0.2
    present[np.arange(TOTAL), draw.integers(0, 3, TOTAL)] = True
    ends = np.cumsum(list(SIZES.values()))
    all_rows = {
        split: np.arange(end - SIZES[split], end)
        for split, end in zip(SPLITS, ends, strict=True)
    }
    return Evidence(NAMES, unimodal, unweighted, present, y, all_rows | rows)


def made_plan(variant: str = "instance", *switches: str, **changes: object) -> Plan:
    """A plan with the defaults of the protocol; `changes` are fields of its parts."""
    made = MADE.model_copy(update={k: v for k, v in changes.items() if k in MADE_BY})
    rest = {k: v for k, v in changes.items() if k not in MADE_BY}
    found = Plan(variant, 0.5, made, frozenset(switches), scale=made.scale)
    return replace(found, **rest)  # type: ignore[arg-type]


def members(seeds: int = 2, train: int = SIZES["train"]) -> list[Member]:
    """One member on all of train per seed."""
    return [Member(10 + s, 0, np.arange(train)) for s in range(seeds)]


def prediction(
    known: Evidence, rows: np.ndarray, member: int, epoch: int, weights: np.ndarray
) -> np.ndarray:
    """A prediction of each row from its own weights (rows, modalities) alone."""
    error = np.random.default_rng(member).standard_normal((len(known.y), 3))[rows]
    parts = (1.2 - 0.1 * epoch) * error * weights.astype(np.float32).astype(float)
    return known.y[rows] * 0.7 + parts.mean(1) + 0.05 * epoch


class FakePredictor:
    """Predictions of every member at an epoch, counting calls per split."""

    def __init__(self, known: Evidence, count: int, epochs: Sequence[int]) -> None:
        self.known, self.count, self.epochs = known, count, epochs
        self.calls = dict.fromkeys(SPLITS, 0)

    def __call__(self, split: str, weights: torch.Tensor | None) -> np.ndarray:
        self.calls[split] += 1
        assert weights is not None
        rows = self.known.rows[split]
        return np.stack(
            [
                prediction(
                    self.known, rows, i, self.epochs[i], weights[i, rows].numpy()
                )
                for i in range(self.count)
            ]
        )


def scores(known: Evidence, predictions: dict[str, np.ndarray]) -> dict:
    """Mean absolute error per member and split."""
    return {
        split: np.abs(values - known.y[known.rows[split]]).mean(1)
        for split, values in predictions.items()
    }


def run_epochs(
    known: Evidence,
    plan: Plan,
    epochs: int,
    team: Sequence[Member] | None = None,
    given: Callable[[int, dict], dict] | None = None,
) -> tuple[Reweighting, list[dict]]:
    """Run the loop as training does; what it applied, predicted and held, by epoch.

    `given` replaces the scores of an epoch.
    """
    team = members() if team is None else team
    run, log = Reweighting(known, team, plan), []
    for epoch in range(1, epochs + 1):
        applied = run.training(epoch).clone()
        predictor = FakePredictor(known, len(team), [epoch] * len(team))
        predictions = dict(run.predict(predictor))
        found = scores(known, predictions)
        entry = {
            "applied": applied.numpy(),
            "predictions": predictions,
            "snapshots": run.snapshot(),
            "factors": run.factors(),
            "calls": predictor.calls,
        }
        run.update(given(epoch, found) if given else found)
        log.append(entry)
    return run, log
