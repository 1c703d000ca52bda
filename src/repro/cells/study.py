"""A data set made ready for training cells: tensors, rows of the splits, settings."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import torch

from repro import paths
from repro.cells import old_blocks
from repro.cells.tensors import chosen_device, tensors
from repro.data.preparing import read_prepared
from repro.features.clinical_reading import read_clinical_features
from repro.features.reading import Features, read_features
from repro.models.architecture import Architecture, auxiliary_lr, loss_weights
from repro.models.batch import Inputs
from repro.models.fusions.interface import ANCHOR, unable
from repro.models.tokens.text import FineTuning
from repro.params import Cell, Model, Params
from repro.params.clinical import ClinicalModel, Training
from repro.params.fusions import OTHER_ENCODER
from repro.params.switching import for_classification, switches
from repro.records import SPLITS, Texts
from repro.training.fitting import Rows, Settings
from repro.training.members import Member, cross_fitting_members, group_folds
from repro.training.task import REGRESSION, Task


@dataclass(frozen=True)
class Study:
    """One cell's data and settings."""

    params: Params
    cell: Cell
    samples: pd.DataFrame
    inputs: Inputs
    rows: Rows
    meta: dict[str, Any]
    switches: frozenset[str]
    protocol: str = "leak_free"
    notes: tuple[str, ...] = ()
    text: FineTuning | None = None
    task: Task = REGRESSION

    @property
    def seeds(self) -> list[int]:
        """Training seeds."""
        return self.params.seeds

    @property
    def alpha(self) -> float:
        """The smoothing factor of this cell: its own or the top-level one."""
        return self.params.alpha if self.cell.alpha is None else self.cell.alpha

    @property
    def encoder(self) -> str:
        """The text encoder of this cell: its own, else that of its side."""
        if self.is_clinical:
            return self.params.active.clinical.text.encoder
        return self.params.encoder_of(self.cell)

    @property
    def training(self) -> Training:
        """Optimization settings of this data set's side."""
        preset = self.params.active
        return preset.clinical.training if self.is_clinical else preset.training

    @property
    def model(self) -> Model | ClinicalModel:
        """Model sizes of this data set's side."""
        preset = self.params.active
        return preset.clinical.model if self.is_clinical else preset.model

    @property
    def is_clinical(self) -> bool:
        """Whether the data set is a cohort of the clinical data."""
        return paths.whole(self.cell.dataset) in self.params.cohorts

    @property
    def lacks(self) -> tuple[str, ...]:
        """Modalities the cell is to leave out and that the data do not have anyway."""
        return tuple(n for n in self.cell.without if n not in self.meta["modalities"])

    @property
    def unable(self) -> str | None:
        """Why these data cannot be trained on as the cell asks, or None."""
        if self.lacks:
            return f"the data do not have {', '.join(self.lacks)} anyway"
        if self.cell.encoder == OTHER_ENCODER and self.meta["text"]["absent"]:
            return "the data have no raw text to encode"
        names, kept = self.inputs.names, np.concatenate(list(self.rows.values()))
        here = self.inputs.present[kept].cpu().numpy()
        anchored = here[:, names.index(ANCHOR)].sum() if ANCHOR in names else 0
        return unable(self.cell.fusion, names, len(kept), int(anchored))

    @property
    def missing(self) -> str:
        """What stands in for an absent modality."""
        return self.cell.missing or self.params.weighting.missing

    def settings(self, label: str) -> Settings:
        """Training settings under this cell's switches."""
        return Settings(
            training=self.training,
            task=self.task,
            switches=self.switches,
            selection=self.params.weighting.selection,
            text_lr=0.0 if self.text is None else self.text.lr,
            loss_weights=loss_weights(self.architecture()),
            auxiliary_lr=auxiliary_lr(self.architecture()),
            label=label,
        )

    def architecture(self) -> Architecture:
        """The shape of this cell's models."""
        embedding, preset = "embedding_site" in self.switches, self.params.active
        return Architecture(
            fusion=self.cell.fusion,
            sizes=old_blocks.sizes(preset, self.model, self.cell.fusion),
            tokens=old_blocks.tokens(preset, self.model),
            experts=self.params.experts,
            top_k=self.params.top_k,
            missing=self.missing,
            scale_absent=self.cell.count_absent,
            weight_site="embedding" if embedding else self.params.weighting.site,
            log_space_experts="log_space_experts" in self.switches,
            text=self.text,
            outputs=self.task.outputs,
        )

    def of_seed(self, seed: int) -> "Study":
        """The same study for one of its seeds."""
        return replace(self, params=self.params.model_copy(update={"seeds": [seed]}))

    def members(self, *, folds: bool, modality: str | None = None) -> list[Member]:
        """One member per seed, and one per fold where cross-fitting is asked for.

        With a modality, only train rows that have it.
        """
        train = self.rows["train"]
        if modality is not None:
            m = self.inputs.names.index(modality)
            train = train[self.inputs.present[train, m].cpu().numpy()]
        if not folds:
            return [Member(seed, 0, train) for seed in self.seeds]
        groups = self.samples["group"].to_numpy()[train]
        self._check_folds(len(set(groups)), modality)
        return cross_fitting_members(
            self.seeds,
            train,
            {
                seed: group_folds(groups, self.training.folds, seed)
                for seed in self.seeds
            },
        )

    def _check_folds(self, groups: int, modality: str | None) -> None:
        if groups < self.training.folds:
            side = "clinical." if self.is_clinical else ""
            what = "any modality" if modality is None else f"modality {modality}"
            raise ValueError(
                f"data/prepared/{self.cell.dataset}: {groups} groups of train have "
                f"{what}, but presets.{self.params.preset}.{side}training.folds = "
                f"{self.training.folds}; leave the modality out or lower folds"
            )


