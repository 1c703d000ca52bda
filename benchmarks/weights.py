"""Weight updates and mutual information against plain baselines.

python -m benchmarks.weights            the table, about a minute
python -m benchmarks.weights --fused    the baseline carries fused vectors: minutes
python -m benchmarks.weights --million  with continuous information of a million rows
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from sklearn.feature_selection import mutual_info_regression
from sklearn.metrics import mutual_info_score

from benchmarks.text_update import text_update_seconds
from benchmarks.timing import median_seconds
from btw import ModalityWeighting, continuous_information, discrete_information, shares
from btw import divergence as unimodal_divergence

SIZES = (2_199, 23_500, 100_000)
MILLION = 1_000_000
FUSED = 384  # three modalities of 128
ROW = "{:<46} {:>12} {:>12} {:>8}  {}"


def predictions(samples: int, modalities: int = 3) -> tuple[np.ndarray, ...]:
    """Simulated unimodal and multimodal predictions with their labels."""
    generator = np.random.default_rng(0)
    y = generator.normal(size=samples)
    unimodal = y[:, None] + generator.normal(size=(samples, modalities))
    return unimodal, y + 0.5 * generator.normal(size=samples), y


def row(name: str, ours: float, baseline: float | None, note: str) -> str:
    """One line of the table, in milliseconds."""
    if baseline is None:
        return ROW.format(name, "", f"{1e3 * ours:.3f}", "", note)
    ratio = f"{baseline / ours:.1f}"
    return ROW.format(name, f"{1e3 * baseline:.3f}", f"{1e3 * ours:.3f}", ratio, note)


def whole_update(samples: int, fused: int = 0) -> str:
    """One update of the published weights, from arrays in memory."""
    unimodal, multimodal, y = predictions(samples)
    weighting = ModalityWeighting("regression", protocol="published", alpha=1.0)
    weighting.fit(unimodal, multimodal, targets=y)
    ours = median_seconds(lambda: weighting.update(multimodal, held=True), 9)
    with TemporaryDirectory() as folder:
        baseline, expected = text_update_seconds(
            Path(folder), unimodal, multimodal, y, fused
        )
    error = np.abs(weighting.weights - expected).max()
    name = f"whole update, {samples} x 3" + (f", fused {fused}" if fused else "")
    goal = "goal 300x; " if fused else "goal 200 ms; "
    return row(name, ours, baseline, f"{goal}error {error:.0e}")


def comparison(
    name: str,
    baseline: Callable[[], float],
    ours: Callable[[], float],
    repeats: int,
    goal: str,
) -> str:
    """One line for two functions, each measured with its own caches warm.

    In turns, the baseline would evict the data of a function that takes microseconds
    and halve the ratio of the discrete information.
    """
    error = abs(baseline() - ours())
    slow, fast = (median_seconds(call, repeats) for call in (baseline, ours))
    return row(name, fast, slow, f"goal {goal}; error {error:.0e}")


def continuous(samples: int, repeats: int) -> str:
    """Mutual information of two continuous variables."""
    unimodal, y, _ = predictions(samples, 1)
    return comparison(
        f"continuous information, {samples}",
        lambda: mutual_info_regression(unimodal, y, random_state=0)[0],
        lambda: continuous_information(unimodal[:, 0], y),
        repeats,
        "2.5x",
    )


def discrete(samples: int, repeats: int) -> str:
    """Mutual information of two vectors of seven classes."""
    generator = np.random.default_rng(0)
    a = generator.integers(7, size=samples)
    b = (a + generator.integers(3, size=samples)) % 7
    return comparison(
        f"discrete information, {samples}",
        lambda: mutual_info_score(a, b),
        lambda: discrete_information(a, b),
        repeats,
        "50x",
    )


def scaling(samples: int) -> str:
    """Divergence and shares of twenty modalities."""
    unimodal, multimodal, _ = predictions(samples, 20)
    spread = (None, np.ones(20), 1.0)

    def rows() -> object:
        return unimodal_divergence(unimodal, multimodal, "regression", *spread)

    distance = np.asarray(rows())
    ours = median_seconds(rows, 5)
    normalized = median_seconds(lambda: shares(distance), 5)
    note = f"goal 400 ms; its shares {1e3 * normalized:.0f} ms"
    return row(f"Gaussian divergence, {samples} x 20", ours, None, note)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fused", action="store_true")
    parser.add_argument("--million", action="store_true")
    options = parser.parse_args()
    print(ROW.format("milliseconds", "baseline", "btw", "ratio", ""))
    print(whole_update(23_500))
    if options.fused:
        print(whole_update(23_500, FUSED))
    for samples in SIZES:
        print(continuous(samples, repeats=5))
    if options.million:
        print(continuous(MILLION, repeats=3))
    for samples in (*SIZES[:2], MILLION):
        print(discrete(samples, repeats=15))
    for samples in (MILLION // 10, MILLION):
        print(scaling(samples))


if __name__ == "__main__":
    main()
