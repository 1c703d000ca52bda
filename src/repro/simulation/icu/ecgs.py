"""The ECGs: record list, machine measurements and WFDB records."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import Bool, Float, Int

from repro.simulation.icu import waveforms
from repro.simulation.icu.plan import Plan, at, chosen, identifiers, objects
from repro.simulation.icu.raw_files import clock, write_csv, write_folder
from repro.simulation.icu.settings import MODALITIES, Dirt, Size

OBJECT_NOISE = 0.15  # sd of what sets one ECG of a stay apart from the next
AXES = np.array([[50.0, 12.0], [40.0, 18.0], [45.0, 15.0]])  # P, QRS, T: mean and sd
SENTINEL = 29999
REPORTS = 18
MARKS = ("rr_interval", "p_onset", "p_end", "qrs_onset", "qrs_end", "t_end")
MEASURED = (*MARKS, "p_axis", "qrs_axis", "t_axis")


def write_ecgs(
    plan: Plan, size: Size, folder: Path, generator: np.random.Generator
) -> None:
    """Write ecg/record_list.csv, ecg/machine_measurements.csv and the records."""
    owner, hours = objects(plan, "ecg", size.most_ecgs, generator)
    seen = plan.seen[owner, MODALITIES.index("ecg")]
    seen = seen + OBJECT_NOISE * generator.standard_normal(seen.shape)
    axes = AXES[:, 0] + AXES[:, 1] * generator.standard_normal((len(owner), 3))
    beats = [waveforms.beat(s, a) for s, a in zip(seen, np.rint(axes), strict=True)]
    subject = plan.stays["subject_id"].to_numpy()[owner]
    study = identifiers(4, len(owner), generator)
    places = [
        f"p{s // 10_000}/p{s}/s{number}/{number}"
        for s, number in zip(subject, study, strict=True)
    ]
    taken = clock(at(plan, owner, hours))
    keys = {"subject_id": subject, "study_id": study}
    stamps = taken.dt.strftime("%H:%M:%S %d/%m/%Y").to_list()
    records = _records(places, beats, stamps, size, generator)
    write_folder(folder / "ecg" / "files", records)
    paths = [f"files/{place}" for place in places]
    named = {"file_name": study.astype(str), "ecg_time": taken, "path": paths}
    listed = pl.DataFrame({**keys, **named})
    cart = generator.integers(6_840_000, 6_850_000, len(owner))
    measured = pl.DataFrame(
        {
            **keys,
            "cart_id": cart,
            "ecg_time": taken,
            **_statements(beats),
            "bandwidth": ["0.005-150 Hz"] * len(owner),
            "filtering": ["60 Hz notch Baseline filter"] * len(owner),
            **_measurements(beats, size.dirt, generator),
        }
    )
    order = ("subject_id", "study_id")
    write_csv(folder / "ecg" / "record_list.csv", listed.sort(order))
    write_csv(folder / "ecg" / "machine_measurements.csv", measured.sort(order))


def _records(
    places: list[str],
    beats: list[waveforms.Beat],
    stamps: list[str],
    size: Size,
    generator: np.random.Generator,
) -> Iterator[tuple[str, bytes]]:
    """The header and the samples of every record, with their places."""
    rows = np.arange(len(beats))
    gaps = set(chosen(rows, size.dirt.gaps, generator).tolist())
    reordered = set(chosen(rows, size.dirt.reordered, generator).tolist())
    for row, made in enumerate(beats):
        record = waveforms.waveform(made, size.ecg_hz, size.ecg_seconds, generator)
        leads = np.arange(len(waveforms.LEADS))
        if row in gaps:
            record[_gap(record.shape, generator)] = np.nan
        if row in reordered:
            leads = np.roll(leads, 3)
        samples = waveforms.stored(record[:, leads])
        name = Path(places[row]).name
        names = tuple(waveforms.LEADS[lead] for lead in leads)
        text = waveforms.header(name, samples, names, size.ecg_hz, stamps[row])
        yield f"{places[row]}.hea", text.encode()
        yield f"{places[row]}.dat", samples.astype("<i2").tobytes()


def _gap(
    shape: tuple[int, ...], generator: np.random.Generator
) -> Bool[np.ndarray, "time leads"]:
    """A tenth of the record missing in some leads, at least in one."""
    missing = np.zeros(shape, bool)
    start = generator.integers(0, shape[0] - shape[0] // 10)
    some = generator.random(shape[1]) < 0.3
    some[generator.integers(0, shape[1])] = True
    missing[start : start + shape[0] // 10, some] = True
    return missing


def _statements(beats: list[waveforms.Beat]) -> dict[str, list[str | None]]:
    """What the machine says of each record, in columns report_0 to report_17."""
    told = [_report(made) for made in beats]
    return {
        f"report_{k}": [said[k] if k < len(said) else None for said in told]
        for k in range(REPORTS)
    }


def _report(made: waveforms.Beat) -> list[str]:
    """What the machine says of one record.

    >>> _report(waveforms.Beat(110.0, 130.0, 0.0, 50.0, 40.0, 45.0))
    ['Sinus tachycardia', 'Prolonged QRS duration', 'Abnormal ECG']
    """
    if made.rate > 100:
        said = ["Sinus tachycardia"]
    else:
        said = ["Sinus bradycardia" if made.rate < 60 else "Sinus rhythm"]
    if made.width > 120:
        said.append("Prolonged QRS duration")
    if made.shift > 0.15:
        said.append("ST elevation, consider acute infarct")
    return [*said, "Normal ECG" if said == ["Sinus rhythm"] else "Abnormal ECG"]


def _measurements(
    beats: list[waveforms.Beat], dirt: Dirt, generator: np.random.Generator
) -> dict[str, Int[np.ndarray, " records"]]:
    """The nine numbers, whole and with a small error; a few are the sentinel."""
    rows = [
        [*waveforms.marks(made).values(), made.p_axis, made.qrs_axis, made.t_axis]
        for made in beats
    ]
    exact: Float[np.ndarray, "records numbers"] = np.array(rows).reshape(-1, 9)
    numbers = np.rint(exact + generator.normal(0, 2, exact.shape)).astype(np.int64)
    unknown = chosen(np.arange(len(beats)), dirt.sentinels, generator)
    numbers[unknown, generator.integers(0, 9, len(unknown))] = SENTINEL
    return dict(zip(MEASURED, numbers.T, strict=True))
