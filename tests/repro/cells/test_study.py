"""A cell is read once per part of its data, and every run of it is made ready."""

import pytest

from repro.cells import study as module
from repro.features.reading import Features
from repro.params.cells import Cell
from tests.repro.small_study import small_params, small_study


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str | None]]:
    """What is read, with the features and tensors of the small study in its place."""
    seen: list[tuple[str, str | None]] = []
    small = small_study(small_params((0,)))
    meta = {**small.meta, "task": "regression", "classes": 0}

    def features(part: str, encoder: str | None) -> Features:
        seen.append((part, encoder))
        return Features(small.samples, {}, meta)

    monkeypatch.setattr(module, "read_features", features)
    monkeypatch.setattr(module, "tensors", lambda data, device: small.inputs)
    return seen


def loaded(cell: Cell) -> list[module.Study]:
    """Studies of one cell a/b."""
    params = small_params((0,), cells={"a": {"b": cell}}, device="cpu")
    clinical = params.clinical.model_copy(update={"evaluation": "grouped_cv"})
    return module.load_studies(params.model_copy(update={"clinical": clinical}), "a/b")


def test_rows_share_the_data(read: list[tuple[str, str | None]]) -> None:
    rows = {"x": {"missing": "zero"}, "y": {}}
    found = loaded(Cell(dataset="mosi", encoder="deberta", trains=["moe"], rows=rows))
    assert read == [("mosi", "deberta")]
    told = [(s.address, s.part, s.missing) for s in found]
    assert told == [("a/b/x", "mosi", "zero"), ("a/b/y", "mosi", "mask")]


def test_every_fold_is_read_once(read: list[tuple[str, str | None]]) -> None:
    rows = {"x": {"without": ["ecg"]}, "y": {}}
    found = loaded(
        Cell(dataset="icu_all", fusion="fusemoe", trains=["fusemoe"], rows=rows)
    )
    folds = small_params((0,)).clinical.folds
    parts = [f"icu_all/fold_{k}" for k in range(folds)]
    assert read == [(part, None) for part in parts]
    assert [s.address for s in found[:3]] == [
        "a/b/x/fold_0",
        "a/b/y/fold_0",
        "a/b/x/fold_1",
    ]
    assert [s.part for s in found] == [part for part in parts for _ in rows]
