"""Write the whole simulated MIMIC-IV tree and its truth."""

from pathlib import Path

from repro import files
from repro.simulation.icu.admissions import write_admissions
from repro.simulation.icu.charts import write_charts
from repro.simulation.icu.ecgs import write_ecgs
from repro.simulation.icu.images import write_images
from repro.simulation.icu.labs import write_labs
from repro.simulation.icu.notes import write_notes
from repro.simulation.icu.plan import drawn_plan, generator_of
from repro.simulation.icu.settings import Signals, Size


def write_tree(
    size: Size, signals: Signals, seed: int, folder: Path, truth: Path
) -> None:
    """Write hosp/, icu/, note/, cxr/ and ecg/ into `folder`, and the truth.

    The label adds up from parts that one modality knows, that all know, that only
    two know together and that nobody knows; each modality of each stay is reliable
    or pure noise. A modality tells nothing of the latents of another one: a heart
    rate in the charts need not be the one of the ECG. `truth` is Parquet with one row
    per eligible stay: stay_id, `part_*` and their sum `score`, y, and per modality
    `present_`, `reliable_` (False where absent), `posterior_`, its probability given
    what all modalities show (0 where absent), `latent_*`, `seen_*` (what its files
    show) and `information_` = |E[score | its latents]|, 0 where absent or unreliable.

    Raises:
        ValueError: a size or a strength is out of range.
    """
    plan = drawn_plan(size, signals, seed)
    write_admissions(plan, folder, generator_of(seed, "admissions"))
    parts = {
        "charts": write_charts,
        "labs": write_labs,
        "notes": write_notes,
        "images": write_images,
        "ecgs": write_ecgs,
    }
    for name, write in parts.items():
        write(plan, size, folder, generator_of(seed, name))
    files.write_table(truth, plan.truth)
