"""What params.yaml says of data sets: facts, where each comes from, simulators."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from repro import paths
from repro.params.strict import (
    Few,
    Name,
    NotNegative,
    Positive,
    Range,
    Seed,
    Share,
    Shown,
    Strict,
    Width,
)
from repro.params.visits import VisitRules
from repro.params.written import written_draw, written_interactions


class Facts(Strict):
    """What every table, figure and model wants to know of a data set.

    `classes` are the titles of the classes in order; a regression has none. `groups`
    is the noun of what is never divided between splits. `tokens` are those its models
    see, and the block of the preset with their sizes.
    """

    title: Shown
    task: Literal["regression", "classification", "multilabel"]
    classes: list[Shown] = Field(default_factory=list)
    groups: Shown
    tokens: Literal["last_state", "query"]

    @model_validator(mode="after")
    def _classes_fit_the_task(self) -> "Facts":
        if len(set(self.classes)) < len(self.classes):
            raise ValueError(f"classes={self.classes}: give each a title of its own")
        if (self.task == "regression") != (len(self.classes) < 2):
            raise ValueError(
                f"task={self.task!r} with {len(self.classes)} classes; list the titles "
                "of two or more classes for a classification, none for a regression"
            )
        return self


class TableMapping(Strict):
    """Names of the files and columns of a user's own data set."""

    samples: str
    id: str
    group: str
    split: str
    label: str
    text: str = "none"
    arrays: dict[str, str]


class FileSet(Facts):
    """A data set that is read from one file or folder of features."""

    task: Literal["regression", "classification"]
    source: Literal["simulated", "mmsa", "mult", "mag", "table"]
    path: str
    labels: str = "none"
    shared_groups: Literal["refuse", "report"] = "refuse"
    keep: str = "all"
    table: TableMapping | None = None


class Cohort(Facts):
    """A data set of the eligible stays of the clinical source."""

    complete: bool


class FolderSet(Facts):
    """A data set of a folder, read from one folder in its public layout.

    Of ADNI alone: `visit` says which one fields and diagnosis are of, and SNPs whose
    correlation with one before them is above `linkage` (r squared) are left out.
    """

    layout: Literal["enrico", "mmimdb", "mmimdb_files", "adni", "mimiciv_mortality"]
    source: Literal["simulated", "own"]
    path: str
    split: Literal["grouped", "published"]
    visit: Literal["baseline", "published"] = "baseline"
    linkage: Share = 1.0
    visits: VisitRules | None = None  # of mimiciv_mortality alone

    @model_validator(mode="after")
    def _layout_fits(self) -> "FolderSet":
        task, split = {
            "enrico": ("classification", self.split),
            "mmimdb": ("multilabel", "published"),
            "mmimdb_files": ("multilabel", "published"),
            "adni": ("classification", "grouped"),
            "mimiciv_mortality": ("classification", "grouped"),
        }[self.layout]
        if (self.task, self.split) != (task, split):
            raise ValueError(
                f"layout={self.layout!r} with task={self.task!r} and "
                f"split={self.split!r}; it needs task: {task} and split: {split}"
            )
        own = sorted({"visit", "linkage"} & self.model_fields_set)
        if own and self.layout != "adni":
            raise ValueError(
                f"layout={self.layout!r} with {' and '.join(own)}, which are of adni "
                "alone; leave them out"
            )
        if (self.layout == "mimiciv_mortality") != (self.visits is not None):
            raise ValueError(
                f"layout={self.layout!r}: the block `visits` belongs to layout: "
                "mimiciv_mortality, which needs it, and to no other"
            )
        return self


class Datasets(Strict):
    """All data sets by how they are made."""

    files: dict[Name, FileSet]
    fresh: dict[Name, FileSet] = Field(default_factory=dict)
    planted: dict[Name, FileSet] = Field(default_factory=dict)
    folders: dict[Name, FolderSet] = Field(default_factory=dict)
    stays: dict[Name, Cohort]

    @model_validator(mode="before")
    @classmethod
    def _simulators_are_followed(cls, content: Any) -> Any:
        """What simulators of this repository write is not told again set by set."""
        if not isinstance(content, dict):
            return content
        made = {"fresh": written_draw, "planted": written_interactions}
        filled = {
            kind: {
                name: fill(str(name), told) if isinstance(told, dict) else told
                for name, told in content[kind].items()
            }
            for kind, fill in made.items()
            if isinstance(content.get(kind), dict)
        }
        return {**content, **filled}

    @model_validator(mode="after")
    def _names_are_one_each(self) -> "Datasets":
        names = [
            *self.files,
            *self.fresh,
            *self.planted,
            *self.folders,
            *self.stays,
        ]
        both = sorted({name for name in names if names.count(name) > 1})
        if both:
            what = "in more than one of files, fresh, planted, folders and stays"
            raise ValueError(f"{', '.join(both)}: {what}; rename one")
        return self

    @property
    def of_files(self) -> dict[str, FileSet]:
        """Those that are read from files, what simulators draw included."""
        return {**self.files, **self.fresh, **self.planted}

    def every(self) -> dict[str, FileSet | FolderSet | Cohort]:
        """All of them by name."""
        return {**self.of_files, **self.folders, **self.stays}


