"""From trained models to the evidence and the first weights of the retraining."""

import numpy as np
import pandas as pd
from jaxtyping import Float

from repro import paths
from repro.cells.fits import SPLITS, assembled_evidence, plan
from repro.cells.result import Result
from repro.cells.stored_evidence import write_evidence
from repro.cells.study import Study, load_study
from repro.cells.writing import prediction_names
from repro.files import read_table, write_json, write_table
from repro.params import Cell, Fusion, Params
from repro.training.weighting.loop import Reweighting


def write(params: Params, dataset: str, fusion: Fusion = "moe") -> None:
    """Write runs/<dataset>/weights: evidence, first instance weights, report."""
    study = load_study(params, Cell(dataset=dataset, fusion=fusion))
    unimodal = [stored(study, "unimodal", name) for name in study.inputs.names]
    unweighted = stored(study, fusion, fusion)
    evidence, in_sample = assembled_evidence(study, unimodal, unweighted)
    write_evidence(study, evidence, in_sample)
    first = Reweighting(evidence, study.members(folds=False), plan(study, "instance"))
    frames = []
    for seed, snapshot in zip(study.seeds, first.snapshot(), strict=True):
        rows = study.samples.iloc[study.rows["train"]][["id"]].reset_index(drop=True)
        frame = rows.assign(seed=np.int64(seed), split="train")
        for m, name in enumerate(study.inputs.names):
            frame[f"w_{name}"] = snapshot.fixed["train"][:, m]
        frames.append(frame)
    place = paths.run(dataset, "weights")
    write_table(place / "initial.parquet", pd.concat(frames, ignore_index=True))
    write_json(place / "report.json", _report(study, first))


def _report(study: Study, first: Reweighting) -> dict:
    information = plan(study, "modality")
    return {
        "dataset": study.cell.dataset,
        "encoder": study.encoder,
        "seeds": study.seeds,
        "scale": information.scale,
        "modalities": list(study.inputs.names),
        "data": {
            "source": study.meta["source"],
            "simulated": study.meta["simulated"],
            "sizes": {split: len(rows) for split, rows in study.rows.items()},
        },
        "mean_weights": {
            str(seed): dict(
                zip(
                    study.inputs.names,
                    np.round(snapshot.state.mean_weights, 6).tolist(),
                    strict=True,
                )
            )
            for seed, snapshot in zip(study.seeds, first.snapshot(), strict=True)
        },
    }


def stored(study: Study, folder: str, method: str) -> Result:
    """One method of a finished run, in the order of this study's rows.

    Raises:
        ValueError: the run holds other samples or seeds than params.yaml has now.
    """
    place = paths.run(study.cell.dataset, folder) / "predictions.parquet"
    table = read_table(place)
    table = table[table["method"] == method]
    names = (*SPLITS, "train_in_sample") if folder == "unimodal" else SPLITS
    predictions = {name: _rectangle(study, table, name, str(place)) for name in names}
    return Result(method, predictions, [], [], 0, 0.0, study.inputs.names)


def _rectangle(
    study: Study, table: pd.DataFrame, name: str, where: str
) -> Float[np.ndarray, "seeds rows *classes"]:
    rows = table[table["split"] == name]
    split = "train" if name.startswith("train") else name
    ids = study.samples["id"].to_numpy()[study.rows[split]]
    is_same = rows["id"].tolist() == ids.tolist() * len(study.seeds)
    seeds = np.repeat(study.seeds, len(ids))
    if not is_same or rows["seed"].tolist() != seeds.tolist():
        raise ValueError(
            f"{where}: split {name} does not hold the samples of data/prepared for "
            f"seeds {study.seeds}; run dvc repro for that cell"
        )
    columns = rows[list(prediction_names(study.task.outputs))].to_numpy()
    shaped = columns.reshape(len(study.seeds), len(ids), -1)
    return shaped if study.task.outputs > 1 else shaped[..., 0]
