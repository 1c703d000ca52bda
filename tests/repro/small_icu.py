"""Small clinical inputs in memory: one series with its grid, two kinds of objects."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import torch

from repro.cells.study import Study
from repro.models.batch import Inputs, unpadded
from repro.params.cells import Recipe
from repro.training.task import Task
from tests.repro.models.architectures import QUERY, small_architecture
from tests.repro.small_study import small_params

HOURS = 48
ARCHITECTURE = small_architecture("fusemoe", QUERY, outputs=4)


def small_icu_inputs(samples: int = 24) -> Inputs:
    """Three variables at irregular times, notes and images that some stays lack."""
    draw = np.random.default_rng(3)
    steps, widths = (6, 3, 2), (6, 5, 4)
    present = draw.random((samples, 3)) < 0.7
    present[:, 0] = True
    lengths = np.stack([draw.integers(1, t + 1, samples) for t in steps], 1)
    lengths = np.where(present, lengths, 0)
    values, times = [], []
    for m, (time, width) in enumerate(zip(steps, widths, strict=True)):
        own = torch.from_numpy(lengths[:, m])
        rows = draw.standard_normal((samples, time, width))
        if m == 0:
            seen = draw.random((samples, time, width // 2)) < 0.6
            rows = np.concatenate([rows[..., : width // 2] * seen, seen], 2)
        values.append(unpadded(torch.from_numpy(rows).float(), own))
        moments = np.sort(draw.random((samples, time)), axis=1)
        column = torch.from_numpy(moments).float().unsqueeze(2)
        times.append(unpadded(column, own).values[:, 0])
    grid = torch.from_numpy(draw.standard_normal((samples, HOURS, widths[0]))).float()
    return Inputs(
        names=("timeseries", "text", "cxr"),
        values=tuple(values),
        lengths=torch.from_numpy(lengths),
        present=torch.from_numpy(present),
        y=torch.from_numpy(draw.integers(0, 4, samples)).float(),
        times=tuple(times),
        hourly=(grid, None, None),
    )


def small_icu_study(
    fusion: str, weighting: Mapping[str, object] | None = None, **recipe: object
) -> Study:
    """A clinical study of 48 train, 24 valid and 24 test stays, two to a patient."""
    settings = small_params((0,), weighting=weighting)
    inputs = small_icu_inputs(96)
    split = np.repeat(["train", "valid", "test"], [48, 24, 24])
    samples = pd.DataFrame(
        {
            "id": [f"s{i:02d}" for i in range(96)],
            "group": [f"p{i // 2:02d}" for i in range(96)],
            "split": split,
            "y": inputs.y.double().numpy(),
        }
    )
    return Study(
        params=settings,
        address="test/icu_all",
        recipe=Recipe(dataset="icu_all", fusion=fusion, trains=[fusion], **recipe),  # type: ignore[arg-type]
        part="icu_all",
        samples=samples,
        inputs=inputs,
        rows={s: np.flatnonzero(split == s) for s in ("train", "valid", "test")},
        meta={
            "source": "test",
            "simulated": True,
            "notes": [],
            "warnings": [],
            "modalities": list(inputs.names),
        },
        switches=frozenset(),
        task=Task("classification", 4),
    )
