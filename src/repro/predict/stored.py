"""The stored models of a run, ready to predict."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from repro import paths
from repro.features.series import Scale, read_scales
from repro.files import read_arrays, read_json
from repro.models.batch import Inputs, Sequences
from repro.models.predictor import EVALUATION, Predictor
from repro.params.naming import unknown
from repro.report import Report, read_report, report_path
from repro.training.checkpoint import load_parameters, stored_snapshots
from repro.training.description import (
    SCALES,
    VOCABULARY,
    Description,
    Model,
    checkpoint_path,
    description_path,
    read_description,
    refuse_other_file,
)
from repro.training.prediction import predict
from repro.training.weighting.application import Applied
from repro.training.weighting.inference import Snapshot

NOT_OF_ROWS = ("pictures", "fields")  # kinds that only folders have


@dataclass(frozen=True)
class Stored:
    """One method of a run: what it is, its parameters and its inference states."""

    description: Description
    model: Model
    predictor: Predictor
    snapshots: list[Snapshot]

    def __call__(
        self, inputs: Inputs, weights: Applied | None = None
    ) -> Float[np.ndarray, "seeds rows *classes"]:
        """Predictions of all rows by the model of every seed.

        The model of one modality has nothing to go by where that is absent; as in
        training, what train says of anyone stands there.
        """
        rows = np.arange(len(inputs.y))
        batch, task = self.description.evaluation_batch, self.description.of_task
        chosen = inputs.only(*self.model.modalities)
        found = predict(task, self.predictor, chosen, rows, weights, EVALUATION, batch)
        guess = np.array(self.description.guess)
        is_seen = chosen.present.any(dim=1).numpy()
        found[:, ~is_seen] = guess if task.outputs > 1 else guess[0]
        return found


def described(run: str) -> Description:
    """The description of a run, once it is there and can be applied to rows.

    Raises:
        ValueError: there is no such run, or it cannot be applied; says why.
    """
    known = _runs()
    if run not in known:
        raise ValueError(
            f"{unknown('run', run, known)}; train it with dvc repro, from the root of "
            "the repository"
        )
    if not description_path(run).is_file():
        raise ValueError(f"{paths.run(run)}: {_why_not(run)}")
    return read_description(run)


def _runs() -> Collection[str]:
    """Every run that lies in runs/."""
    root = paths.run("")
    name = report_path("").name
    return [p.parent.relative_to(root).as_posix() for p in root.rglob(name)]


def _why_not(run: str) -> str:
    """Why a run left nothing that can be applied to rows."""
    report = read_report(run)
    setup = report.setup
    if setup is None:
        return "has no network and keeps no checkpoint; choose a run of base or btw"
    if "query_times" in setup.tokens:
        return (
            "is of a cohort of stays, whose events in time, notes, images and signals "
            "the rows of a table do not hold; such runs are not applied to new rows"
        )
    if setup.finetune:
        return (
            "trained its text encoder along, which is not applied to new rows; set "
            "finetune: none for the encoder and train again"
        )
    if _is_of_other_features(report):
        return (
            f"is of {report.dataset}, whose pictures, fields or notes are not made "
            "into features of new rows; no setting changes that"
        )
    return (
        "keeps no checkpoint that new rows fit; set checkpoints: true (and no noise) "
        "for its cell and train again"
    )


def _is_of_other_features(report: Report) -> bool:
    """Whether a folder gave a modality that is made into vectors, if that is known."""
    path = paths.prepared(report.dataset) / "meta.json"
    kinds = read_json(path).get("kinds", {}) if path.is_file() else {}
    own = {name: kinds.get(name) for name in report.data.modalities}
    has_notes = any(k == "text" and name != "text" for name, k in own.items())
    return has_notes or bool(set(own.values()) & set(NOT_OF_ROWS))


def load(run: str, name: str, sha256: str | None = None) -> Stored:
    """One model of a run; with `sha256`, the very file that another run relies on.

    Raises:
        ValueError: the files are missing, cut, of another training or version, or the
            run keeps no checkpoint of that name.
    """
    description = described(run)
    if name not in description.models:
        raise ValueError(
            f"{description_path(run)}: "
            f"{unknown('method', name, description.models)} (with a checkpoint)"
        )
    model, path = description.models[name], checkpoint_path(run, name)
    refuse_other_file(path, sha256 or model.sha256)
    arrays = read_arrays(path)
    template = _template(description, model)
    architecture = description.architecture(model)
    predictor = Predictor(len(description.seeds), template, architecture)
    load_parameters(predictor, arrays)
    return Stored(description, model, predictor, stored_snapshots(arrays))


def _template(description: Description, model: Model) -> Inputs:
    """One sample of zeros with the widths and lengths that were trained on."""
    parts = [description.modality(name) for name in model.modalities]
    lengths = torch.tensor([[part.longest for part in parts]])
    return Inputs(
        names=tuple(model.modalities),
        values=tuple(
            Sequences(
                torch.zeros(part.longest + 1, part.features),
                torch.tensor([0, part.longest]),
            )
            for part in parts
        ),
        lengths=lengths,
        present=lengths > 0,
        y=torch.zeros(1),
    )


def scales(description: Description) -> Mapping[str, Scale]:
    """Mean and sd of every feature over the rows that the run was trained on.

    Raises:
        ValueError: the file is missing, cut or of another training.
    """
    return read_scales(_checked(description, SCALES))


def vocabulary(description: Description) -> list[str]:
    """The entries of a text encoder that was drawn at random.

    Raises:
        ValueError: the file is missing, cut or of another training.
    """
    return read_json(_checked(description, VOCABULARY))["entries"]


def _checked(description: Description, name: str) -> Path:
    path = paths.run(description.address) / name
    refuse_other_file(path, description.sha256.get(name, ""))
    return path
