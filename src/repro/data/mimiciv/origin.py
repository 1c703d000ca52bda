"""Whether a tree of tables is made up, by what its rows say."""

import csv

from repro.data.mimiciv.layout import Source
from repro.data.mimiciv.lines import UNREADABLE, opened
from repro.data.mimiciv.marking import COLUMN, MARK
from repro.data.mimiciv.settings import Settings


def is_made_up(stays: Source, settings: Settings) -> bool:
    """Whether the simulator wrote every stay, whatever file, path or source says.

    Raises:
        ValueError: `settings` call the stays simulated, and one of them is not.
    """
    total = odd = 0
    try:
        with opened(stays.path) as handle:
            lines = (line.decode("utf-8-sig", "replace") for line in handle)
            for row in csv.DictReader(lines):
                total += 1
                odd += not str(row.get(COLUMN) or "").startswith(MARK)
    except (*UNREADABLE, csv.Error):  # the ingest says what is wrong with the file
        return settings.simulated
    if settings.simulated and odd:
        raise ValueError(
            f"{stays.path}: the simulator did not write {odd} of {total} stays, which "
            f"begin {COLUMN} otherwise; set clinical.source: mimiciv, or make the "
            "simulated tree again"
        )
    return total > 0 and not odd
