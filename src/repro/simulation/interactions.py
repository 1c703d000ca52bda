"""Simulated data with one planted interaction per row, in the layout of `table`.

Each row has a mechanism that says which modalities tell its label: one alone (unique),
all of them only together (synergy) or each of them (redundancy). Every modality shows
one code; the codes are uniform whatever the mechanism, so that no modality alone gives
it away. A tag beside the code names the mechanism, or nothing.
"""

import io
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from repro import files
from repro.params.mechanisms import (
    InteractionSet,
    InteractionSimulation,
    modality_names,
)
from repro.records import SPLITS

AMPLITUDE = 2.0  # of a code or tag, in the units of the noise of a feature


@dataclass(frozen=True)
class Drawn:
    """What is planted in each row; a mechanism or tag is a number of `mechanisms`."""

    mechanism: Int[np.ndarray, " samples"]
    y: Int[np.ndarray, " samples"]
    redrawn: Bool[np.ndarray, " samples"]
    codes: Int[np.ndarray, "samples modalities"]
    tags: Int[np.ndarray, "samples modalities"]


def members(mechanism: str, modalities: int) -> tuple[int, ...]:
    """The modalities whose codes a mechanism ties to the label, by number from 0.

    >>> members("unique_m2", 3), members("synergy", 3), members("redundancy_m1_m3", 3)
    ((1,), (0, 1, 2), (0, 2))
    """
    names, (_, *named) = modality_names(modalities), mechanism.split("_")
    return tuple(names.index(name) for name in named or names)


def tied(
    codes: Int[np.ndarray, "samples modalities"],
    y: Int[np.ndarray, " samples"],
    mechanism: str,
    classes: int,
) -> Int[np.ndarray, "samples modalities"]:
    """Codes that tell the label by a mechanism, made of codes that do not.

    >>> codes, y = np.array([[2, 1]]), np.array([0])
    >>> [tied(codes, y, name, 3).tolist() for name in ("unique_m1", "synergy")]
    [[[0, 1]], [[2, 1]]]
    """
    found, taking_part = codes.copy(), members(mechanism, codes.shape[1])
    if mechanism.startswith("synergy"):
        *others, last = taking_part
        found[:, last] = (y - found[:, others].sum(axis=1)) % classes
    else:
        found[:, taking_part] = y[:, None]
    return found


def drawn(
    planned: InteractionSet,
    redrawn: float,
    samples: int,
    generator: np.random.Generator,
) -> Drawn:
    """Draw mechanism, label, codes and tags of every row.

    Codes are tied to a label that is then redrawn in some rows, so that the best
    predictor of any mechanism is right in 1 - redrawn + redrawn / classes of its rows.
    Were the codes redrawn instead, those of a redundant row would tell by their
    agreement how sure they are, which is synergy.
    """
    kinds, shape = len(planned.mechanisms), (samples, planned.modalities)
    shares = [planned.shares.get(name, 0.0) for name in planned.mechanisms]
    mechanism = generator.choice(kinds, size=samples, p=shares)
    told = generator.integers(planned.classes, size=samples)
    codes = generator.integers(planned.classes, size=shape)
    for number, name in enumerate(planned.mechanisms):
        rows = mechanism == number
        codes[rows] = tied(codes[rows], told[rows], name, planned.classes)
    is_redrawn = generator.random(samples) < redrawn
    y = np.where(is_redrawn, generator.integers(planned.classes, size=samples), told)
    shows = generator.random(shape) < planned.visible
    tags = np.where(shows, mechanism[:, None], generator.integers(kinds, size=shape))
    return Drawn(mechanism, y, is_redrawn, codes, tags)


def rotation(seed: int, modality: int, width: int) -> Float[np.ndarray, "width width"]:
    """A random rotation or reflection, the same in every set of a study.

    >>> turned = rotation(0, 0, 5)
    >>> bool(np.allclose(turned @ turned.T, np.eye(5)))
    True
    """
    generator = np.random.default_rng([seed, modality])
    q, r = np.linalg.qr(generator.standard_normal((width, width)))
    return q * np.sign(np.diag(r))  # uniform over all of them


def shown(
    simulation: InteractionSimulation,
    planned: InteractionSet,
    found: Drawn,
    generator: np.random.Generator,
) -> dict[str, Float[np.ndarray, "samples width"]]:
    """The features of every modality: code and tag, one-hot, rotated, with noise."""
    arrays = {}
    for m, name in enumerate(modality_names(planned.modalities)):
        marks = np.zeros((len(found.y), simulation.width))
        rows = np.arange(len(found.y))
        marks[rows, found.codes[:, m]] = AMPLITUDE
        marks[rows, planned.classes + found.tags[:, m]] = AMPLITUDE
        noise = simulation.noise * generator.standard_normal(marks.shape)
        turned = marks @ rotation(simulation.seed, m, simulation.width).T
        arrays[name] = (turned + noise).astype(np.float32)
    return arrays


def simulate(
    simulation: InteractionSimulation, name: str, sizes: Sequence[int]
) -> tuple[pd.DataFrame, dict[str, np.ndarray], pd.DataFrame]:
    """Draw one set: samples, the array of each modality, and the truth.

    `sizes` are the samples of train, valid and test. The truth has one row per sample:
    `id`, `split`, `y`, `mechanism` by name, `redrawn`, and `code_<modality>` and the
    name `tag_<modality>` as the modality shows them.

    Raises:
        ValueError: there is no such set, or a size is not positive.
    """
    if name not in simulation.sets:
        raise ValueError(
            f"simulators.yaml: interaction_simulation.sets: has no {name!r}; "
            f"choose of {', '.join(simulation.sets)}"
        )
    if len(sizes) != len(SPLITS) or min(sizes) < 1:
        raise ValueError(f"sizes={list(sizes)}: give one positive count per split")
    planned = simulation.sets[name]
    generator = np.random.default_rng([simulation.seed, zlib.crc32(name.encode())])
    found = drawn(planned, simulation.redrawn, sum(sizes), generator)
    arrays = shown(simulation, planned, found, generator)
    ids = [f"simulated-interaction-{row:05d}" for row in range(sum(sizes))]
    split = np.repeat(SPLITS, sizes).astype(object)
    samples = pd.DataFrame({"id": ids, "group": ids, "split": split, "y": found.y})
    names = np.array(planned.mechanisms, dtype=object)
    truth = samples[["id", "split", "y"]].assign(
        mechanism=names[found.mechanism], redrawn=found.redrawn
    )
    for m, modality in enumerate(arrays):
        truth[f"code_{modality}"] = found.codes[:, m]
        truth[f"tag_{modality}"] = names[found.tags[:, m]]
    return samples, arrays, truth


def write(
    folder: Path,
    samples: pd.DataFrame,
    arrays: dict[str, np.ndarray],
    truth: pd.DataFrame,
) -> None:
    """Write samples.csv, an .npy file per modality and truth.parquet."""
    for name, array in arrays.items():
        buffer = io.BytesIO()
        np.lib.format.write_array(buffer, array, allow_pickle=False)
        files.write_bytes(folder / f"{name}.npy", buffer.getvalue())
    files.write_table(folder / "truth.parquet", truth)
    files.write_csv(folder / "samples.csv", samples)
