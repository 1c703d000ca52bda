"""Simulated sentiment data with planted signals, in the layout of the MMSA files.

The label is a sum of parts that only one modality knows (unique), that every modality
knows (shared), that only several modalities together know (synergy) and that nobody
knows (noise). Everything that was planted is kept, so weights can be scored.
"""

import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from repro import files, paths
from repro.data import frames, words
from repro.params.datasets import SimulatedSet, Simulation
from repro.records import SPLITS
from repro.simulation.planted import LATENTS, Law, Parts, Planted, drawn, score_parts
from repro.simulation.posterior import reliability

MODALITIES = ("text", "audio", "video")
# Utterances and videos of the standard CMU-MOSI split; other sizes keep the ratio.
MOSI_SIZES = (1284, 229, 686)
MOSI_VIDEOS = (52, 10, 31)


def label_scale(simulation: Simulation) -> float:
    """The factor that brings the sum of all label parts to `label_sd`.

    Units: label units per unit of strength.
    Raises:
        ValueError: every strength, the label noise included, is zero.
    """
    strengths = [
        *simulation.unique,
        simulation.shared,
        simulation.synergy,
        simulation.label_noise,
    ]
    total = float(np.sqrt(np.sum(np.square(strengths))))
    if total == 0:
        raise ValueError(
            "simulation: unique, shared, synergy and label_noise are all 0; "
            "give at least one of them a positive strength"
        )
    return simulation.label_sd / total


def label_of(score: Float[np.ndarray, " samples"]) -> Float[np.ndarray, " samples"]:
    """The label as raters give it: within -3 and 3, in steps of 0.2.

    >>> label_of(np.array([-4.0, 0.29, 0.31])).tolist()
    [-3.0, 0.2, 0.4]
    """
    return np.round(np.clip(score, -3, 3) * 5) / 5


def parts_of(simulation: Simulation) -> Parts:
    """Standard deviations of the parts of the label, in label units."""
    scale = label_scale(simulation)
    return Parts(
        unique=tuple(scale * strength for strength in simulation.unique),
        shared=scale * simulation.shared,
        synergy=scale * simulation.synergy,
        noise=scale * simulation.label_noise,
    )


def law_of(simulation: Simulation, planned: SimulatedSet) -> Law:
    """How the modalities of one set see the latents."""
    return Law(
        tuple(simulation.unreliable), planned.unreliable_sd, simulation.latent_noise
    )


def simulate(
    simulation: Simulation,
    sizes: Sequence[int],
    planned: SimulatedSet,
    generator: np.random.Generator,
) -> tuple[dict[str, dict[str, np.ndarray]], pd.DataFrame]:
    """Draw one data set: the content of an MMSA file and the truth behind it.

    The truth has one row per sample, all label parts in label units:
    `unique_<modality>`, `shared`, `synergy`, `noise`, their sum `unclipped`;
    `present_<modality>`; `reliable_<modality>`, False where it is pure noise or absent,
    and `posterior_<modality>`, the probability of that given what all modalities show
    (0 where absent); `seen_<modality>_<latent>`, the latents as the modality sees them;
    `information_<modality>` = |E[y | seen latents, reliability]|, how far from the mean
    the modality alone can place the unclipped label, 0 where it is not reliable.

    Raises:
        ValueError: a list of the parameters has the wrong length or order.
    """
    _check(simulation, sizes)
    total = sum(sizes)
    law = law_of(simulation, planned)
    planted = drawn(law, total, generator)
    parts = score_parts(parts_of(simulation), MODALITIES, planted)
    label = label_of(np.sum(list(parts.values()), axis=0))
    groups, clips = _groups(sizes, generator)
    spoken = words.utterances(planted.seen[:, 0], simulation.words, generator)
    series, lengths = _series(simulation, planted, groups, planned, generator)
    ids = np.array([f"sim{g:05d}$_${c}" for g, c in zip(groups, clips, strict=True)])
    columns = {
        "raw_text": np.array(spoken),
        "audio": series["audio"],
        "vision": series["video"],
        "id": ids,
        "annotations": np.array(["Negative", "Neutral", "Positive"])[
            np.sign(label).astype(int) + 1
        ],
        "classification_labels": np.sign(label).astype(np.float32) + 1,
        "regression_labels": label.astype(np.float32),
        "audio_lengths": lengths["audio"],
        "vision_lengths": lengths["video"],
    }
    bounds = np.cumsum([0, *sizes])
    content = {
        split: {name: column[start:stop] for name, column in columns.items()}
        for split, start, stop in zip(SPLITS, bounds[:-1], bounds[1:], strict=True)
    }
    present = np.stack([lengths["video"] >= 0, *(lengths[m] > 0 for m in series)], 1)
    truth = _truth(simulation, planted, parts, ids, present)
    certain = reliability(law, planted.seen, present)
    names = [f"posterior_{name}" for name in MODALITIES]
    return content, truth.assign(**dict(zip(names, certain.T, strict=True)))


