"""Make one cohort of the ingested stays: `python -m repro.stages.prepare_icu <set>`."""

from repro import process

process.prepare()

import argparse  # noqa: E402
import logging  # noqa: E402
import shutil  # noqa: E402

import numpy as np  # noqa: E402

from repro import files, params, paths  # noqa: E402
from repro.data.mimiciv import prepared  # noqa: E402
from repro.data.mimiciv.variables import KINDS  # noqa: E402
from repro.params import Params  # noqa: E402
from repro.params.naming import unknown  # noqa: E402

_log = logging.getLogger("repro.stages.prepare_icu")


def main() -> None:
    """Write data/prepared/<cohort>, or a folder in it for every fold.

    Of a cohort without any stay only the reason is written.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cohort")
    name = parser.parse_args().cohort
    settings = params.load()
    cohorts = settings.datasets.stays
    if name not in cohorts:
        raise ValueError(f"params.yaml: {unknown('cohort', name, cohorts)}")
    shutil.rmtree(paths.prepared(name), ignore_errors=True)
    try:
        _write(settings, name)
    except prepared.EmptyCohort as error:
        # Another cohort may exist alone: what reads this one stops with the reason.
        _log.warning("%s", error)
        for part in settings.parts(name):
            files.write_json(paths.prepared(part) / "meta.json", {"empty": str(error)})


def _write(settings: Params, name: str) -> None:
    cohorts, source = settings.datasets.stays, settings.clinical
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
    for part, dataset in zip(settings.parts(name), made, strict=True):
        meta = {
            "source": "simulated" if report["simulated"] else source.source,
            "simulated": report["simulated"],
            "evaluation": source.evaluation,
            "attrition": report["attrition"],
            "releases": report["releases"],
        }
        prepared.write(dataset, paths.prepared(part), meta)
        ids = dataset.samples["id"].to_numpy()
        _write_planted(part, ids, is_divided=source.divide_series)


def _write_planted(part: str, ids: np.ndarray, *, is_divided: bool) -> None:
    """What was planted of the stays of a part, in their order, if it is known."""
    place = paths.planted_stays()
    if place.is_file():  # the ingest leaves it where the stays are simulated
        truth = files.read_table(place)
        truth = truth.assign(id=truth["stay_id"].astype(str)).set_index("id").loc[ids]
        if is_divided:  # both kinds of series show the same latents
            whole = [name for name in truth if name.endswith("_timeseries")]
            for kind in KINDS:
                named = {n: n.replace("timeseries", kind) for n in whole}
                truth = truth.join(truth[whole].rename(columns=named))
        files.write_table(paths.planted(part), truth.reset_index())


if __name__ == "__main__":
    process.run_stage(main)
