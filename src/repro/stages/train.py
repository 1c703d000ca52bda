"""Train one cell of `cells/`: `python -m repro.stages.train base/mosi`."""

from repro import process

process.prepare()

import argparse  # noqa: E402
import logging  # noqa: E402

import torch  # noqa: E402

from repro import params, paths  # noqa: E402
from repro.cells.describing import write_description  # noqa: E402
from repro.cells.recipes import trained  # noqa: E402
from repro.cells.study import load_studies  # noqa: E402
from repro.cells.writing import (  # noqa: E402
    write_first_weights,
    write_run,
    write_timing,
)
from repro.results.folds import write_folds  # noqa: E402

_log = logging.getLogger(__name__)


def main(arguments: list[str] | None = None) -> None:
    """Read a cell's data, train the models of all its runs, write their folders."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cell", help="group/key")
    cell = parser.parse_args(arguments).cell
    settings = params.load()
    torch.set_num_threads(1)
    # As use_deterministic_algorithms(True), without its import of the compiler (1 s).
    torch.set_deterministic_debug_mode("error")
    # Its filling of new memory with NaN costs 5 % and changes no result.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    if settings.precision == "tf32":
        torch.set_float32_matmul_precision("high")
    seconds: dict[str, dict[str, float]] = {}
    tested: dict[str, dict[str, float]] = {}
    for run in trained(load_studies(settings, cell)):
        for method, reason in run.left_out.items():
            _log.warning("%s: %s: %s", run.study.address, method, reason)
        write_run(run.study, run.results, run.left_out)
        write_description(run)
        if run.first_weights:
            write_first_weights(run.study, run.first_weights)
        spent = seconds.setdefault(run.study.address, {})
        spent |= {name: r.seconds for name, r in run.results.items() if r.history}
        tested[run.study.address] = {
            name: r.test_seconds for name, r in run.results.items() if r.test_seconds
        }
    for address, recipe in settings.runs_of(cell).items():
        if folds := settings.folds(recipe.dataset):
            write_folds(address, folds)
            seconds[address] = _summed(seconds, address, folds)
            tested[address] = _summed(tested, address, folds)
    write_timing(cell, seconds, tested)


def _summed(
    seconds: dict[str, dict[str, float]], address: str, folds: int
) -> dict[str, float]:
    """Seconds of each method over all folds of a run."""
    parts = [seconds.pop(paths.part(address, k)) for k in range(folds)]
    alike = [name for name in parts[0] if all(name in part for part in parts)]
    return {name: sum(part[name] for part in parts) for name in alike}


if __name__ == "__main__":
    process.run_stage(main)
