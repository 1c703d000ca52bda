"""Modality weights inside a training run, epoch by epoch."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from btw import ModalityWeighting, dataset_gaussian_kl
from repro.training.members import Member, leaders
from repro.training.weighting.application import Application, Applied
from repro.training.weighting.evidence import (
    Evidence,
    Plan,
    multimodal_variance,
    unimodal_variance,
)
from repro.training.weighting.inference import Kept, Predictor, Snapshot, TwoPasses
from repro.training.weighting.split_state import SplitState

_READ_TEST_EARLY = frozenset({"test_epoch", "test_smoothing", "eval_state"})


class Reweighting:
    """Weights of every member of a stack through training.

    Source: BTW 3.2-3.4 with the loop of this repository's protocol: train with the
    weights of the epoch before, predict train, predict valid by two passes, score,
    update. Members that are folds of a seed share that seed's weights.

    Departure: the first weights come from the trained unweighted model and retraining
    starts afresh; the released code starts from ones. Undone by `initial_ones`.
    """

    def __init__(
        self, evidence: Evidence, members: Sequence[Member], plan: Plan
    ) -> None:
        seeds = list(dict.fromkeys(member.seed for member in members))
        self._evidence, self._members, self._plan = evidence, members, plan
        self._seeds = range(len(seeds))
        self._seed_of = [seeds.index(member.seed) for member in members]
        self._leaders = leaders(members)
        variances = [unimodal_variance(evidence, plan, s) for s in self._seeds]
        self._weightings = [self._fitted(s, variances[s]) for s in self._seeds]
        self._apply = Application(evidence, members, plan)
        self._infer = TwoPasses(evidence, plan, self._seed_of, variances, self._apply)
        self._best_valid = np.full(len(seeds), np.inf)
        self._epoch = 0
        self._latest: dict[str, np.ndarray] = {}
        self._memory: list[SplitState] = []
        if "eval_state" in plan:
            self._memory = [
                SplitState(evidence, plan, s, variances[s], self._weightings[s].state())
                for s in self._seeds
            ]
        self.trajectory: list[dict[str, Any]] = []
        self._record()

    def training(self, epoch: int) -> Applied:
        """Weights that multiply in epoch `epoch`: those of the epoch before."""
        self._epoch = epoch
        weights = [self._weightings[s].weights for s in self._seed_of]
        return self._apply("train", weights, [epoch] * len(self._members))

    def predict(self, predictor: Predictor) -> dict[str, np.ndarray]:
        """Predictions of valid in this epoch (and of test where a switch reads it).

        Inference then stands at this epoch: information and variances come from its
        predictions, mean weights from the epoch before.
        """
        train = self._held_out(predictor("train", self.training(self._epoch)))
        splits = (
            ("valid", "test") if _READ_TEST_EARLY & self._plan.switches else ("valid",)
        )
        before = self.snapshot()
        first = {
            split: predictor(split, self._infer.first(split, before))
            for split in splits
        }
        for s in self._seeds:
            valid = first["valid"][self._leaders[s]]
            self._weightings[s].observe(train[s], **self._spread(s, train[s], valid))
        now = self.snapshot()
        self._latest = {
            split: self._infer(split, now, predictor, first[split]).predictions
            for split in splits
        }
        return self._latest

    def snapshot(self) -> list[Snapshot]:
        """Per member, everything that inference uses as it stands."""
        per_seed = []
        for s in self._seeds:
            fixed = {"train": self._weightings[s].weights}
            if self._memory:
                fixed |= self._memory[s].weights
            per_seed.append(Snapshot(self._epoch, self._weightings[s].state(), fixed))
        return [per_seed[s] for s in self._seed_of]

    def factors(self) -> Float[np.ndarray, " members"]:
        """The smoothing factor g of every member."""
        return np.array([self._weightings[s].factor for s in self._seed_of])

    def update(self, scores: Mapping[str, Float[np.ndarray, " members"]]) -> None:
        """Blend this epoch's weights in, then move the factor by the score."""
        # Departure: the released code moves the factor by the error on test. Undone by
        # `test_smoothing`.
        judge = "test" if "test_smoothing" in self._plan else "valid"
        for s in self._seeds:
            leader = self._leaders[s]
            valid = float(scores["valid"][leader])
            improved = valid < self._best_valid[s]
            self._best_valid[s] = min(valid, self._best_valid[s])
            score = float(scores[judge][leader])
            # Departure: released weights move only when validation improves. Undone by
            # `update_on_valid_improvement`.
            if "update_on_valid_improvement" in self._plan and not improved:
                self._weightings[s].skip(score)
                continue
            if self._memory:
                state = self._weightings[s].state()
                for split, predictions in self._latest.items():
                    self._memory[s].update(split, predictions[leader], state)
            self._weightings[s].step(score, held=self._plan.made.selection == "last")
        self._record()

    def replay(
        self, snapshots: Sequence[Snapshot], predictor: Predictor
    ) -> dict[str, Kept]:
        """Every split predicted from snapshots alone: the reported predictions."""
        return {
            split: self._infer(split, snapshots, predictor)
            for split in ("train", "valid", "test")
        }

    def _fitted(self, seed: int, variance: np.ndarray | None) -> ModalityWeighting:
        plan, evidence = self._plan, self._evidence
        weighting = ModalityWeighting(
            evidence.task,
            plan.variant,
            scale="sum_one" if "sum_one" in plan else plan.scale,
            alpha=plan.alpha,
            alpha_step=plan.made.alpha_step,
            neighbors=plan.made.neighbors,
            random_state=plan.made.random_state,
            modalities=evidence.modalities,
            initial="ones" if "initial_ones" in plan else "weights",
        )
        rows = evidence.rows
        train = evidence.unweighted[seed, rows["train"]]
        valid = evidence.unweighted[seed, rows["valid"]]
        if variance is not None and variance.ndim == 2:
            variance = variance[rows["train"]]
        weighting.fit(
            evidence.unimodal_in("train", seed),
            train,
            present=evidence.present_in("train"),
            unimodal_variance=variance,
            **self._spread(seed, train, valid),
        )
        return weighting

    def _spread(
        self, seed: int, train: np.ndarray, valid: np.ndarray
    ) -> dict[str, Any]:
        """What an epoch's weights need beside its train predictions."""
        evidence, plan = self._evidence, self._plan
        if plan.variant == "modality" or evidence.task == "classification":
            return {}
        spread = {
            "multimodal_variance": multimodal_variance(evidence, plan, train, valid)
        }
        if plan.variant == "averaged_instance" and "global_gaussian_kl" in plan:
            # Departure: the released code does this per split, with its labels, and
            # leaves the result unnormalized; here train alone gives it, then scaled.
            spread["averaged"] = dataset_gaussian_kl(
                evidence.unimodal_in("train", seed),
                train,
                evidence.y_in("train"),
                evidence.present_in("train"),
            )
        return spread

    def _held_out(self, predictions: np.ndarray) -> np.ndarray:
        """Per seed, train predictions: held-out ones where folds train along."""
        train = self._evidence.rows["train"]
        result = predictions[self._leaders].copy()
        for i, member in enumerate(self._members):
            if member.fold:
                held_out = ~np.isin(train, member.rows)
                result[self._seed_of[i], held_out] = predictions[i, held_out]
        return result

    def _record(self) -> None:
        present = self._evidence.present_in("train")
        for s in self._seeds:
            weights = self._weightings[s].weights
            for m, name in enumerate(self._evidence.modalities):
                values = weights[present[:, m], m]
                lower, upper = np.quantile(values, [0.25, 0.75])
                self.trajectory.append(
                    {
                        "seed": self._members[self._leaders[s]].seed,
                        "epoch": self._epoch,
                        "split": "train",
                        "modality": name,
                        "mean": float(values.mean()),
                        "lower": float(lower),
                        "upper": float(upper),
                        "factor": self._weightings[s].factor,
                    }
                )
