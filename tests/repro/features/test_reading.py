"""Stays that lose their only object of a modality."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from repro import files, paths
from repro.data.preparing import write_ragged
from repro.features.reading import read_features
from repro.records import Ragged


def write_cohort(
    present: np.ndarray, readable: np.ndarray, monkeypatch: pytest.MonkeyPatch, to: Path
) -> None:
    """A cohort of films only, one per stay that has one and can be read."""
    monkeypatch.chdir(to)
    ids = [str(i) for i in range(len(present))]
    samples = pd.DataFrame({"id": ids, "y": 0.0, "present_cxr": present})
    folder = paths.prepared("icu")
    files.write_table(folder / "samples.parquet", samples)
    meta = {"modalities": ["cxr"], "kinds": {"cxr": "objects"}, "notes": []}
    files.write_json(folder / "meta.json", meta)
    counts = (present & readable).astype(np.int64)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    values = np.ones((counts.sum(), 2), np.float32)
    hours = np.ones(counts.sum(), np.float32)
    place = paths.features("icu", "cxr")
    write_ragged(place / "cxr.safetensors", Ragged(values, offsets, hours))
    files.write_json(place / "meta.json", {"cxr": {"skipped": 0}})


def test_a_few_unreadable_films_leave_a_note(tmp_path, monkeypatch):
    present, readable = np.ones(40, bool), np.arange(40) >= 2
    write_cohort(present, readable, monkeypatch, tmp_path)
    features = read_features("icu")
    assert features.meta["notes"] == ["cxr: 2 stays have no readable object"]
    assert features.samples["present_cxr"].tolist() == readable.tolist()


def test_many_unreadable_films_stop_the_complete_cohort(tmp_path, monkeypatch):
    present, readable = np.ones(40, bool), np.arange(40) >= 3
    write_cohort(present, readable, monkeypatch, tmp_path)
    said = "icu/cxr: 3 of 40 stays of the complete cohort have no readable cxr, more "
    with pytest.raises(ValueError, match=re.escape(said)) as caught:
        read_features("icu")
    assert "than 5%; correct the root or the files" in str(caught.value)


def test_a_cohort_with_absent_films_may_lose_more(tmp_path, monkeypatch):
    present, readable = np.arange(40) < 39, np.arange(40) >= 3
    write_cohort(present, readable, monkeypatch, tmp_path)
    features = read_features("icu")
    assert features.meta["notes"] == ["cxr: 3 stays have no readable object"]
