"""note/radiology and note/discharge."""

from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import Float, Int, Shaped

from repro.simulation.icu import phrases
from repro.simulation.icu.plan import Plan, at, chosen, objects
from repro.simulation.icu.raw_files import clock, whole_minutes, write_csv
from repro.simulation.icu.settings import MODALITIES, WINDOW_HOURS, Size

OBJECT_NOISE = 0.15  # sd of what sets one report of a stay apart from the next
COURSES = ("brief", "uncomplicated", "prolonged", "protracted")  # one per class


def write_notes(
    plan: Plan, size: Size, folder: Path, generator: np.random.Generator
) -> None:
    """Write note/radiology.csv.gz and note/discharge.csv.gz.

    The first report of a stay is always signed inside the window, so that a stay
    with text keeps it under either time policy.
    """
    owner, hours = objects(plan, "text", size.most_notes, generator)
    seen = plan.seen[owner, MODALITIES.index("text")]
    seen = seen + OBJECT_NOISE * generator.standard_normal(seen.shape)
    frame = _table(
        plan,
        owner,
        ("RR", whole_minutes(at(plan, owner, hours))),
        _signed(plan, size, owner, hours, generator),
        phrases.reports(seen, generator),
    )
    unknown = pl.Series(generator.random(len(frame)) < 0.3)
    admission = pl.when(~unknown).then(pl.col("hadm_id")).alias("hadm_id")
    frame = frame.with_columns(admission)
    write_csv(
        folder / "note" / "radiology.csv.gz", frame.sort("subject_id", "note_seq")
    )
    _write_discharges(plan, size, folder / "note" / "discharge.csv.gz", generator)


def _signed(
    plan: Plan,
    size: Size,
    owner: Int[np.ndarray, " notes"],
    hours: Float[np.ndarray, " notes"],
    generator: np.random.Generator,
) -> Shaped[np.ndarray, " notes"]:
    """When each report was signed; some late, some never."""
    signed = hours + generator.uniform(0.5, 8, len(owner))
    later = np.flatnonzero(np.diff(owner, prepend=-1) == 0)
    later = later[hours[later] < WINDOW_HOURS]
    moved = generator.permutation(later)[: size.dirt.late_notes]
    signed[moved] = generator.uniform(WINDOW_HOURS + 1, 70, len(moved))
    stored = whole_minutes(at(plan, owner, signed))
    unsigned = chosen(np.setdiff1d(later, moved), size.dirt.unsigned_notes, generator)
    stored[unsigned] = np.datetime64("NaT")
    return stored


def _table(
    plan: Plan,
    owner: Int[np.ndarray, " notes"],
    kind_and_charted: tuple[str, Shaped[np.ndarray, " notes"]],
    stored: Shaped[np.ndarray, " notes"],
    texts: list[str],
) -> pl.DataFrame:
    """The columns of both note tables in their order; numbered per patient."""
    kind, charted = kind_and_charted
    subject = plan.stays["subject_id"].to_numpy()[owner]
    frame = pl.DataFrame(
        {
            "subject_id": subject,
            "hadm_id": plan.stays["hadm_id"].to_numpy()[owner],
            "charttime": clock(charted),
            "storetime": clock(stored),
            "text": texts,
        }
    )
    place = pl.col("charttime").rank("ordinal").over("subject_id").cast(pl.Int64)
    name = pl.format("{}-{}-{}", "subject_id", pl.lit(kind), "note_seq")
    return frame.with_columns(place.alias("note_seq")).select(
        name.alias("note_id"),
        "subject_id",
        "hadm_id",
        pl.lit(kind).alias("note_type"),
        "note_seq",
        "charttime",
        "storetime",
        "text",
    )


def _write_discharges(
    plan: Plan, size: Size, path: Path, generator: np.random.Generator
) -> None:
    """One summary per eligible stay, which tells how long it lasted.

    Whoever reads these predicts from the answer; a few are stamped inside the window.
    """
    stays = plan.stays
    owner = np.flatnonzero(stays["y"] >= 0)
    charted = stays["dischtime"].to_numpy()[owner].astype("datetime64[D]")
    charted = charted.astype("datetime64[s]") + np.timedelta64(1, "D")
    early = chosen(np.arange(len(owner)), size.dirt.early_discharge, generator)
    hours = generator.uniform(12, 40, len(early))
    charted[early] = whole_minutes(at(plan, owner[early], hours))
    delay = generator.integers(60, 420, len(owner)).astype("timedelta64[m]")
    days = stays["outtime"].to_numpy() - stays["intime"].to_numpy()
    days = (days / np.timedelta64(1, "D"))[owner]
    texts = [
        f"Name: ___\n\nBrief Hospital Course:\nThe ICU course was {COURSES[label]}, "
        f'"{count:.1f} days" in all.\n'
        for label, count in zip(stays["y"].to_numpy()[owner], days, strict=True)
    ]
    frame = _table(plan, owner, ("DS", charted), charted + delay, texts)
    write_csv(path, frame.sort("subject_id", "note_seq"))
