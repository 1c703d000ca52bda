"""Training cells: each is a recipe that says what it trains and what it uses."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from repro import paths
from repro.params.interactions import Interaction
from repro.params.naming import sentence
from repro.params.strict import Name, Positive, Share, Strict

Weighting = Literal["averaged_instance", "modality", "instance", "bi_level"]
WEIGHTINGS: tuple[Weighting, ...] = Weighting.__args__  # type: ignore[attr-defined]
# Weights that are given, not made: equal shares of what is present, rows of BTW-local
# exchanged between instances, planted reliability, its posterior, and ones.
Control = Literal["uniform", "shuffled", "oracle", "posterior", "ones"]
CONTROLS: tuple[Control, ...] = Control.__args__  # type: ignore[attr-defined]
PLANTED: tuple[Control, ...] = ("oracle", "posterior")
SHUFFLED: Control = "shuffled"
Site = Literal["embedding", "contribution"]
Scale = Literal["sum_one", "mean_one"]
Missing = Literal["mask", "zero", "embedding"]
MultimodalTrain = Literal["current", "cross_fitted"]
UNIMODAL = "unimodal"
FIRST_WEIGHTS = "first_weights"
STACKED = "stacked"


class Recipe(Strict):
    """What one run trains on which data, and which runs give it the rest.

    `trains` lists `unimodal` (a model per modality), fusions by name (unweighted),
    weightings and controls by name (retraining `fusion` with weights), `first_weights`
    (only computed) and `stacked` (a linear model on the predictions of `unimodal`).
    What weights are made from comes from the recipe itself or from the runs that it
    `uses`. `unimodal` beside a used run means the modalities that run lacks. Epochs are
    those of the preset, `times_epochs`; with 0 models stay as they are drawn.
    """

    dataset: str
    fusion: str = "moe"
    trains: Annotated[list[str], Field(min_length=1)]
    uses: list[str] = Field(default_factory=list)
    encoder: str | None = None
    protocol: Literal["leak_free", "published"] | None = None
    alpha: Share | None = None
    switches: list[str] = Field(default_factory=list)
    site: Site | None = None
    scale: Scale | None = None
    missing: Missing | None = None
    count_absent: bool = False
    multimodal_train: MultimodalTrain | None = None
    without: list[str] = Field(default_factory=list)
    noise: Annotated[int, Field(ge=0, le=100)] = 0
    exchanged: Share = 0.0  # of instances, with another instance's, by modality
    checkpoints: bool = True
    times_epochs: Annotated[int, Field(ge=0, le=1000)] = 1
    interaction: Interaction | None = None  # experts of it of every fusion it builds
    class_weights: list[Positive] = Field(default_factory=list)  # of the training loss

    @model_validator(mode="after")
    def _names_each_once(self) -> "Recipe":
        for field in ("trains", "uses", "without"):
            names = getattr(self, field)
            if len(set(names)) != len(names):
                raise ValueError(f"{field}={names} repeats a name; list each one once")
        if STACKED in self.trains and UNIMODAL not in self.trains:
            raise ValueError(
                f"trains={self.trains}: {STACKED} is made of what {UNIMODAL} predicts; "
                f"add {UNIMODAL}"
            )
        return self

    @model_validator(mode="after")
    def _exchanged_data_are_its_own(self) -> "Recipe":
        if self.exchanged != round(self.exchanged, 2):
            raise ValueError(
                f"exchanged={self.exchanged:g}: rows are named by their percent; write "
                "hundredths"
            )
        if self.exchanged and self.noise:
            raise ValueError(
                f"exchanged={self.exchanged:g} with noise={self.noise}: one of them in "
                "a row, so that it is known which of them did what"
            )
        if self.exchanged and self.uses:
            raise ValueError(
                f"exchanged={self.exchanged:g} with uses={self.uses}: those runs saw "
                "other data; write uses: [] and train all that weights are made from"
            )
        return self

    @model_validator(mode="after")
    def _weights_need_training(self) -> "Recipe":
        odd = [*self.weightings, *self.controls]
        if not self.times_epochs and (odd or self.needs_evidence):
            raise ValueError(
                f"times_epochs=0 with trains={self.trains}: models that are not "
                "trained have no weights; leave them out or train"
            )
        return self

    @property
    def weightings(self) -> list[Weighting]:
        """The weighted models it trains, in the order of the paper's table."""
        return [name for name in WEIGHTINGS if name in self.trains]

    @property
    def controls(self) -> list[Control]:
        """The models with given weights that it trains, in the order of tables."""
        return [name for name in CONTROLS if name in self.trains]

    @property
    def fusions(self) -> list[str]:
        """The unweighted fusions it trains."""
        known = {UNIMODAL, FIRST_WEIGHTS, STACKED, *WEIGHTINGS, *CONTROLS}
        return [name for name in self.trains if name not in known]

    @property
    def built(self) -> list[str]:
        """Every fusion of which it builds a model, weighted, unweighted or unimodal."""
        is_meant = UNIMODAL in self.trains or self.needs_evidence or self.controls
        own = [self.fusion] if is_meant else []
        return list(dict.fromkeys([*own, *self.fusions]))

    @property
    def needs_evidence(self) -> bool:
        """Whether it makes weights, for which it needs predictions."""
        return bool(self.weightings) or bool({FIRST_WEIGHTS, SHUFFLED} & {*self.trains})


class Cell(Recipe):
    """One DVC stage: a recipe, or several that differ in the fields of their row."""

    rows: dict[Name, dict[str, Any]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _rows_are_recipes(self) -> "Cell":
        own = self.model_dump(exclude={"rows"}, exclude_unset=True)
        for name, row in self.rows.items():
            fixed = sorted({"dataset", "encoder", "rows"} & set(row))
            if fixed:
                raise ValueError(
                    f"rows.{name}: {', '.join(fixed)} is the same for all rows of a "
                    "cell; put the row into a cell of its own"
                )
            try:
                Recipe.model_validate({**own, **row})
            except ValidationError as error:
                told = [sentence(Recipe, d, "this block") for d in error.errors()]
                raise ValueError(f"rows.{name}: {'; '.join(told)}") from None
        return self

    def recipes(self, address: str) -> Iterator[tuple[str, Recipe]]:
        """Every run of the cell at `address`, with the address of its own."""
        own = self.model_dump(exclude={"rows"}, exclude_unset=True)
        if not self.rows:
            yield address, Recipe.model_validate(own)
        for name, row in self.rows.items():
            yield f"{address}/{name}", Recipe.model_validate({**own, **row})


def key_of(address: str) -> str:
    """Where the file of its group states a run.

    >>> key_of("base/mosi"), key_of("sweep/mosi/alpha_03")
    ('cells.base.mosi', 'cells.sweep.mosi.rows.alpha_03')
    """
    group, cell, *row = address.split("/")
    return ".".join(["cells", group, cell, *(["rows", *row] if row else [])])


def place_of(address: str) -> str:
    """The file that states a run, and where in it.

    >>> place_of("base/mosi")
    'cells/base.yaml: cells.base.mosi'
    """
    return f"{paths.cells(address.partition('/')[0])}: {key_of(address)}"


Cells = Mapping[str, Mapping[str, Cell]]


def recipes(cells: Cells) -> dict[str, Recipe]:
    """Every run of every cell by its address, in the order of the groups."""
    return {
        address: recipe
        for group, named in cells.items()
        for key, cell in named.items()
        for address, recipe in cell.recipes(f"{group}/{key}")
    }
