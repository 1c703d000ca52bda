"""Size, signal strengths and planted dirt of the simulated MIMIC-IV tree."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType

from repro.params.datasets import IcuSimulation
from repro.simulation.planted import Law

MODALITIES = ("timeseries", "text", "cxr", "ecg")
EDGES = (3, 7, 14)  # days; upper ends of the first three classes
LEAST_DAYS = 2  # length of stay a stay must reach to be eligible
WINDOW_HOURS = 48
LEAST: Mapping[str, float] = MappingProxyType(
    {
        "short_stays": 0,
        "image": 16,
        "ecg_hz": 50,
        "ecg_seconds": 4,
        "hours_between_vitals": 0.5,
        "hours_between_labs": 1,
        "most_notes": 1,
        "most_images": 1,
        "most_ecgs": 1,
    }
)


@dataclass(frozen=True)
class Dirt:
    """How many rows of each known defect of the real data are planted.

    A count greater than what the size offers is cut to that.
    Units: counts, except the two shares.
    """

    impossible_rates: int = 40  # heart rates: half 10,000,000, half -1
    celsius: int = 20  # Fahrenheit numbers charted under the Celsius item
    year_off: int = 20  # charttimes one year late
    duplicates: int = 100  # exact copies of rows, in chartevents and in labevents
    units: int = 60  # sodium and potassium labeled mmol/L instead of mEq/L
    late_specimens: int = 100  # taken inside the window, stored after it
    late_notes: int = 60  # written inside the window, stored after it
    unsigned_notes: int = 20  # without a storetime
    early_discharge: int = 12  # discharge summaries stamped inside the window
    reversed_stays: int = 6  # outtime before intime
    silent_stays: int = 6  # long enough, without any chart or lab row
    gaps: int = 20  # ECG records with missing samples
    reordered: int = 20  # ECG records with another order of the leads
    sentinels: int = 40  # ECG measurements of 29999
    labs_without_admission: float = 0.25  # share of specimens without hadm_id
    lateral: float = 0.12  # share of studies with an extra LATERAL image


@dataclass(frozen=True)
class Size:
    """How much is simulated; the class mixes follow the paper's two cohorts.

    Units: `hours_between_*` hours, `ecg_seconds` s, `ecg_hz` samples per second,
    `image` pixels per side, `most_*` objects per stay and modality.
    """

    stays: int = 3300  # eligible stays: length >= 2 days, with time series
    complete: float = 0.17  # share of the eligible stays with every modality
    short_stays: int = 400  # stays below 2 days
    second_stays: float = 0.1  # share of patients with two stays
    mix: tuple[float, ...] = (0.34, 0.43, 0.15, 0.08)  # classes of all stays
    complete_mix: tuple[float, ...] = (0.28, 0.45, 0.18, 0.09)  # complete cohort
    image: int = 64
    ecg_hz: int = 100
    ecg_seconds: int = 10
    hours_between_vitals: float = 2.0
    hours_between_labs: float = 14.0
    most_notes: int = 4
    most_images: int = 2
    most_ecgs: int = 2
    dirt: Dirt = Dirt()


@dataclass(frozen=True)
class Signals:
    """Standard deviations of the parts of the severity score.

    Values per modality stand in the order of `MODALITIES`.
    `unreliable` is the share of stays in which a modality is pure noise,
    `unreliable_sd` how wide it draws its latents there (1 hides the noise);
    `latent_noise` the standard deviation of the noise on a latent as a modality sees
    it. Scales cancel: the score has variance 1.
    """

    unique: tuple[float, ...] = (1.0, 0.8, 0.7, 0.7)  # only this modality carries it
    shared: float = 0.6  # every modality carries it
    synergy: float = 0.7  # products of two latents, one per modality
    label_noise: float = 0.4  # nobody carries it
    unreliable: tuple[float, ...] = (0.1, 0.2, 0.25, 0.3)
    unreliable_sd: float = 2.5
    latent_noise: float = 0.3

    @property
    def law(self) -> Law:
        """How the modalities see the latents."""
        return Law(self.unreliable, self.unreliable_sd, self.latent_noise)


def signals_of(planted: IcuSimulation) -> Signals:
    """The strengths that simulators.yaml gives."""
    values = planted.model_dump(exclude={"seed"})
    lists = {name: tuple(values[name]) for name in ("unique", "unreliable")}
    return Signals(**(values | lists))


def check(size: Size, signals: Signals) -> None:
    """Refuse sizes and strengths from which no tree can be drawn.

    Raises:
        ValueError: a value is out of range; the message names it.

    >>> check(Size(), Signals())
    >>> check(Size(stays=8), Signals())
    Traceback (most recent call last):
    ...
    ValueError: size.stays=8: at least 24 stays are needed; give a greater number
    """
    _check_mixes(size)
    if size.stays < 24:
        raise ValueError(
            f"size.stays={size.stays}: at least 24 stays are needed; "
            "give a greater number"
        )
    for name in ("complete", "second_stays"):
        if not 0 <= getattr(size, name) <= 1:
            raise ValueError(
                f"size.{name}={getattr(size, name)}: not a share; "
                "give a number from 0 to 1"
            )
    for name, bound in LEAST.items():
        if getattr(size, name) < bound:
            raise ValueError(
                f"size.{name}={getattr(size, name)}: too small; give at least {bound}"
            )
    for field in fields(Dirt):
        value = getattr(size.dirt, field.name)
        if value < 0 or (field.type is float and value > 1):
            raise ValueError(
                f"size.dirt.{field.name}={value}: out of range; "
                "give a count >= 0 or a share from 0 to 1"
            )
    _check_signals(signals)


def _check_mixes(size: Size) -> None:
    for name in ("mix", "complete_mix"):
        shares = getattr(size, name)
        if len(shares) != 4 or min(shares) <= 0 or abs(sum(shares) - 1) > 1e-9:
            raise ValueError(
                f"size.{name}={shares}: not the shares of four classes; "
                "give four positive numbers that sum to 1"
            )


def _check_signals(signals: Signals) -> None:
    for name in ("unique", "unreliable"):
        values = getattr(signals, name)
        if len(values) != len(MODALITIES):
            raise ValueError(
                f"signals.{name}={values}: "
                f"give one value for each of {', '.join(MODALITIES)}"
            )
    if not all(0 <= value <= 1 for value in signals.unreliable):
        raise ValueError(
            f"signals.unreliable={signals.unreliable}: not shares; "
            "give numbers from 0 to 1"
        )
    if not signals.unreliable_sd > 0:
        raise ValueError(
            f"signals.unreliable_sd={signals.unreliable_sd}: not a width; "
            "give a positive number, 1 to hide the noise"
        )
    parts = [*signals.unique, signals.shared, signals.synergy, signals.label_noise]
    if min(parts) < 0 or max(parts) == 0 or signals.latent_noise < 0:
        raise ValueError(
            f"signals={signals}: strengths are negative or all 0; "
            "give at least one positive strength and none below 0"
        )
