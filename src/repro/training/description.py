"""checkpoint.json of a run: all that its models need to be applied to new rows."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from repro import paths
from repro.data.checksums import sha256
from repro.files import read_json, write_json
from repro.models.architecture import Architecture
from repro.params.datasets import TableMapping
from repro.params.interactions import Interaction
from repro.params.naming import sentence
from repro.params.presets import Encoder, LastState
from repro.params.strict import Count, NotNegative, Strict
from repro.params.study import Weighting
from repro.training.task import Task

FORMAT = 2  # of checkpoint.json and of the files that it names
SCALES, VOCABULARY = "scales.safetensors", "vocabulary.json"
_AGAIN = "run dvc repro to train it again"


class Modality(Strict):
    """What a model was trained on: the kind, the columns and the longest sequence.

    `always` says that no train row was without it.
    """

    name: str
    kind: Literal["text", "sequence", "vector"]
    features: Count
    longest: Count
    always: bool


class Unimodal(Strict):
    """Whose model of one modality the weights of a model are made with."""

    run: str
    sha256: str


class Model(Strict):
    """One checkpoint file; `variant` and `unimodal` are those of a weighted model.

    `refused` tells why its predictions of new rows are not to be had, if they are not.
    """

    sha256: str
    fusion: str
    sizes: dict[str, Any]
    modalities: list[str]
    variant: str = ""
    unimodal: dict[str, Unimodal] = Field(default_factory=dict)
    refused: str = ""


class Description(Strict):
    """Everything of a run that its checkpoint files do not hold themselves.

    `table` names the columns and files that new rows come in, `sha256` the sums of the
    scales and of the vocabulary, `weights_sha256` those of a stored text encoder.
    `guess` is what train says of anyone: its mean label, or the share of each class.
    """

    format: int = FORMAT
    address: str
    dataset: str
    source: str
    simulated: bool
    task: Literal["regression", "classification", "multilabel"]
    classes: list[str]
    seeds: list[int]
    table: TableMapping
    modalities: list[Modality]
    tokens: LastState
    experts: Count
    top_k: Count
    missing: str
    count_absent: bool
    site: str
    log_space_experts: bool
    interaction: Interaction | None
    variance: NotNegative  # of the labels of train, for the losses of such experts
    evaluation_batch: Count
    alpha: NotNegative | None
    scale: str
    weighting: Weighting
    text: Encoder | None
    weights_sha256: dict[str, str]
    sha256: dict[str, str]
    guess: list[float]
    models: dict[str, Model]

    @property
    def of_task(self) -> Task:
        """What its models predict."""
        return Task(self.task, len(self.classes))

    def modality(self, name: str) -> Modality:
        """One modality by name."""
        return next(m for m in self.modalities if m.name == name)

    def architecture(self, model: Model) -> Architecture:
        """The shape of one of its models."""
        return Architecture(
            fusion=model.fusion,
            sizes=model.sizes,
            tokens=self.tokens,
            experts=self.experts,
            top_k=self.top_k,
            missing=self.missing,
            scale_absent=self.count_absent,
            weight_site=self.site,
            log_space_experts=self.log_space_experts,
            outputs=self.of_task.outputs,
            interaction=self.interaction,
            variance=self.variance,
        )

    def write(self) -> None:
        """Write checkpoint.json into the folder of the run."""
        write_json(description_path(self.address), self.model_dump())


def description_path(address: str) -> Path:
    """checkpoint.json of a run."""
    return paths.run(address) / "checkpoint.json"


def checkpoint_path(address: str, method: str) -> Path:
    """Parameters and inference states of one method of a run.

    >>> checkpoint_path("base/mosi", "moe").as_posix()
    'runs/base/mosi/checkpoint-moe.safetensors'
    """
    return paths.run(address) / f"checkpoint-{method}.safetensors"


def read_description(address: str) -> Description:
    """The description of a run.

    Raises:
        ValueError: it is missing, damaged, or of another format.
    """
    path = description_path(address)
    content = read_json(path)
    found = content.get("format")
    if found != FORMAT:
        raise ValueError(
            f"{path}: format {found!r}, this version reads {FORMAT}; use the version "
            f"of this repository that wrote it, or {_AGAIN}"
        )
    try:
        return Description.model_validate(content)
    except ValidationError as error:
        told = sentence(Description, error.errors()[0])
        raise ValueError(f"{path}: {told}; {_AGAIN}") from None


def sum_of(path: Path) -> str:
    """SHA-256 of a file.

    Raises:
        ValueError: there is none.
    """
    if not path.is_file():
        raise ValueError(f"{path}: no such file; {_AGAIN}")
    return sha256(path)


def refuse_other_file(path: Path, expected: str) -> None:
    """Stop at a file that is not the one its run was described with.

    Raises:
        ValueError: it is missing, cut, or of another training.
    """
    if sum_of(path) != expected:
        raise ValueError(
            f"{path}: is cut, or of another training than checkpoint.json; {_AGAIN}"
        )
