"""What weights are made from: predictions of this run, and of the runs that it uses."""

import logging
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float

from repro import paths
from repro.cells.result import Result
from repro.cells.study import Study
from repro.cells.writing import prediction_names
from repro.files import read_table
from repro.params.switches import MODEL_SWITCHES
from repro.records import SPLITS
from repro.report import Report, read_report
from repro.training.weighting.evidence import Evidence

_log = logging.getLogger(__name__)
IN_SAMPLE = "train_in_sample"


def used_results(study: Study) -> dict[str, Result]:
    """Predictions by method that the used runs give this one; the first one counts.

    What the used run trained under other settings is left out.

    Raises:
        ValueError: a used run is of other data, seeds, samples or another encoder.
    """
    found: dict[str, Result] = {}
    wanted = [*study.inputs.names, study.recipe.fusion]
    for used in study.recipe.uses:
        report = read_report(used)
        refuse_other(study, used, report)
        place = _place(study, used)
        new = [n for n in wanted if n in report.methods and n not in found]
        names = [name for name in new if serves(study, name, report)]
        if lost := [name for name in new if name not in names]:
            told = (study.address, ", ".join(lost), used)
            _log.info("%s: trains %s itself: %s has other settings", *told)
        if names:
            table = read_table(paths.run(place) / "predictions.parquet")
            found |= {name: stored(study, table, name, place) for name in names}
    return found


def serves(study: Study, name: str, report: Report) -> bool:
    """Whether a method of a used run is what this run would train itself.

    How they are trained must agree, with the switches that change models; so must what
    the fusion sees. In-sample predictions of unimodal models stand for out-of-fold ones
    only where the switch asks for them.
    """
    theirs, own = set(report.switches), study.switches
    trained = report.setup and report.setup.training, report.class_weights
    if trained != (study.training.model_dump(), study.recipe.class_weights):
        return False
    if theirs & MODEL_SWITCHES != own & MODEL_SWITCHES:
        return False
    if name != study.recipe.fusion:
        return "in_sample_unimodal" not in theirs - own
    seen = (report.data.modalities, report.missing, report.count_absent)
    wanted = (list(study.inputs.names), study.missing, study.recipe.count_absent)
    asked = study.recipe.interaction
    experts = None if asked is None else asked.model_dump()
    return seen == wanted and report.interaction == experts


def _place(study: Study, used: str) -> str:
    """The used run, or the same fold of it."""
    _, _, fold = study.part.partition("/")
    return f"{used}/{fold}" if fold else used


def refuse_other(study: Study, used: str, report: Report) -> None:
    """Stop at a used run that cannot stand beside this one.

    Raises:
        ValueError: names both runs and what they differ in.
    """
    setup = report.setup
    if setup is None:
        raise ValueError(f"{study.address}: uses {used}, which has no models")
    pairs = {
        "data set": (report.dataset, study.recipe.dataset),
        "seeds": (setup.seeds, study.params.seeds),
        "text encoder": (setup.text_encoder, study.encoder),
    }
    for what, (theirs, own) in pairs.items():
        if theirs != own:
            raise ValueError(
                f"{report.path}: {what} {theirs}, but {study.address}, which uses it, "
                f"has {own}; run dvc repro to train {used} again"
            )


def stored(study: Study, table: pd.DataFrame, method: str, place: str) -> Result:
    """One method of a finished run, in the order of this study's rows.

    Raises:
        ValueError: the run holds other samples or seeds than params.yaml has now.
    """
    table = table[table["method"] == method]
    names = [n for n in (*SPLITS, IN_SAMPLE) if n in set(table["split"])]
    predictions = {name: _rectangle(study, table, name, place) for name in names}
    return Result(method, predictions, [], [], 0, 0.0, study.inputs.names, home=place)


def _rectangle(
    study: Study, table: pd.DataFrame, name: str, place: str
) -> Float[np.ndarray, "seeds rows *classes"]:
    rows = table[table["split"] == name]
    split = "train" if name.startswith("train") else name
    ids = study.samples["id"].to_numpy()[study.rows[split]]
    is_same = rows["id"].tolist() == ids.tolist() * len(study.seeds)
    seeds = np.repeat(study.seeds, len(ids))
    if not is_same or rows["seed"].tolist() != seeds.tolist():
        raise ValueError(
            f"{paths.run(place)}/predictions.parquet: split {name} does not hold the "
            f"samples of data/prepared for seeds {study.seeds}; run dvc repro for that "
            "cell"
        )
    columns = rows[list(prediction_names(study.task.outputs))].to_numpy()
    shaped = columns.reshape(len(study.seeds), len(ids), -1)
    return shaped if study.task.outputs > 1 else shaped[..., 0]


def evidence_of(study: Study, known: Mapping[str, Result]) -> Evidence:
    """Evidence from predictions by method: of every modality, and of the fusion."""
    in_sample = "in_sample_unimodal" in study.switches
    singles = [known[name] for name in study.inputs.names]
    unimodal = columns(study, singles, IN_SAMPLE if in_sample else "train")
    found = Evidence(
        modalities=study.inputs.names,
        unimodal=unimodal,
        unweighted=columns(study, [known[study.recipe.fusion]])[:, :, 0],
        present=study.inputs.present.cpu().numpy(),
        y=study.samples["y"].to_numpy(np.float64),
        rows=study.rows,
        task=study.task.kind,
    )
    return found.with_absent_counted() if study.recipe.count_absent else found


def columns(
    study: Study, results: Sequence[Result], train: str = "train"
) -> Float[np.ndarray, "seeds samples models *classes"]:
    """Predictions of all samples, one column per model; `train` names those of train.

    Samples without any modality, which are in no split, get 0.
    """
    shape = (len(study.seeds), len(study.samples), len(results))
    found = np.zeros(shape + results[0].predictions["test"].shape[2:])
    for m, result in enumerate(results):
        for split in SPLITS:
            name = train if split == "train" else split
            found[:, study.rows[split], m] = result.predictions[name]
    return found
