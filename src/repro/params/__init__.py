"""A typed, frozen view of params.yaml; unknown keys and bad values stop here."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML, YAMLError

from repro import paths
from repro.params.clinical import (
    ClinicalPreset,
    ClinicalSource,
    Cohort,
    IcuSimulation,
    Training,
)
from repro.params.fusions import Fusion, Fusions, group_refusal, refusal
from repro.params.strict import Count, NotNegative, Positive, Rate, Share, Strict
from repro.params.switching import for_classification, switches

Method = Literal["moe", "instance", "averaged_instance", "modality", "bi_level"]
Control = Literal["none", "ones", "uniform", "shuffled"]
OPTIONAL_MODALITIES = ("ecg", "text", "cxr")
# Groups whose cells train weighted models beside others (see repro.stages.train).
WEIGHTED_GROUPS = frozenset(
    {
        *("attribution", "noise", "other_fusions", "deberta_btw"),
        *("icu_btw", "icu_missing", "icu_without"),
    }
)


class TableMapping(Strict):
    """Names of the files and columns of a user's own data set."""

    samples: str
    id: str
    group: str
    split: str
    label: str
    text: str = "none"
    arrays: dict[str, str]


class Source(Strict):
    """Where one data set comes from."""

    source: Literal["simulated", "mmsa", "mult", "mag", "table"]
    path: str
    labels: str = "none"
    shared_groups: Literal["refuse", "report"] = "refuse"
    keep: str = "all"
    table: TableMapping


class Simulation(Strict):
    """What the simulator plants; strengths are standard deviations."""

    seed: int
    unique: list[NotNegative]
    shared: NotNegative
    synergy: NotNegative
    label_noise: NotNegative
    label_sd: Positive
    unreliable: list[Share]
    latent_noise: NotNegative
    frame_noise: NotNegative
    words: list[Count]
    frames: list[Count]
    zero_length: Share


class Weighting(Strict):
    """How modality weights are made and applied."""

    scale: Literal["mean_one", "sum_one"]
    alpha_step: Share
    neighbors: Count
    random_state: int
    site: Literal["contribution", "embedding"]
    missing: Literal["mask", "zero", "embedding"]
    multimodal_train: Literal["current", "cross_fitted"]
    unimodal_variance: Literal["pooled", "conditional"]
    multimodal_variance: Literal["valid", "train"]
    selection: Literal["best_valid", "last"]


class Statistics(Strict):
    """The paired bootstrap."""

    resamples: Count
    confidence: Share
    seed: int


class Encoder(Strict):
    """A text encoder and how its hidden states become features."""

    architecture: Literal["bert", "deberta"]
    weights: str
    hidden: Count
    layers: Count
    heads: Count
    vocabulary: Annotated[int, Field(ge=50)]
    max_length: Annotated[int, Field(ge=3)]
    pooling: Literal["mean", "first"]
    batch: Count
    finetune: bool
    lr: Positive
    seed: int


class Model(Strict):
    """Sizes of the mixture-of-experts model."""

    width: Count
    expert_hidden: Count
    feed_forward: Count
    layers: Count
    lstm_hidden: Count
    lstm_output: Count
    router: Literal["per_modality", "joint", "disjoint"]
    gate: Literal["laplace", "softmax", "gaussian"]
    expert_dropout: Rate
    head_dropout: Rate


class Preset(Strict):
    """One size of the whole study."""

    sizes: dict[str, Annotated[list[Count], Field(min_length=3, max_length=3)]]
    encoders: dict[str, Encoder]
    model: Model
    fusions: Fusions
    training: Training
    clinical: ClinicalPreset


class Cell(Strict):
    """One training cell: data set, encoder, method, options."""

    dataset: str
    encoder: str | None = None
    fusion: Fusion = "moe"
    method: Method = "moe"
    without: list[str] = Field(default_factory=list)
    missing: Literal["mask", "zero", "embedding"] | None = None
    count_absent: bool = False
    alpha: Share | None = None
    switches: list[str] = Field(default_factory=list)
    control: Control = "none"
    multimodal_train: Literal["current", "cross_fitted"] | None = None
    noise: Annotated[int, Field(ge=0)] = 0