class SimulatedSet(Strict):
    """One simulated set: the widths of its series and the kind of its noise.

    `unreliable_sd` is how wide an unreliable modality draws its latents; at 1 it
    cannot be told from a reliable one by its own looks. Sets of the same `draw` share
    latents, reliability and label noise; without one the name makes the draw.
    """

    audio: Width
    video: Width
    unreliable_sd: Positive
    draw: Few | None = None


class Simulation(Strict):
    """What the simulator plants; strengths are standard deviations."""

    sets: dict[Name, SimulatedSet]
    draws: dict[Name, SimulatedSet] = Field(default_factory=dict)
    seed: Seed
    unique: Annotated[list[NotNegative], Field(min_length=3, max_length=3)]
    shared: NotNegative
    synergy: NotNegative
    label_noise: NotNegative
    label_sd: Positive
    unreliable: Annotated[list[Share], Field(min_length=3, max_length=3)]
    latent_noise: NotNegative
    frame_noise: NotNegative
    words: Range
    frames: Range
    zero_length: Share

    @property
    def every(self) -> dict[str, SimulatedSet]:
        """Sets and fresh draws by name."""
        return {**self.sets, **self.draws}


class ScreenSimulation(Strict):
    """What the simulator of screens plants; shares in the order screenshot, wireframe.

    `unreliable` is the share of screens whose picture shows another topic, `misread`
    that of levels that a picture shows one too high or too low, `damaged` that of
    picture files that are cut short.
    """

    seed: Seed
    unreliable: Annotated[list[Share], Field(min_length=2, max_length=2)]
    misread: Annotated[list[Share], Field(min_length=2, max_length=2)]
    damaged: Share


class FilmSimulation(Strict):
    """What the simulator of films plants: strengths of latents in the score of a genre.

    `unique` and `noise`, the sd of what is added to a vector, in the order text, image.
    """

    seed: Seed
    shared: NotNegative
    unique: Annotated[list[NotNegative], Field(min_length=2, max_length=2)]
    label_noise: NotNegative
    noise: Annotated[list[NotNegative], Field(min_length=2, max_length=2)]


class IcuSimulation(Strict):
    """What the simulators of four modalities plant: a MIMIC-shaped tree, and ADNI."""

    seed: Seed
    unique: Annotated[list[NotNegative], Field(min_length=4, max_length=4)]
    shared: NotNegative
    synergy: NotNegative
    label_noise: NotNegative
    unreliable: Annotated[list[Share], Field(min_length=4, max_length=4)]
    unreliable_sd: Positive
    latent_noise: NotNegative


class ClinicalSource(Strict):
    """Where MIMIC-IV lies and which rules the cohort and its values follow."""

    source: Literal["simulated", "mimiciv"]
    path: str
    note: str = "none"
    cxr: str = "none"
    ecg: str = "none"
    watch: list[Literal["cxr", "ecg"]]
    variables: Literal["corrected", "published"]
    time_policy: Literal["strict", "charttime"]
    deaths: Literal["keep", "exclude"]
    labs_without_admission: Literal["keep", "drop"]
    min_los_days: NotNegative
    views: list[str]
    split: Literal["patient", "published"]
    split_seed: Seed
    evaluation: Literal["holdout", "grouped_cv"]
    folds: Annotated[int, Field(ge=3, le=100)]
    divide_series: bool
    small_cells: Literal["suppress", "show"]

    @model_validator(mode="after")
    def _roots_are_of_the_source(self) -> "ClinicalSource":
        tree = paths.simulated_icu().parent
        for name in ("path", "note", "cxr", "ecg"):
            root = getattr(self, name)
            if root == "none":
                continue
            is_simulated = Path(root).resolve().is_relative_to(tree.resolve())
            if is_simulated and self.source == "mimiciv":
                raise ValueError(
                    f"{name}={root!r} lies under {tree}, but source is 'mimiciv'; give "
                    "the folder of the real files or set source: simulated"
                )
            if not is_simulated and self.source == "simulated":
                raise ValueError(
                    f"{name}={root!r} does not lie under {tree}, but source is "
                    "'simulated'; set source: mimiciv or give the simulated folder"
                )
        return self
