"""The chest films: cxr metadata and JPG files."""

import io
from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import Float, Int, UInt8
from PIL import Image

from repro.simulation.icu.plan import Plan, at, identifiers, objects
from repro.simulation.icu.raw_files import write_csv, write_folder
from repro.simulation.icu.settings import MODALITIES, Size

QUALITY = 80
OBJECT_NOISE = 0.15  # sd of what sets one film of a stay apart from the next
PIXEL_NOISE = 6.0  # gray levels
METADATA = "mimic-cxr-2.0.0-metadata.csv.gz"
VIEWS = {"AP": "antero-posterior", "PA": "postero-anterior", "LATERAL": "lateral"}


def write_images(
    plan: Plan, size: Size, folder: Path, generator: np.random.Generator
) -> None:
    """Write cxr/mimic-cxr-2.0.0-metadata.csv.gz and one JPG per image.

    Every study has a frontal film; some have a LATERAL one, which tells nothing.
    """
    owner, hours = objects(plan, "cxr", size.most_images, generator)
    study = identifiers(5, len(owner), generator)
    view = np.where(generator.random(len(owner)) < 0.7, "AP", "PA")
    seen = plan.seen[owner, MODALITIES.index("cxr")]
    seen = seen + OBJECT_NOISE * generator.standard_normal(seen.shape)
    lateral = np.flatnonzero(generator.random(len(owner)) < size.dirt.lateral)
    row = np.concatenate([np.arange(len(owner)), lateral])
    view = np.concatenate([view, np.full(len(lateral), "LATERAL")])
    pictures = [
        *(film(latents, size.image, generator) for latents in seen),
        *(side_film(size.image, generator) for _ in lateral),
    ]
    dicom = _names(len(row), generator)
    subject = plan.stays["subject_id"].to_numpy()[owner[row]]
    places = [
        f"p{who // 1_000_000}/p{who}/s{number}/{name}.jpg"
        for who, number, name in zip(subject, study[row], dicom, strict=True)
    ]
    encoded = map(_encoded, pictures)
    write_folder(folder / "cxr" / "files", zip(places, encoded, strict=True))
    frame = _metadata(subject, study[row], dicom, view, size.image)
    taken = at(plan, owner[row], hours[row])
    frame = _with_times(frame, taken, generator)
    write_csv(folder / "cxr" / METADATA, frame.sort("subject_id", "study_id"))


def film(
    seen: Float[np.ndarray, " latents"], side: int, generator: np.random.Generator
) -> UInt8[np.ndarray, "height width"]:
    """A frontal film: two dark lungs, a heart and two opacities.

    The unique latent is the brightness of the opacity at the right base, the shared
    latent the extent of the one at the left base, the synergy latent the width of
    the heart. Shift, exposure and grain tell nothing.
    """
    unique, shared, synergy = seen
    shift = generator.normal(0, 0.015, 2)
    y, x = np.meshgrid(*2 * [np.linspace(-1, 1, side)], indexing="ij")
    y, x = y - shift[0], x - shift[1]
    canvas = 150 + 30 * np.exp(-((x / 0.2) ** 2))
    canvas -= 95 * (_blob(x + 0.45, y, 0.33, 0.62) + _blob(x - 0.45, y, 0.33, 0.62))
    width = np.clip(0.32 + 0.09 * synergy, 0.08, 0.65)
    canvas += 55 * _blob(x - 0.1, y - 0.25, width, 0.3)
    bright = np.clip(60 + 28 * unique, -20, 140)
    canvas += bright * _blob(x + 0.5, y - 0.4, 0.25, 0.25)
    spread = np.clip(0.24 + 0.07 * shared, 0.04, 0.5)
    canvas += 70 * _blob(x - 0.55, y - 0.5, spread, spread)
    canvas = (canvas + generator.normal(0, 3)) * np.exp(generator.normal(0, 0.03))
    canvas += PIXEL_NOISE * generator.standard_normal(canvas.shape)
    return np.clip(np.rint(canvas), 0, 255).astype(np.uint8)


def side_film(
    side: int, generator: np.random.Generator
) -> UInt8[np.ndarray, "height width"]:
    """A lateral film, which shows none of the latents."""
    y, x = np.meshgrid(*2 * [np.linspace(-1, 1, side)], indexing="ij")
    canvas = 170 - 80 * _blob(x - 0.1, y + 0.1, 0.5, 0.7)
    canvas += 60 * _blob(x + 0.6, y, 0.1, 0.9) + generator.normal(0, 10)
    canvas += PIXEL_NOISE * generator.standard_normal(canvas.shape)
    return np.clip(np.rint(canvas), 0, 255).astype(np.uint8)


def _blob(
    x: Float[np.ndarray, "height width"],
    y: Float[np.ndarray, "height width"],
    width: float,
    height: float,
) -> Float[np.ndarray, "height width"]:
    return np.exp(-((x / width) ** 2) - (y / height) ** 2)


def _encoded(picture: UInt8[np.ndarray, "height width"]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


def _names(count: int, generator: np.random.Generator) -> list[str]:
    """Image names as in the real data: five groups of eight hexadecimal digits."""
    names = [generator.bytes(20).hex() for _ in range(count)]
    return ["-".join(n[k : k + 8] for k in range(0, 40, 8)) for n in names]


def _metadata(
    subject: Int[np.ndarray, " images"],
    study: Int[np.ndarray, " images"],
    dicom: list[str],
    view: np.ndarray,
    side: int,
) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "dicom_id": dicom,
            "subject_id": subject,
            "study_id": study,
            "PerformedProcedureStepDescription": np.where(
                view == "AP", "CHEST (PORTABLE AP)", "CHEST (PA AND LAT)"
            ),
            "ViewPosition": view,
            "Rows": np.full(len(view), side),
            "Columns": np.full(len(view), side),
            "ViewCodeSequence_CodeMeaning": [VIEWS[name] for name in view],
            "PatientOrientationCodeSequence_CodeMeaning": [
                "Erect" if name != "LATERAL" else None for name in view
            ],
        }
    )


def _with_times(
    frame: pl.DataFrame, taken: np.ndarray, generator: np.random.Generator
) -> pl.DataFrame:
    """Add date and time as numbers, which loses the leading zeros of the time."""
    # Whole milliseconds below a second, as the machines write them.
    fraction = np.round(generator.integers(0, 1000, len(taken)) / 1000, 3)
    times = pl.Series("t", taken.astype("datetime64[us]"))
    seconds = times.dt.hour().cast(pl.Int64) * 10_000
    seconds += times.dt.minute().cast(pl.Int64) * 100
    seconds += times.dt.second().cast(pl.Int64)
    date = times.dt.strftime("%Y%m%d").cast(pl.Int64)
    return frame.select(
        *frame.columns[:7],
        date.alias("StudyDate"),
        (seconds + pl.Series(fraction)).round(3).alias("StudyTime"),
        pl.col("PerformedProcedureStepDescription").alias(
            "ProcedureCodeSequence_CodeMeaning"
        ),
        *frame.columns[7:],
    )
