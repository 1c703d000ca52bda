"""Running average of the weights and the factor that steers it."""

from dataclasses import dataclass
from math import inf, isfinite
from numbers import Real

from btw.arrays import Array


@dataclass
class Smoothing:
    """Exponential average whose factor rises while the score improves.

    Source: BTW eq. (10) and section 3; the step from the authors' code.

    >>> smoothing = Smoothing(alpha=0.5)
    >>> smoothing.blend(1.0, 0.0)
    0.5
    >>> smoothing.adapt(0.9); smoothing.adapt(1.1); smoothing.adapt(0.8)
    >>> round(smoothing.factor, 2)
    0.55
    """

    alpha: float = 0.5
    step: float = 0.05
    best: float = inf

    def __post_init__(self) -> None:
        for name in ("alpha", "step"):
            value = getattr(self, name)
            if not isinstance(value, Real) or not 0 <= float(value) <= 1:
                raise ValueError(f"{name}: got {value!r}; pass a number from 0 to 1")
        self.factor = float(self.alpha)

    def blend(self, new: Array, old: Array) -> Array:
        """Weighted mean `factor * new + (1 - factor) * old`."""
        return self.factor * new + (1 - self.factor) * old

    def note(self, score: float, higher_is_better: bool = False) -> None:
        """Remember a score that is the best so far; the factor stays."""
        self.best = min(self.best, -float(score) if higher_is_better else float(score))

    def adapt(self, score: float, higher_is_better: bool = False) -> None:
        """Move the factor up when the score strictly beats the best, else down.

        `best` is kept as a loss: the negative of a score for which higher is better.
        """
        if not isfinite(score):
            raise ValueError(f"score: got {score}; pass a finite number")
        loss = -float(score) if higher_is_better else float(score)
        step = self.step if loss < self.best else -self.step
        self.factor = min(max(self.factor + step, 0.0), 1.0)
        self.best = min(self.best, loss)
