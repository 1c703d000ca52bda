"""What an ingest does: where the files are and which rules hold."""

from dataclasses import dataclass
from pathlib import Path

from repro.data.mimiciv.variables import PRESETS

CHOICES = {
    "variables": PRESETS,
    "time_policy": ("strict", "charttime"),
    "deaths": ("keep", "exclude"),
    "labs_without_admission": ("keep", "drop"),
}


@dataclass(frozen=True)
class Settings:
    """Roots of the raw files and the rules of the cohort.

    `path` holds hosp/ and icu/; `notes`, `cxr` and `ecg` are roots of their own and
    may be absent. `time_policy` is `strict` (a row enters only if it was stored in the
    window) or `charttime` (if it was charted or drawn in it). `views` are the X-ray
    views kept; none means all.

    Units: `min_los_days` days, `window_hours` hours after admission to the unit.

    Raises:
        ValueError: a choice is unknown, or a number is out of range. A stay shorter
            than the window would end inside it, and the end would tell the label.

    >>> Settings(Path("raw")).time_policy
    'strict'
    """

    path: Path
    notes: Path | None = None
    cxr: Path | None = None
    ecg: Path | None = None
    variables: str = "corrected"
    time_policy: str = "strict"
    deaths: str = "keep"
    min_los_days: float = 2.0
    window_hours: float = 48.0
    views: tuple[str, ...] = ("AP", "PA")
    labs_without_admission: str = "keep"
    simulated: bool = False

    def __post_init__(self) -> None:
        for name, accepted in CHOICES.items():
            if getattr(self, name) not in accepted:
                raise ValueError(
                    f"{name}={getattr(self, name)!r} is unknown; use one of "
                    f"{', '.join(accepted)}"
                )
        if not 0 < self.window_hours < float("inf"):
            raise ValueError(
                f"window_hours={self.window_hours} is no length of time; use hours "
                "greater than 0"
            )
        if not 24 * self.min_los_days >= self.window_hours:
            raise ValueError(
                f"min_los_days={self.min_los_days} is less than the window of "
                f"{self.window_hours:g} hours, whose end would then tell the length of "
                f"stay; use {self.window_hours / 24:g} or more"
            )
