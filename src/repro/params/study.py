"""A typed, frozen view of params.yaml and its preset, whose parts must agree."""

from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from repro import paths
from repro.params.cells import (
    CONTROLS,
    FIRST_WEIGHTS,
    PLANTED,
    STACKED,
    UNIMODAL,
    WEIGHTINGS,
    Cell,
    Missing,
    MultimodalTrain,
    Recipe,
    Scale,
    Site,
    key_of,
    recipes,
)
from repro.params.datasets import (
    ClinicalSource,
    Cohort,
    Datasets,
    FileSet,
    IcuSimulation,
    Simulation,
)
from repro.params.naming import unknown
from repro.params.presets import LastStateModels, Preset, QueryModels
from repro.params.strict import Count, Few, Name, Seed, Share, Shown, Strict
from repro.params.switches import in_force

OPTIONAL = ("ecg", "text", "cxr")  # modalities of stays that can be left out


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
    """All of params.yaml; `active` is the preset in force, from its own file."""

    alpha: Share
    experts: Few
    top_k: Few
    seeds: Annotated[list[Seed], Field(min_length=1, max_length=1000)]
    preset: str
    encoder: str
    protocol: Literal["leak_free", "published"]
    device: Literal["auto", "cpu", "cuda"]
    precision: Literal["float32", "tf32", "bfloat16"]
    names: dict[Name, Shown]
    datasets: Datasets
    clinical: ClinicalSource
    simulation: Simulation
    icu_simulation: IcuSimulation
    weighting: Weighting
    statistics: Statistics
    cells: dict[Name, dict[Name, Cell]]
    active: Preset

    @model_validator(mode="after")
    def _agrees(self) -> "Params":
        if self.top_k > self.experts:
            raise ValueError(
                f"top_k={self.top_k} is more than experts={self.experts}; "
                "lower top_k or raise experts"
            )
        if len(set(self.seeds)) != len(self.seeds):
            raise ValueError(f"seeds={self.seeds} repeats a seed; list each one once")
        self._check_shown()
        self._check_encoder("encoder", self.encoder)
        for address, recipe in self.recipes.items():
            self._check_recipe(address, recipe)
        return self

    def _check_shown(self) -> None:
        """Every method of the tables has a name, and no two have the same."""
        trained = {name for recipe in self.recipes.values() for name in recipe.trains}
        for name in ("moe", "fusemoe", UNIMODAL, *WEIGHTINGS):
            if name in trained and name not in self.names:
                raise ValueError(f"names: has none for {name}; add a line for it")
        owners: dict[str, str] = {}
        for method, name in self.names.items():
            other = owners.setdefault(name.casefold(), method)
            if other != method:
                raise ValueError(
                    f"names.{method} = {name!r} is also the name of {other}; give each "
                    "method its own"
                )

    @cached_property
    def recipes(self) -> dict[str, Recipe]:
        """Every run by its address, in the order of params.yaml."""
        return recipes(self.cells)

    def _check_encoder(self, where: str, name: str) -> None:
        if name not in self.active.encoders:
            known = self.active.encoders
            raise ValueError(f"{where}: {unknown('text encoder', name, known)}")

    def _check_recipe(self, address: str, recipe: Recipe) -> None:
        where, known = key_of(address), self.datasets.every()
        if recipe.dataset not in known:
            raise ValueError(
                f"{where}.dataset: {unknown('data set', recipe.dataset, known)}"
            )
        self._check_encoder(f"{where}.encoder", self.encoder_of(recipe))
        if recipe.encoder and recipe.dataset in self.datasets.stays:
            raise ValueError(
                f"{where}.encoder = {recipe.encoder!r}: the notes of stays take the "
                "encoder of the preset (icu.text); drop the key"
            )
        trained = known[recipe.dataset]
        try:
            in_force(recipe.switches, task=trained.task)
        except ValueError as error:
            raise ValueError(f"{where}.switches: {error}") from error
        self._check_names(where, recipe)
        for used in recipe.uses:
            self._check_use(address, where, recipe, used)
        if recipe.needs_evidence:
            self._check_evidence(where, recipe)
        if address.startswith("own/"):
            self._check_own(where, recipe)
        odd = sorted(set(recipe.without) - set(OPTIONAL))
        if recipe.dataset in self.datasets.stays and odd:
            reason = unknown("modality that can be left out", odd[0], OPTIONAL)
            raise ValueError(f"{where}.without: {reason}")

    def _check_names(self, where: str, recipe: Recipe) -> None:
        """Fusions that have sizes, and what else can be trained."""
        block = self.models(recipe.dataset).fusions
        place = f"{self.dataset(recipe.dataset).tokens}.fusions of the preset"
        every = [*block, UNIMODAL, FIRST_WEIGHTS, STACKED, *WEIGHTINGS, *CONTROLS]
        for name in recipe.trains:
            if name not in every:
                what = f"method, or fusion with sizes in {place}:"
                raise ValueError(f"{where}.trains: {unknown(what, name, every)}")
        is_meant = "fusion" in recipe.model_fields_set or recipe.fusion in recipe.built
        if is_meant and recipe.fusion not in block:
            what = f"fusion with sizes in {place}"
            raise ValueError(f"{where}.fusion: {unknown(what, recipe.fusion, block)}")

    def _check_own(self, where: str, recipe: Recipe) -> None:
        """What the stages of one's own cells are written for."""
        if "fusion" not in recipe.model_fields_set:
            raise ValueError(f"{where}: name its `fusion`")
        odd = sorted({"encoder", "uses", "rows"} & recipe.model_fields_set)
        if odd or recipe.dataset not in self.datasets.files:
            what = ", ".join(odd) or f"dataset {recipe.dataset}"
            raise ValueError(
                f"{where}: {what}: no meaning in the group own, whose cells train all "
                "on a data set of files with the encoder at the top"
            )
        planted = [name for name in recipe.controls if name in PLANTED]
        if planted:
            raise ValueError(
                f"{where}.trains: {planted[0]} needs a planted truth, which data of "
                "one's own do not have; leave it out"
            )

    def _check_use(self, address: str, where: str, recipe: Recipe, used: str) -> None:
        if used not in self.recipes:
            raise ValueError(f"{where}.uses: {unknown('run', used, self.recipes)}")
        own_cell, other = address.split("/")[:2], self.recipes[used]
        if used.split("/")[:2] == own_cell:
            raise ValueError(f"{where}.uses: {used} is of this cell; use another one")
        back = [run for run in other.uses if run.split("/")[:2] == own_cell]
        if back:
            raise ValueError(f"{where}.uses: {used} itself uses {back[0]}; drop one")
        facts = {
            "data set": (recipe.dataset, other.dataset),
            "encoder": (self.encoder_of(recipe), self.encoder_of(other)),
        }
        for what, (own, theirs) in facts.items():
            if own != theirs:
                raise ValueError(
                    f"{where}.uses: {used} is of {what} {theirs}, this recipe of "
                    f"{own}; use a run of {own}"
                )

    def _check_evidence(self, where: str, recipe: Recipe) -> None:
        given = [recipe, *(self.recipes[used] for used in recipe.uses)]
        trained = {name for one in given for name in one.trains}
        for wanted in (UNIMODAL, recipe.fusion):
            if wanted not in trained:
                raise ValueError(
                    f"{where}: weights are made from {wanted}, which neither `trains` "
                    f"nor a run that it `uses` has; add {wanted} to trains, or a run "
                    "that trains it to uses"
                )

    def recipe(self, address: str) -> Recipe:
        """One run.

        Raises:
            ValueError: there is none of that address; names the nearest.
        """
        if address not in self.recipes:
            raise ValueError(f"params.yaml: {unknown('run', address, self.recipes)}")
        return self.recipes[address]

    def runs_of(self, cell: str) -> dict[str, Recipe]:
        """The runs of a cell, by address.

        Raises:
            ValueError: there is no such group or no such cell in it; names the nearest.
        """
        group, _, key = cell.partition("/")
        if group not in self.cells:
            raise ValueError(
                f"params.yaml: cells: {unknown('group', group, self.cells)}"
            )
        if key not in self.cells[group]:
            known = self.cells[group]
            raise ValueError(
                f"params.yaml: cells.{group}: {unknown('cell', key, known)}"
            )
        return dict(self.cells[group][key].recipes(cell))

    def dataset(self, name: str) -> FileSet | Cohort:
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
