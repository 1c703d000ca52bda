"""One run made ready for training: data as tensors, rows of splits, settings."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool

from repro import paths
from repro.cells.exchange import exchanged
from repro.cells.experts import refuse_unlearnable, separation_notes
from repro.cells.noise import with_noise
from repro.cells.refusal import refuse_impossible, refuse_lacking
from repro.cells.tensors import chosen_device, tensors
from repro.cells.tuning import fine_tuning
from repro.features.reading import Features, read_features
from repro.models.architecture import Architecture, auxiliary_lr, loss_weights
from repro.models.batch import Inputs
from repro.models.fusions.interface import ANCHOR, unable
from repro.models.tokens.text import FineTuning
from repro.params import Params
from repro.params.cells import Recipe
from repro.params.presets import Training
from repro.params.switches import in_force
from repro.records import SPLITS
from repro.training.fitting import Rows
from repro.training.members import Member, cross_fitting_members, group_folds
from repro.training.settings import Settings
from repro.training.task import REGRESSION, Task


@dataclass(frozen=True)
class Study:
    """One run, or one fold of it: recipe, data and the switches in force.

    `part` is the data set, or the fold of a cross-validated one, as `paths.part` names
    it; `exchanged` is where a modality is that of another instance.
    """

    params: Params
    address: str
    recipe: Recipe
    part: str
    samples: pd.DataFrame
    inputs: Inputs
    rows: Rows
    meta: dict[str, Any]
    switches: frozenset[str] = frozenset()
    protocol: str = "leak_free"
    notes: tuple[str, ...] = ()
    text: FineTuning | None = None
    task: Task = REGRESSION
    exchanged: Bool[np.ndarray, "samples modalities"] | None = None

    @property
    def seeds(self) -> list[int]:
        """Training seeds."""
        return self.params.seeds

    @property
    def alpha(self) -> float:
        """The smoothing factor of this run: its own or the top-level one."""
        return self.params.alpha_of(self.recipe)

    @property
    def encoder(self) -> str:
        """The text encoder: that of the notes where the data are stays."""
        if self.recipe.dataset in self.params.datasets.stays:
            return self.params.active.icu.text.encoder
        return self.params.encoder_of(self.recipe)

    @property
    def training(self) -> Training:
        """Optimization settings of this run's models."""
        common = self.params.models(self.recipe.dataset).training
        epochs = common.epochs * self.recipe.times_epochs
        return common.model_copy(update={"epochs": epochs})

    @property
    def site(self) -> str:
        """Where weights act."""
        is_switched = "embedding_site" in self.switches
        return "embedding" if is_switched else self.params.site_of(self.recipe)

    @property
    def missing(self) -> str:
        """What stands in for an absent modality."""
        return self.params.missing_of(self.recipe)

    @property
    def multimodal_train(self) -> str:
        """Whose predictions of train weights are made from: current | cross_fitted."""
        return self.recipe.multimodal_train or self.params.weighting.multimodal_train

    @property
    def unable(self) -> str | None:
        """Why these data cannot be trained on as the recipe asks, or None."""
        known = self.meta["modalities"]
        lacking = [name for name in self.recipe.without if name not in known]
        if lacking:
            return f"the data do not have {', '.join(lacking)} anyway"
        if self.recipe.encoder and self.meta["text"]["absent"]:
            return "the data have no raw text to encode"
        return None

    def cannot_fuse(self, fusion: str) -> str | None:
        """Why a fusion cannot be trained on these data, or None."""
        names, kept = self.inputs.names, np.concatenate(list(self.rows.values()))
        here = self.inputs.present[kept].cpu().numpy()
        anchored = here[:, names.index(ANCHOR)].sum() if ANCHOR in names else 0
        return self.unable or unable(fusion, names, len(kept), int(anchored))

    def settings(self, label: str, fusion: str) -> Settings:
        """Training settings under this run's switches."""
        architecture = self.architecture(fusion)
        return Settings(
            training=self.training,
            task=self.task,
            switches=self.switches,
            selection=self.params.weighting.selection,
            text_lr=0.0 if self.text is None else self.text.lr,
            loss_weights=loss_weights(architecture),
            auxiliary_lr=auxiliary_lr(architecture),
            label=f"{self.address}: {label}",
        )

    def architecture(self, fusion: str) -> Architecture:
        """The shape of this run's models of a fusion."""
        models = self.params.models(self.recipe.dataset)
        return Architecture(
            fusion=fusion,
            sizes=models.fusions[fusion],
            tokens=models.tokens,
            experts=self.params.experts,
            top_k=self.params.top_k,
            missing=self.missing,
            scale_absent=self.recipe.count_absent,
            weight_site=self.site,
            log_space_experts="log_space_experts" in self.switches,
            text=self.text,
            outputs=self.task.outputs,
            interaction=self.recipe.interaction,
            variance=self._label_variance(),
        )

    def _label_variance(self) -> float:
        """That of the scores of train, in whose units experts are compared."""
        if self.recipe.interaction is None or self.task.kind != "regression":
            return 1.0
        train = self.inputs.y.double()[self.rows["train"]]
        return float(train.var(correction=0))

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
        groups, count = self.samples["group"].to_numpy()[train], self.training.folds
        if len(set(groups)) < count:
            tokens = self.params.dataset(self.recipe.dataset).tokens
            what = "any modality" if modality is None else f"modality {modality}"
            raise ValueError(
                f"data/prepared/{self.part}: {len(set(groups))} groups of train have "
                f"{what}, but {paths.preset(self.params.preset)}: {tokens}.training."
                f"folds = {count}; leave the modality out or lower folds"
            )
        folds_of = {seed: group_folds(groups, count, seed) for seed in self.seeds}
        return cross_fitting_members(self.seeds, train, folds_of)