def write(path: Path, content: Mapping[str, Mapping[str, np.ndarray]]) -> None:
    """Write the content as a pickle, the raw format of the real files.

    The arrays are copied first: a view would store what it is a view of.
    """
    copied = {
        split: {name: np.array(column) for name, column in columns.items()}
        for split, columns in content.items()
    }
    files.write_bytes(path, pickle.dumps(copied, protocol=4))


def _check(simulation: Simulation, sizes: Sequence[int]) -> None:
    for name, expected in (("unique", 3), ("unreliable", 3)):
        if len(getattr(simulation, name)) != expected:
            raise ValueError(
                f"{paths.SIMULATORS}: simulation.{name}={getattr(simulation, name)}: "
                f"{expected} values are needed"
            )
    if len(sizes) != 3 or min(sizes) < 1:
        raise ValueError(f"sizes={list(sizes)}: give one positive count per split")


def _groups(
    sizes: Sequence[int], generator: np.random.Generator
) -> tuple[Int[np.ndarray, " samples"], Int[np.ndarray, " samples"]]:
    """Video number and clip number of each utterance; no video spans two splits."""
    clips: list[int] = []
    for size, videos, utterances in zip(sizes, MOSI_VIDEOS, MOSI_SIZES, strict=True):
        count = min(size, max(2, round(size * videos / utterances)))
        spread = generator.multinomial(size - count, np.full(count, 1 / count))
        clips.extend((spread + 1).tolist())
    groups = np.repeat(np.arange(len(clips)), clips)
    return groups, np.concatenate([np.arange(1, count + 1) for count in clips])


def _series(
    simulation: Simulation,
    planted: Planted,
    groups: Int[np.ndarray, " samples"],
    planned: SimulatedSet,
    generator: np.random.Generator,
) -> tuple[dict[str, np.ndarray], dict[str, Int[np.ndarray, " samples"]]]:
    series, lengths = {}, {}
    for m, name, width in (1, "audio", planned.audio), (2, "video", planned.video):
        low, high = simulation.frames
        counts = generator.integers(low, high + 1, len(groups))
        if name == "video":
            counts[generator.random(len(groups)) < simulation.zero_length] = 0
        speaker = frames.SPEAKER_SD[name] * generator.standard_normal(
            (groups[-1] + 1, width)
        )
        series[name] = frames.padded_frames(
            planted.seen[:, m],
            counts,
            speaker[groups],
            (high, simulation.frame_noise),
            generator,
        )
        lengths[name] = counts
    return series, lengths


def _truth(
    simulation: Simulation,
    planted: Planted,
    parts: Mapping[str, Float[np.ndarray, " samples"]],
    ids: np.ndarray,
    present: Bool[np.ndarray, "samples modalities"],
) -> pd.DataFrame:
    columns: dict[str, np.ndarray] = {"id": ids.astype(object), **parts}
    columns["unclipped"] = np.sum(list(parts.values()), axis=0)
    scale = label_scale(simulation) / (1 + simulation.latent_noise**2)
    for m, name in enumerate(MODALITIES):
        reliable = planted.reliable[:, m] & present[:, m]
        seen = planted.seen[:, m]
        expected = scale * (
            simulation.unique[m] * seen[:, 0] + simulation.shared * seen[:, 1]
        )
        columns[f"present_{name}"] = present[:, m]
        columns[f"reliable_{name}"] = reliable
        columns[f"information_{name}"] = np.where(reliable, np.abs(expected), 0.0)
        for k, latent in enumerate(LATENTS):
            columns[f"seen_{name}_{latent}"] = seen[:, k]
    return pd.DataFrame(columns)
