"""Apply the stored models of a run to new rows: `... RUN samples.csv [--out FILE]`."""

from repro import process

process.prepare()

import argparse  # noqa: E402
import logging  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

import torch  # noqa: E402

from repro.predict.inference import predicted  # noqa: E402
from repro.predict.rows import read_inputs  # noqa: E402
from repro.predict.stored import described, load  # noqa: E402
from repro.predict.table import check_place, table_of, write  # noqa: E402
from repro.training.description import Description  # noqa: E402
from repro.training.weighting.inference import Kept  # noqa: E402

_log = logging.getLogger("repro.predict")


def main(arguments: list[str] | None = None) -> None:
    """Predict new rows with every model of a run, or with one of them.

    Raises:
        ValueError: the run, its files or the rows do not do; nothing is then written.
    """
    parser = argparse.ArgumentParser(prog="repro.predict", description=__doc__)
    parser.add_argument("run", metavar="RUN", help="group/key, as base/mosi")
    parser.add_argument("samples", type=Path, help="CSV with the arrays beside it")
    parser.add_argument("--out", type=Path, help="a .csv or .parquet; else shown")
    parser.add_argument("--method", help="one method, also of a single modality")
    parser.add_argument("--mean", action="store_true", help="average over the seeds")
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    torch.set_deterministic_debug_mode("error")
    if given.out:
        check_place(given.out, given.samples)
    description = described(given.run)
    methods = [given.method] if given.method else _methods(description)
    models = {name: load(given.run, name) for name in methods}
    fusions = {stored.model.fusion for stored in models.values()}
    ids, inputs = read_inputs(given.samples, description, sorted(fusions))
    found: dict[str, Kept] = {n: predicted(m, inputs) for n, m in models.items()}
    names = [part.name for part in description.modalities]
    table = table_of(ids, description.seeds, found, names, mean=given.mean)
    if given.out:
        write(given.out, table)
    else:
        table.to_csv(sys.stdout, index=False)


def _methods(description: Description) -> list[str]:
    """Every method on all modalities that can be applied; says which cannot."""
    every = {part.name for part in description.modalities}
    whole = {n: m for n, m in description.models.items() if n not in every}
    for name, model in whole.items():
        if model.refused:
            _log.warning("%s: left out: %s", name, model.refused)
    found = [name for name, model in whole.items() if not model.refused]
    if not found:
        raise ValueError(
            f"{description.address}: no model on all modalities can be applied to new "
            f"rows; name one with --method: {', '.join(description.models)}"
        )
    return found


if __name__ == "__main__":
    process.run_stage(main)