def load_studies(params: Params, cell: str) -> list[Study]:
    """Every run of a cell, and of each every fold where it is cross-validated.

    Raises:
        ValueError: a run asks for what its fusion or its data cannot give.
    """
    runs = params.runs_of(cell)
    for address, recipe in runs.items():
        refuse_impossible(params, address, recipe)
    shared = next(iter(runs.values()))  # rows of a cell have one data set and encoder
    return [
        study
        for part in params.parts(shared.dataset)
        for study in _studies(params, runs, part, _read(params, shared, part))
    ]


def _studies(
    params: Params, runs: Mapping[str, Recipe], part: str, data: Features
) -> Iterator[Study]:
    """Studies of all runs on one part of their data."""
    inputs = tensors(data, chosen_device(params.device, params.precision))
    _, _, fold = part.partition("/")
    for address, recipe in runs.items():
        place = f"{address}/{fold}" if fold else address
        yield study_of(params, place, recipe, part, data, inputs)


def study_of(
    params: Params,
    address: str,
    recipe: Recipe,
    part: str,
    data: Features,
    inputs: Inputs,
) -> Study:
    """A run on data that were read before.

    Raises:
        ValueError: the data do not have what the recipe leaves out or fine-tunes.
    """
    meta = data.meta
    refuse_lacking(params, address, recipe, meta["modalities"])
    inputs = inputs.only(*(n for n in inputs.names if n not in recipe.without))
    protocol = recipe.protocol or params.protocol
    asked = in_force(recipe.switches, protocol, meta["task"])
    chosen, notes = applicable(asked, inputs.names)
    notes += separation_notes(params, recipe)
    split = data.samples["split"].to_numpy()
    some = inputs.present.any(1).cpu().numpy()
    rows = {name: np.flatnonzero((split == name) & some) for name in SPLITS}
    refuse_unlearnable(address, recipe, inputs, rows["train"])
    foreign = None
    if recipe.exchanged:
        inputs, foreign = exchanged(inputs, recipe.exchanged, rows)
    return Study(
        params=params,
        address=address,
        recipe=recipe,
        part=part,
        samples=data.samples,
        inputs=with_noise(inputs, recipe.noise) if recipe.noise else inputs,
        rows=rows,
        meta=meta,
        switches=chosen,
        protocol=protocol,
        notes=notes,
        text=fine_tuning(params, recipe, inputs),
        task=Task(meta["task"], meta["classes"], tuple(recipe.class_weights)),
        exchanged=foreign,
    )


def _read(params: Params, recipe: Recipe, part: str) -> Features:
    is_file = recipe.dataset in params.datasets.of_files
    return read_features(part, params.encoder_of(recipe) if is_file else None)


def applicable(
    chosen: frozenset[str], modalities: tuple[str, ...]
) -> tuple[frozenset[str], tuple[str, ...]]:
    """Switches without those that have no meaning here, and a sentence on each."""
    if "swap_audio_video" not in chosen or {"audio", "video"} <= set(modalities):
        return chosen, ()
    note = "switch swap_audio_video: not applicable, there is no audio and video"
    return chosen - {"swap_audio_video"}, (note,)