class Params(Strict):
    """All of params.yaml."""

    alpha: Share
    experts: Count
    top_k: Count
    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]
    preset: str
    encoder: str
    protocol: Literal["leak_free", "published"]
    device: Literal["auto", "cpu", "cuda"]
    precision: Literal["float32", "tf32", "bfloat16"]
    names: dict[str, str]
    datasets: dict[str, Source]
    clinical: ClinicalSource
    cohorts: dict[str, Cohort]
    simulation: Simulation
    icu_simulation: IcuSimulation
    weighting: Weighting
    statistics: Statistics
    presets: dict[str, Preset]
    cells: dict[str, dict[str, Cell]]

    @model_validator(mode="after")
    def _agrees(self) -> "Params":
        if self.top_k > self.experts:
            raise ValueError(
                f"top_k={self.top_k} is more than experts={self.experts}; "
                "lower top_k or raise experts"
            )
        if len(set(self.seeds)) != len(self.seeds):
            raise ValueError(f"seeds={self.seeds} repeats a seed; list each one once")
        if self.preset not in self.presets:
            raise ValueError(
                f"preset={self.preset!r} is unknown; choose one of "
                f"{sorted(self.presets)}"
            )
        if self.encoder not in self.active.encoders:
            raise ValueError(
                f"encoder={self.encoder!r} is not in presets.{self.preset}.encoders "
                f"{sorted(self.active.encoders)}"
            )
        for group, cells in self.cells.items():
            for name, cell in cells.items():
                self._check_cell(f"cells.{group}.{name}", cell)
                self._check_fusion(f"cells.{group}.{name}", cell, group)
        return self

    def _check_cell(self, where: str, cell: Cell) -> None:
        known = [*self.datasets, *self.cohorts]
        if cell.dataset not in known:
            raise ValueError(
                f"{where}.dataset={cell.dataset!r} is not in datasets or cohorts "
                f"{sorted(known)}"
            )
        if self.encoder_of(cell) not in self.active.encoders:
            raise ValueError(
                f"{where}.encoder={cell.encoder!r} is not in presets."
                f"{self.preset}.encoders {sorted(self.active.encoders)}"
            )
        odd = sorted(set(cell.without) - set(OPTIONAL_MODALITIES))
        if odd:
            raise ValueError(
                f"{where}.without={odd}: only {', '.join(OPTIONAL_MODALITIES)} can be "
                "left out"
            )
        try:
            in_force = for_classification if self.is_clinical(cell) else switches
            in_force(cell.switches)
        except ValueError as error:
            raise ValueError(f"{where}.switches: {error}") from error

    def _check_fusion(self, where: str, cell: Cell, group: str) -> None:
        reason = refusal(
            cell.fusion,
            "clinical" if self.is_clinical(cell) else "sentiment",
            weighted=cell.method != "moe" or group in WEIGHTED_GROUPS,
            missing=cell.missing or self.weighting.missing,
        )
        reason = reason and f"fusion {cell.fusion} {reason}"
        given = {name: getattr(cell, name) for name in cell.model_fields_set}
        reason = reason or group_refusal(group, given)
        if reason:
            raise ValueError(f"{where}: {reason}")

    def encoder_of(self, cell: Cell) -> str:
        """The text encoder of a cell: its own or the top-level one."""
        return cell.encoder or self.encoder

    def is_clinical(self, cell: Cell) -> bool:
        """Whether a cell is of a cohort of the clinical data."""
        return cell.dataset in self.cohorts

    def parts(self, dataset: str) -> list[str]:
        """The data set itself, or every fold of a cross-validated cohort."""
        if dataset in self.cohorts and self.clinical.evaluation == "grouped_cv":
            return [paths.part(dataset, k) for k in range(self.clinical.folds)]
        return [dataset]

    @property
    def active(self) -> Preset:
        """The preset in force."""
        return self.presets[self.preset]

    def cell(self, group: str, name: str) -> Cell:
        """One cell, with a clear error for an unknown name."""
        try:
            return self.cells[group][name]
        except KeyError:
            raise ValueError(
                f"params.yaml: there is no cell cells.{group}.{name}"
            ) from None


def load(path: Path = paths.PARAMS) -> Params:
    """Read and check params.yaml with DVC's own parser.

    Raises:
        ValueError: the file is missing, or a field is unknown, has the wrong type
            or is out of range; the message names file, field, value and bound.
    """
    if not path.is_file():
        raise ValueError(f"{path}: no such file; run from the repository root")
    try:
        content = YAML(typ="safe").load(path)
    except YAMLError as error:
        raise ValueError(f"{path}: not readable as YAML: {error}") from error
    try:
        return Params.model_validate(content)
    except ValidationError as error:
        lines = [_sentence(path, detail) for detail in error.errors()]
        raise ValueError("\n".join(lines)) from None


def _sentence(path: Path, detail: ErrorDetails) -> str:
    where = ".".join(str(part) for part in detail["loc"]) or "file"
    shown = "" if isinstance(detail["input"], dict) else f" = {detail['input']!r}"
    return f"{path}: {where}{shown}: {detail['msg']}; correct it in {path}"