def load_study(params: Params, cell: Cell, protocol: str | None = None) -> Study:
    """Read a data set's features as tensors on the device in force.

    `protocol` is that of params unless given (attribution rows bring their own). The
    data set may be one part of a cross-validated one, as `paths.part` names it.
    """
    is_clinical = paths.whole(cell.dataset) in params.cohorts
    features = (
        read_clinical_features(cell.dataset)
        if is_clinical
        else read_features(cell.dataset, params.encoder_of(cell))
    )
    samples, meta = features.samples, features.meta
    inputs = _inputs(features, cell, chosen_device(params.device, params.precision))
    split = samples["split"].to_numpy()
    some = inputs.present.any(1).cpu().numpy()
    protocol = protocol or params.protocol
    in_force = for_classification if meta["task"] == "classification" else switches
    chosen, notes = applicable(in_force(cell.switches, protocol), inputs.names)
    return Study(
        params=params,
        cell=cell,
        samples=samples,
        inputs=inputs,
        rows={name: np.flatnonzero((split == name) & some) for name in SPLITS},
        meta=meta,
        switches=chosen,
        protocol=protocol,
        notes=notes,
        text=None if is_clinical else _fine_tuning(params, cell, inputs.names),
        task=Task(meta["task"], meta["classes"]),
    )


def _inputs(features: Features, cell: Cell, device: torch.device) -> Inputs:
    inputs = tensors(features, device)
    return inputs.only(*(n for n in inputs.names if n not in cell.without))


def applicable(
    chosen: frozenset[str], modalities: tuple[str, ...]
) -> tuple[frozenset[str], tuple[str, ...]]:
    """Switches without those that have no meaning here, and a sentence on each."""
    if "swap_audio_video" not in chosen or {"audio", "video"} <= set(modalities):
        return chosen, ()
    note = "switch swap_audio_video: not applicable, there is no audio and video"
    return chosen - {"swap_audio_video"}, (note,)


def _fine_tuning(
    params: Params, cell: Cell, modalities: tuple[str, ...]
) -> FineTuning | None:
    """The text encoder that is trained along, when params ask for that."""
    name = params.encoder_of(cell)
    encoder = params.active.encoders[name]
    if not encoder.finetune or "text" not in modalities:
        return None
    # Costs seconds to import, and only fine-tuning needs it here.
    from repro.features.text import load_encoder

    prepared = read_prepared(paths.prepared(cell.dataset))
    texts = prepared.modalities["text"]
    if not isinstance(texts, Texts):
        raise ValueError(
            f"data set {cell.dataset} has no raw text to fine-tune on; set "
            f"presets.{params.preset}.encoders.{name}.finetune: false"
        )
    is_train = prepared.samples["split"] == "train"
    train = [t for t, kept in zip(texts.values, is_train, strict=True) if kept]
    _, start = load_encoder(encoder, train)
    return FineTuning(
        modality="text",
        start=start,
        hidden=start.config.hidden_size,
        pooling=encoder.pooling,
        lr=encoder.lr,
        bfloat16=params.precision == "bfloat16",
    )
