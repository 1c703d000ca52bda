"""Train one cell of params.yaml: `python -m repro.stages.train <group> <key>`."""

from repro import process

process.prepare()

import argparse  # noqa: E402

import torch  # noqa: E402

from repro import params, paths  # noqa: E402
from repro.cells import comparisons, fits, writing  # noqa: E402
from repro.cells.study import load_study, read_evidence  # noqa: E402


def main() -> None:
    """Read the cell's data, train its models, write its run folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("group")
    parser.add_argument("key")
    arguments = parser.parse_args()
    settings = params.load()
    cell = settings.cell(arguments.group, arguments.key)
    torch.set_num_threads(1)
    # As use_deterministic_algorithms(True), without its import of the compiler (1 s).
    torch.set_deterministic_debug_mode("error")
    if settings.precision == "tf32":
        torch.set_float32_matmul_precision("high")
    # A row of the attribution table is leak-free but for its own switches.
    protocol = "leak_free" if arguments.group == "attribution" else settings.protocol
    study = load_study(settings, cell, protocol)
    match arguments.group:
        case "unimodal":
            results = fits.unimodal_results(study)
        case "moe":
            results = [fits.unweighted_result(study)]
        case "btw" | "sweep":
            evidence = read_evidence(study)
            results = [fits.weighted_result(study, evidence, cell.method)]
        case "attribution":
            results = comparisons.attribution_results(study)
        case "noise":
            results = comparisons.noise_results(study)
        case unknown:
            raise ValueError(f"params.yaml: no way to train cells.{unknown}")
    folder = paths.cell_folder(arguments.group, arguments.key, cell)
    writing.write_run(study, folder, results)


if __name__ == "__main__":
    process.run_stage(main)
