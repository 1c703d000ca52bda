"""Train one cell of params.yaml: `python -m repro.stages.train <group> <key>`."""

from repro import process

process.prepare()

import argparse  # noqa: E402
import logging  # noqa: E402

import torch  # noqa: E402

from repro import params, paths  # noqa: E402
from repro.cells import comparisons, fits, writing  # noqa: E402
from repro.cells.result import Result  # noqa: E402
from repro.cells.stored_evidence import read_evidence  # noqa: E402
from repro.cells.study import Study, load_study  # noqa: E402

_log = logging.getLogger(__name__)
# Many models that nobody applies again: no checkpoints.
ABLATIONS = ("attribution", "noise")
# Their rows may be missing from a table; a note then says why.
OPTIONAL = (
    *("other_fusions", "fusion_rows", "deberta_rows", "deberta_btw"),
    "icu_without",
)


def main() -> None:
    """Read the cell's data, train its models, write its run folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("group")
    parser.add_argument("key")
    arguments = parser.parse_args()
    settings = params.load()
    group = arguments.group
    cell = settings.cell(group, arguments.key)
    torch.set_num_threads(1)
    # As use_deterministic_algorithms(True), without its import of the compiler (1 s).
    torch.set_deterministic_debug_mode("error")
    if settings.precision == "tf32":
        torch.set_float32_matmul_precision("high")
    # A row of the attribution table is leak-free but for its own switches.
    protocol = "leak_free" if group == "attribution" else settings.protocol
    folder = paths.cell_folder(group, arguments.key, cell)
    done: list[Result] = []
    parts = settings.parts(cell.dataset)
    for dataset in parts:
        part = cell.model_copy(update={"dataset": dataset})
        study = load_study(settings, part, protocol)
        results = trained(group, study)
        writing.write_run(study, folder, results, checkpoints=group not in ABLATIONS)
        done += results
    if len(parts) > 1:
        writing.write_parts(cell.dataset, folder, len(parts))
    writing.write_timing(cell.dataset, folder, done)


def trained(group: str, study: Study) -> list[Result]:
    """What a cell of a group consists of; nothing where the data cannot serve it."""
    if group in OPTIONAL and study.unable:
        _log.warning("nothing is trained: %s", study.unable)
        return []
    match group:
        case "unimodal" | "icu_unimodal":
            return fits.unimodal_results(study)
        case "moe" | "icu_fusion" | "fusion_rows" | "deberta_rows":
            return [fits.unweighted_result(study)]
        case "btw" | "sweep":
            evidence = read_evidence(study)
            return [fits.weighted_result(study, evidence, study.cell.method)]
        case "icu_btw":
            return comparisons.variant_results(study)
        case "deberta_btw":
            return comparisons.whole_results(study)
        case "icu_missing" | "icu_without" | "other_fusions":
            return comparisons.retrained_results(study)
        case "attribution":
            return comparisons.attribution_results(study)
        case "noise":
            return comparisons.noise_results(study)
        case unknown:
            raise ValueError(f"params.yaml: no way to train cells.{unknown}")


if __name__ == "__main__":
    process.run_stage(main)
