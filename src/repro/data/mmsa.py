"""Reader of the MMSA feature files, `aligned_50.pkl` and `unaligned_50.pkl`."""

from pathlib import Path
from typing import Any

import pandas as pd

from repro.data import fields, layout, padding
from repro.data.checksums import sum_warnings
from repro.data.unpickling import load_pickle
from repro.records import SPLITS, Dataset, Ragged, Texts

NEEDED = ("raw_text", "audio", "vision", "id", "regression_labels")
# Name here: name of the array, name of its lengths (unaligned files only).
SERIES = {
    "audio": ("audio", "audio_lengths"),
    "video": ("vision", "vision_lengths"),
}
# What repro.simulation.sentiment calls its utterances.
_SIMULATED = r"sim\d{5,}\$_\$\d+"


def read(path: Path, dataset: str, *, simulated: bool = False) -> Dataset:
    """Raw text, audio and video of every utterance, with sentiment labels.

    Ids are `video$_$clip`, so the video is the group. Frames are those of the stored
    lengths, or what is left without all-zero rows at either end. -inf in audio and
    video becomes 0 and is counted in the notes. The sum of the file is compared with
    that of the public one of `dataset`, unless simulated: ids that are all of the
    simulator make a file so, whatever it is called.

    Source: the layout described in the README of MMSA; its loader sets -inf to 0.
    Raises:
        ValueError: the file is missing, damaged or has another layout, or is called
            simulated and is not.
    """
    content = layout.splits(load_pickle(path), SPLITS, path)
    for split in SPLITS:
        layout.check_columns(content[split], NEEDED, f"{path}: {split}")
    samples = pd.concat(
        [_samples(content[split], split, path) for split in SPLITS], ignore_index=True
    )
    simulated = _is_made_up(samples["id"], path, simulated=simulated)
    texts: list[str] = []
    for split in SPLITS:
        stored = content[split]["raw_text"]
        texts += fields.texts(stored, f"{path}: {split}.raw_text")
    modalities: dict[str, Ragged | Texts] = {"text": Texts(texts)}
    notes: tuple[str, ...] = ()
    for name in SERIES:
        gathered = _gathered(content, name, path)
        modalities[name] = gathered.ragged
        notes += gathered.notes(name)
    return Dataset(
        samples,
        modalities,
        source="simulated" if simulated else "mmsa",
        simulated=simulated,
        notes=notes,
        warnings=() if simulated else sum_warnings(path, dataset),
    )


def _is_made_up(ids: pd.Series, path: Path, *, simulated: bool) -> bool:
    """Whether the simulator wrote the file, by the ids of all its utterances.

    Raises:
        ValueError: it is called simulated and is not.
    """
    made_up = ids.str.fullmatch(_SIMULATED).astype(bool)
    if simulated and not made_up.all():
        raise ValueError(
            f"{path}: the simulator did not write it, {int((~made_up).sum())} ids are "
            f"not its own (first {ids[~made_up].iloc[0][:80]!r}); set source: mmsa"
        )
    return bool(made_up.all())


def _samples(columns: dict[str, Any], split: str, path: Path) -> pd.DataFrame:
    where = f"{path}: {split}"
    ids = fields.names(columns["id"], f"{where}.id")
    parts = [name.rpartition("$_$") for name in ids]
    odd = [
        "".join(part) for part in parts if not part[0].strip() or not part[2].strip()
    ]
    if odd:
        raise ValueError(
            f"{where}.id has {len(odd)} ids that are not video$_$clip, first "
            f"{odd[0][:80]!r}; the file has another layout"
        )
    labels = fields.numbers(columns["regression_labels"], f"{where}.regression_labels")
    groups = [video for video, _, _ in parts]
    return pd.DataFrame({"id": ids, "group": groups, "split": split, "y": labels})


def _gathered(content: dict[str, Any], name: str, path: Path) -> padding.Gathered:
    """One modality of all splits; its padded arrays are let go."""
    parts = [_part(content[split], name, f"{path}: {split}") for split in SPLITS]
    for split in SPLITS:
        del content[split][SERIES[name][0]]
    return layout.joined(parts, f"{path}: {name}", silence=True)


def _part(columns: dict[str, Any], name: str, where: str) -> padding.Part:
    array_name, lengths_name = SERIES[name]
    padded = layout.as_padded(columns[array_name], f"{where}.{array_name}")
    if lengths_name not in columns:
        return padding.Part(padded, padding.kept_rows(padded))
    place = f"{where}.{lengths_name}"
    lengths = fields.whole_numbers(columns[lengths_name], place)
    return padding.Part(padded, padding.rows_of_lengths(padded, lengths, place))
