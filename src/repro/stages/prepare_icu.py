"""Make one cohort of the ingested stays: `python -m repro.stages.prepare_icu <set>`."""

from repro import process

process.prepare()

import argparse  # noqa: E402
import shutil  # noqa: E402

from repro import files, params, paths  # noqa: E402
from repro.data.mimiciv import prepared  # noqa: E402
from repro.params.naming import unknown  # noqa: E402


def main() -> None:
    """Write data/prepared/<cohort>, or a folder in it for every fold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cohort")
    name = parser.parse_args().cohort
    settings = params.load()
    cohorts = settings.datasets.stays
    if name not in cohorts:
        raise ValueError(f"params.yaml: {unknown('cohort', name, cohorts)}")
    source = settings.clinical
    made = prepared.cohort_dataset(
        paths.ingested(),
        cohorts[name].complete,
        split=source.split,
        evaluation=source.evaluation,
        folds=source.folds,
        divide_series=source.divide_series,
        seed=source.split_seed,
    )
    report = files.read_json(paths.ingested() / "report.json")
    shutil.rmtree(paths.prepared(name), ignore_errors=True)
    for part, dataset in zip(settings.parts(name), made, strict=True):
        meta = {
            "source": "simulated" if report["simulated"] else source.source,
            "simulated": report["simulated"],
            "evaluation": source.evaluation,
            "attrition": report["attrition"],
            "releases": report["releases"],
        }
        prepared.write(dataset, paths.prepared(part), meta)


if __name__ == "__main__":
    process.run_stage(main)
