"""Simulated 12-lead ECG waveforms and the WFDB files that hold them."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int16

LEADS = ("I", "II", "III", "aVR", "aVF", "aVL", "V1", "V2", "V3", "V4", "V5", "V6")
GAIN = 200  # steps per mV
MISSING = -32768  # what format 16 stores for a missing sample
NOISE = 0.02  # mV
# Size of P, Q, R, S, ST and T in the chest leads V1 to V6, in mV (ST: per mV of shift).
CHEST = np.array(
    [
        [0.06, 0.0, 0.2, -1.0, 0.4, -0.1],
        [0.07, 0.0, 0.4, -1.3, 0.9, 0.3],
        [0.08, 0.0, 0.8, -0.8, 1.0, 0.4],
        [0.08, -0.1, 1.3, -0.5, 0.9, 0.4],
        [0.07, -0.1, 1.2, -0.2, 0.7, 0.3],
        [0.06, -0.1, 0.9, -0.1, 0.5, 0.25],
    ]
)
# The same in the frontal plane along the axis of the wave; ST follows the T axis.
FRONTAL = np.array([0.12, -0.1, 0.9, -0.2, 0.6, 0.3])


@dataclass(frozen=True)
class Beat:
    """What one record is made of.

    Units: `rate` beats per minute, `width` of the QRS ms, `shift` of the ST segment
    mV, axes degrees.
    """

    rate: float
    width: float
    shift: float
    p_axis: float
    qrs_axis: float
    t_axis: float


def beat(
    seen: Float[np.ndarray, " latents"], axes: Float[np.ndarray, " waves"]
) -> Beat:
    """The unique latent is the rate, the shared one the width, synergy the ST shift.

    >>> beat(np.zeros(3), np.array([50.0, 40.0, 45.0])).rate
    84.0
    """
    unique, shared, synergy = seen
    return Beat(
        rate=float(np.clip(84 + 14 * unique, 40, 170)),
        width=float(np.clip(104 + 15 * shared, 56, 180)),
        shift=float(np.clip(0.05 + 0.1 * synergy, -0.35, 0.45)),
        p_axis=float(axes[0]),
        qrs_axis=float(axes[1]),
        t_axis=float(axes[2]),
    )


def marks(made: Beat) -> dict[str, float]:
    """Where the machine sees the waves begin and end, R standing at 240.

    Units: ms.
    """
    half, t_wave = made.width / 2, 300 * np.sqrt(60 / made.rate)
    return {
        "rr_interval": 60_000 / made.rate,
        "p_onset": 240 - 160 - 45,
        "p_end": 240 - 160 + 45,
        "qrs_onset": 240 - half,
        "qrs_end": 240 + half,
        "t_end": 240 + t_wave + 90,
    }


def waveform(
    made: Beat, hertz: int, seconds: int, generator: np.random.Generator
) -> Float[np.ndarray, "time leads"]:
    """The record in mV, leads in the order of `LEADS`."""
    time = np.arange(hertz * seconds) / hertz
    interval = 60 / made.rate
    phase = (time + generator.uniform(0, interval)) % interval
    # Time to the nearest R wave; a little less than half of the interval precedes it.
    offset = np.where(phase > 0.6 * interval, phase - interval, phase)
    waves = _waves(offset, made, interval)
    axes = np.array([made.p_axis, *3 * [made.qrs_axis], *2 * [made.t_axis]])
    one, two = (waves @ (FRONTAL * np.cos(np.deg2rad(axes - at))) for at in (0, 60))
    limbs = [one, two, two - one, -(one + two) / 2, two - one / 2, one - two / 2]
    record = np.column_stack([*limbs, waves @ CHEST.T])
    wander = 0.05 * np.sin(2 * np.pi * (0.3 * time + generator.random()))
    noise = NOISE * generator.standard_normal(record.shape)
    return record + wander[:, None] + noise


def _waves(
    offset: Float[np.ndarray, " time"], made: Beat, interval: float
) -> Float[np.ndarray, "time waves"]:
    """P, Q, R, S, ST and T of size 1 at the given times from the R wave (s)."""
    width, t_wave = made.width / 1000, 0.3 * np.sqrt(interval)
    places = (-0.16, -width / 3, 0.0, width / 3)
    spreads = (0.025, width / 8, width / 7, width / 8)
    bells = [
        np.exp(-0.5 * ((offset - place) / spread) ** 2)
        for place, spread in zip(places, spreads, strict=True)
    ]
    start, end = width / 2 + 0.01, t_wave
    plateau = 1 / (1 + np.exp((start - offset) / 0.008))
    plateau = made.shift * plateau / (1 + np.exp((offset - end) / 0.02))
    bells += [plateau, np.exp(-0.5 * ((offset - t_wave) / 0.045) ** 2)]
    return np.column_stack(bells)


def stored(record: Float[np.ndarray, "time leads"]) -> Int16[np.ndarray, "time leads"]:
    """Samples as format 16 holds them; NaN becomes the code of a missing sample.

    >>> stored(np.array([[0.5, np.nan]])).tolist()
    [[100, -32768]]
    """
    steps = np.nan_to_num(np.rint(record * GAIN), nan=MISSING)
    return steps.astype(np.int16)


def header(
    name: str,
    samples: Int16[np.ndarray, "time leads"],
    leads: tuple[str, ...],
    hertz: int,
    taken: str,
) -> str:
    """The WFDB header of a record in format 16; `taken` is HH:MM:SS DD/MM/YYYY.

    >>> samples = np.array([[3], [4]], np.int16)
    >>> print(header("7", samples, ("II",), 100, "10:00:00 1/2/2150"))
    7 1 100 2 10:00:00 1/2/2150
    7.dat 16 200(0)/mV 16 0 3 7 0 II
    <BLANKLINE>
    """
    # The checksum is the sum of the samples as a signed number of 16 bits.
    sums = samples.astype(np.int64).sum(axis=0).astype(np.int16)
    lines = [f"{name} {len(leads)} {hertz} {len(samples)} {taken}"]
    lines += [
        f"{name}.dat 16 {GAIN}(0)/mV 16 0 {first} {total} 0 {lead}"
        for lead, first, total in zip(leads, samples[0], sums, strict=True)
    ]
    return "\n".join(lines) + "\n"
