"""The protocol restated: one seed, one instance and one modality at a time."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import root

from btw import gaussian_kl, modality_information
from repro.training.weighting.evidence import Evidence
from tests.repro.training.weighting.fake_training import prediction


def scaled_row(raw: list[float], present: np.ndarray) -> np.ndarray:
    """Weights of one instance that average one over what is present."""
    kept = [w if there else 0.0 for w, there in zip(raw, present, strict=True)]
    return np.array([w / sum(kept) * present.sum() for w in kept])


@dataclass
class Slow:
    """The protocol for one seed, in words turned into loops."""

    known: Evidence
    variant: str
    seed: int
    factor: float = 0.5
    best: float = np.inf

    def __post_init__(self) -> None:
        known, rows = self.known, self.known.rows["train"]
        floor = 1e-3 * np.var(known.y[rows])
        self.floor = floor
        self.own_variance = []
        for m in range(3):
            there = [i for i in rows if known.present[i, m]]
            squares = [
                (known.unimodal[self.seed, i, m] - known.y[i]) ** 2 for i in there
            ]
            self.own_variance.append(max(np.mean(squares), floor))
        joint = known.unweighted[self.seed]
        self.take(joint[rows], joint[known.rows["valid"]])
        self.held, self.vector = self.new, self.new_vector

    def shares(self, i: int, joint: float) -> list[float]:
        """Shares of one instance in the divergence of its modalities."""
        raw = []
        for m in range(3):
            if self.known.present[i, m]:
                own = self.known.unimodal[self.seed, i, m]
                divergence = gaussian_kl(
                    own, self.own_variance[m], joint, self.joint_variance
                )
                raw.append(max(float(divergence), 1e-5))
            else:
                raw.append(0.0)
        return [value / sum(raw) for value in raw]

    def take(self, train: np.ndarray, valid: np.ndarray) -> None:
        """Look at the predictions of an epoch: variance, information, weights."""
        known, rows = self.known, self.known.rows["train"]
        residual = valid - known.y[known.rows["valid"]]
        self.joint_variance = max(np.mean(residual**2), self.floor)
        self.information = modality_information(
            known.unimodal[self.seed, rows], train, "regression", known.present[rows]
        )
        shares = np.array([self.shares(i, p) for i, p in zip(rows, train, strict=True)])
        self.averaged = self.common(shares)
        self.new = np.array(
            [self.weights(i, p) for i, p in zip(rows, train, strict=True)]
        )
        raw = self.averaged
        if self.variant == "modality":
            raw = self.information
        self.new_vector = scaled_row(list(raw), np.ones(3, dtype=bool))

    def common(self, values: np.ndarray) -> np.ndarray:
        """The vector whose restrictions to what train rows have sum to these rows."""
        there = self.known.present[self.known.rows["train"]]

        def left(logs: np.ndarray) -> np.ndarray:
            vector = np.exp([*logs, 0.0])
            pairs = zip(values, there, strict=True)
            parts = [scaled_row(list(vector), t) / t.sum() * v.sum() for v, t in pairs]
            return (np.sum(parts, axis=0) - values.sum(0))[:2]

        return np.exp([*root(left, [0.0, 0.0], tol=1e-13).x, 0.0])

    def weights(self, i: int, joint: float) -> np.ndarray:
        """Weights of one instance from its predictions."""
        raw = [1.0, 1.0, 1.0]
        if self.variant in ("instance", "bi_level"):
            raw = self.shares(i, joint)
        if self.variant in ("modality", "bi_level"):
            raw = [r * w for r, w in zip(raw, self.information, strict=True)]
        if self.variant == "averaged_instance":
            raw = self.averaged
        return scaled_row(raw, self.known.present[i])

    def prior(self, rows: np.ndarray) -> np.ndarray:
        """The vector that stands for the held weights over what each row has."""
        is_global = self.variant in ("averaged_instance", "modality")
        vector = self.vector if is_global else self.common(self.held)
        return self.restricted(vector, rows)

    def restricted(self, vector: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """A vector over what each row has."""
        there = self.known.present[rows]
        return np.array([scaled_row(list(vector), present) for present in there])

    def second(self, rows: np.ndarray, first: np.ndarray) -> np.ndarray:
        """Weights of pass 2."""
        prior = self.prior(rows)
        if self.variant in ("averaged_instance", "modality"):
            return prior
        own = np.array([self.weights(i, p) for i, p in zip(rows, first, strict=True)])
        return self.factor * own + (1 - self.factor) * prior

    def two_passes(self, split: str, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Predictions and weights of a split."""
        rows = self.known.rows[split]
        first = prediction(self.known, rows, self.seed, epoch, self.prior(rows))
        weights = self.second(rows, first)
        return prediction(self.known, rows, self.seed, epoch, weights), weights

    def epoch(self, epoch: int) -> dict:
        """One epoch; what it used and found."""
        known, applied, factor = self.known, self.held, self.factor
        train, valid = known.rows["train"], known.rows["valid"]
        on_train = prediction(known, train, self.seed, epoch, applied)
        first = prediction(known, valid, self.seed, epoch, self.prior(valid))
        self.take(on_train, first)
        found, _ = self.two_passes("valid", epoch)
        test, test_weights = self.two_passes("test", epoch)
        score = np.abs(found - known.y[valid]).mean()
        self.held = factor * self.new + (1 - factor) * self.held
        self.vector = factor * self.new_vector + (1 - factor) * self.vector
        if self.variant in ("averaged_instance", "modality"):
            self.held = self.restricted(self.vector, train)
        step = 0.05 if score < self.best else -0.05
        self.factor = min(max(self.factor + step, 0.0), 1.0)
        self.best = min(self.best, score)
        return {
            "applied": applied,
            "valid": found,
            "test": test,
            "test_weights": test_weights,
            "factor": factor,
        }
