"""A typed, frozen view of params.yaml, its preset and the cells."""

from collections.abc import Collection
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from repro import paths
from repro.params.cells import (
    Cell,
    Missing,
    MultimodalTrain,
    Recipe,
    Scale,
    Site,
    recipes,
)
from repro.params.datasets import (
    ClinicalSource,
    Cohort,
    Datasets,
    FileSet,
    FilmSimulation,
    FolderSet,
    IcuSimulation,
    ScreenSimulation,
    Simulation,
)
from repro.params.mechanisms import InteractionSimulation
from repro.params.naming import unknown
from repro.params.presets import LastStateModels, Preset, QueryModels
from repro.params.strict import Count, Few, Name, Seed, Share, Shown, Strict
from repro.params.visits import VisitSimulation


class Weighting(Strict):
    """How modality weights are made and applied."""

    scale: Scale
    alpha_step: Share
    neighbors: Few
    random_state: Seed
    site: Site
    missing: Missing
    multimodal_train: MultimodalTrain
    unimodal_variance: Literal["pooled", "conditional"]
    multimodal_variance: Literal["valid", "train"]
    selection: Literal["best_valid", "last"]


class Statistics(Strict):
    """The paired bootstrap over seeds and groups."""

    resamples: Count
    auroc_resamples: Count
    confidence: Share
    seed: Seed


class Params(Strict):
    """All settings; `cells` and `active`, the preset, are of files of their own."""

    alpha: Share
    experts: Few
    top_k: Few
    seeds: Annotated[list[Seed], Field(min_length=1, max_length=1000)]
    preset: str
    encoder: str
    protocol: Literal["leak_free", "published"]
    device: Literal["auto", "cpu", "cuda"]
    precision: Literal["float32", "tf32", "bfloat16"]
    explained_row: Shown
    names: dict[Name, Shown]
    datasets: Datasets
    clinical: ClinicalSource
    simulation: Simulation
    icu_simulation: IcuSimulation
    screen_simulation: ScreenSimulation
    film_simulation: FilmSimulation
    adni_simulation: IcuSimulation
    visit_simulation: VisitSimulation
    interaction_simulation: InteractionSimulation
    weighting: Weighting
    statistics: Statistics
    cells: dict[Name, dict[Name, Cell]]
    active: Preset

    @cached_property
    def recipes(self) -> dict[str, Recipe]:
        """Every run by its address, in the order of the groups."""
        return recipes(self.cells)

    def only(self, runs: Collection[str]) -> "Params":
        """The same study with these runs alone, by address."""
        kept: dict[str, dict[str, Cell]] = {}
        for group, own in self.cells.items():
            kept[group] = {}
            for key, cell in own.items():
                place = f"{group}/{key}"
                rows = {r: c for r, c in cell.rows.items() if f"{place}/{r}" in runs}
                if rows or place in runs:
                    kept[group][key] = cell.model_copy(update={"rows": rows})
        found = self.model_copy(update={"cells": kept})
        found.__dict__.pop("recipes", None)  # a copy keeps what was computed before
        return found

    def recipe(self, address: str) -> Recipe:
        """One run.

        Raises:
            ValueError: there is none of that address; names the nearest.
        """
        if address not in self.recipes:
            raise ValueError(f"cells: {self.no_run(address)}")
        return self.recipes[address]

    def no_run(self, address: str) -> str:
        """Why there is no run of an address; names the nearest."""
        group = address.partition("/")[0]
        if group not in self.cells:
            told = unknown("group", group, self.cells)
            return f"{told}; there is no {paths.cells(group)}"
        known = [own for own in self.recipes if own.startswith(f"{group}/")]
        return unknown("run", address, known)

    def runs_of(self, cell: str) -> dict[str, Recipe]:
        """The runs of a cell, by address.

        Raises:
            ValueError: there is no such group or no such cell in it; names the nearest.
        """
        group, _, key = cell.partition("/")
        if group not in self.cells:
            raise ValueError(f"cells: {self.no_run(cell)}")
        if key not in self.cells[group]:
            known = self.cells[group]
            raise ValueError(f"{paths.cells(group)}: {unknown('cell', key, known)}")
        return dict(self.cells[group][key].recipes(cell))

    def dataset(self, name: str) -> FileSet | FolderSet | Cohort:
        """Facts of a data set, or of the one that a part belongs to.

        Raises:
            ValueError: it is unknown; names the nearest.
        """
        known, whole = self.datasets.every(), paths.whole(name)
        if whole not in known:
            raise ValueError(
                f"params.yaml: datasets: {unknown('data set', name, known)}"
            )
        return known[whole]

    def models(self, dataset: str) -> LastStateModels | QueryModels:
        """The block of the preset with the models of a data set."""
        block = getattr(self.active, self.dataset(dataset).tokens)
        assert isinstance(block, LastStateModels | QueryModels)  # for the type checker
        return block

    def encoder_of(self, recipe: Recipe) -> str:
        """The text encoder of a run: its own or the top-level one."""
        return recipe.encoder or self.encoder

    def alpha_of(self, recipe: Recipe) -> float:
        """The smoothing factor of a run: its own or the top-level one."""
        return self.alpha if recipe.alpha is None else recipe.alpha

    def site_of(self, recipe: Recipe) -> Site:
        """Where the weights of a run act: its own site or the common one."""
        return recipe.site or self.weighting.site

    def scale_of(self, recipe: Recipe) -> Scale:
        """The scale of the weights of a run: its own or the common one."""
        return recipe.scale or self.weighting.scale

    def missing_of(self, recipe: Recipe) -> Missing:
        """What stands in for an absent modality in a run: its own or the common one."""
        return recipe.missing or self.weighting.missing

    def plants(self, dataset: str) -> bool:
        """Whether this study's simulator makes a data set, so that its truth is known.

        Simulated files from elsewhere have a truth, too, but not this one.
        """
        whole = paths.whole(dataset)
        if whole in self.datasets.stays:
            return self.clinical.source == "simulated"
        known = self.datasets.of_files.get(whole)
        if known is None or known.source != "simulated":
            return False
        return Path(known.path) == paths.simulated_pickle(whole)

    def plants_interactions(self, dataset: str) -> bool:
        """Whether it is known which interaction each row of a data set needs."""
        return paths.whole(dataset) in self.datasets.planted

    def parts(self, dataset: str) -> list[str]:
        """The data set itself, or every fold of a cross-validated cohort."""
        folds = self.folds(dataset)
        return [paths.part(dataset, k) for k in range(folds)] if folds else [dataset]

    def folds(self, dataset: str) -> int:
        """Folds of the evaluation of a data set; 0 where a split is held out."""
        is_crossed = self.clinical.evaluation == "grouped_cv"
        return (
            self.clinical.folds if dataset in self.datasets.stays and is_crossed else 0
        )
