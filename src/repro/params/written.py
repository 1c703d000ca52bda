"""Data sets as simulators of this repository write them: facts nobody need repeat."""

from typing import Any

from repro import paths


def written_draw(name: str, told: dict[str, Any]) -> dict[str, Any]:
    """A fresh draw as the simulator of utterances writes it; what is told goes first.

    >>> written_draw("hidden_1", {"title": "Draws"})["path"]
    'data/simulated/hidden_1/aligned_50.pkl'
    """
    facts = {"task": "regression", "groups": "videos", "tokens": "last_state"}
    place = paths.simulated(name) / "aligned_50.pkl"
    return {**facts, "source": "simulated", "path": place.as_posix(), **told}


def written_interactions(name: str, told: dict[str, Any]) -> dict[str, Any]:
    """A planted set as its simulator writes it; what is told goes first.

    >>> told = {"title": "Mix", "classes": ["zero", "one"], "modalities": ["m1", "m2"]}
    >>> written_interactions("planted_a", told)["table"]["arrays"]
    {'m1': 'm1.npy', 'm2': 'm2.npy'}
    """
    facts = {"task": "classification", "groups": "samples", "tokens": "last_state"}
    facts |= {"source": "table", "path": paths.simulated(name).as_posix()}
    told = dict(told)
    arrays = {str(own): f"{own}.npy" for own in told.pop("modalities", ())}
    columns = {"id": "id", "group": "group", "split": "split", "label": "y"}
    table = {"samples": "samples.csv", **columns, "arrays": arrays}
    return {**facts, "table": table, **told}
