"""A simulated tree in the layout of ADNI: tables of LONI and PLINK sets.

The diagnosis follows latents that image, genetics, clinic and specimens show: one of
its own for each, one that all show and one of which only products count. Later visits
show the diagnosis plainly; whoever reads the baseline sees nothing of them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from repro import files
from repro.params.datasets import IcuSimulation
from repro.simulation import adni_genetics, adni_tables
from repro.simulation.icu.latents import classes, parts_of
from repro.simulation.icu.raw_files import write_folder
from repro.simulation.icu.settings import signals_of
from repro.simulation.planted import LATENTS, Planted, drawn, score_parts

MODALITIES = ("image", "genetic", "clinical", "biospecimen")
MIX = (0.35, 0.45, 0.20)  # of CN, MCI and AD
ABSENT = (0.05, 0.12, 0.0, 0.25)  # share of subjects without a modality
CONVERTING = 0.2  # share of CN and MCI that are worse a year later
UNDIAGNOSED = 0.02  # share without a diagnosis at the baseline
MOST = 9999  # subjects that four digits name


@dataclass(frozen=True)
class Plan:
    """What is planted: latents, the diagnosis now and a year later, and who has what.

    Shape: `there` is (subjects, modalities).
    """

    planted: Planted
    y: Int[np.ndarray, " subjects"]
    later: Int[np.ndarray, " subjects"]
    there: Bool[np.ndarray, "subjects modalities"]
    is_diagnosed: Bool[np.ndarray, " subjects"]

    @property
    def ids(self) -> list[str]:
        """PTIDs of a site that does not exist."""
        return [f"000_S_{number:04d}" for number in range(1, len(self.y) + 1)]

    def seen(self, modality: str) -> Float[np.ndarray, "subjects latents"]:
        """The latents as a modality shows them."""
        return self.planted.seen[:, MODALITIES.index(modality)]


def drawn_plan(
    settings: IcuSimulation, count: int, generator: np.random.Generator
) -> Plan:
    """Draw latents, diagnoses and what is absent."""
    signals = signals_of(settings)
    planted = drawn(signals.law, count, generator)
    score = sum(score_parts(parts_of(signals), MODALITIES, planted).values())
    y = classes(np.asarray(score), MIX)
    worse = (generator.random(count) < CONVERTING) & (y < len(MIX) - 1)
    there = generator.random((count, len(MODALITIES))) >= np.array(ABSENT)
    is_diagnosed = generator.random(count) >= UNDIAGNOSED
    return Plan(planted, y, y + worse, there, is_diagnosed)


def write_tree(
    settings: IcuSimulation, titles: Sequence[str], count: int, folder: Path
) -> None:
    """Write the tables, two PLINK sets and `truth.parquet`; an older tree is replaced.

    Raises:
        ValueError: there are not three classes, or more subjects than can be named.
    """
    if len(titles) != len(MIX) or count > MOST:
        raise ValueError(
            f"{len(titles)} classes and {count} simulated subjects; ADNI has "
            f"{len(MIX)} diagnoses, and {MOST} subjects can be named"
        )
    plan = drawn_plan(settings, count, np.random.default_rng([settings.seed, 0]))
    write_folder(folder, _contents(plan, settings.seed))
    files.write_table(folder / "truth.parquet", truth(plan))


def truth(plan: Plan) -> pd.DataFrame:
    """Latents and diagnosis of every subject, and what each modality shows."""
    columns: dict[str, object] = {"id": plan.ids, "y": plan.y}
    for m, name in enumerate(MODALITIES):
        columns[f"reliable_{name}"] = plan.planted.reliable[:, m]
        columns[f"unique_{name}"] = plan.planted.unique[:, m]
        for k, latent in enumerate(LATENTS):
            columns[f"seen_{latent}_{name}"] = plan.planted.seen[:, m, k]
    return pd.DataFrame({**columns, "shared": plan.planted.shared})


def _contents(plan: Plan, seed: int) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of every file."""
    people = adni_tables.People(plan.ids, plan.y, plan.later, plan.is_diagnosed)
    generator = np.random.default_rng([seed, 1])
    has = dict(zip(MODALITIES, plan.there.T, strict=True))
    yield adni_tables.diagnoses(people, generator)
    yield adni_tables.regions(people, plan.seen("image"), has["image"], generator)
    yield from adni_tables.clinic(people, plan.seen("clinical"), generator)
    yield from adni_tables.specimens(
        people, plan.seen("biospecimen"), has["biospecimen"], generator
    )
    yield from adni_genetics.sets(
        plan.ids, plan.seen("genetic"), has["genetic"], np.random.default_rng([seed, 2])
    )
