"""report.json of a run: what it was made of and how, as one typed record."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from repro import paths
from repro.files import read_text, write_json


class _Record(BaseModel):
    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", allow_inf_nan=False
    )


class Data(_Record):
    """What a run was trained on; `sizes` are samples by split."""

    source: str
    simulated: bool
    task: str
    classes: int
    sizes: dict[str, int]
    dims: dict[str, int]
    modalities: list[str]
    excluded: int = 0
    notes: list[str] = []
    warnings: list[str] = []


def tuning_note(finetune: bool | str) -> str:
    """How far a text encoder was trained along.

    >>> tuning_note(False), tuning_note("last 2")
    ('frozen', 'last 2 layers fine-tuned')
    """
    if isinstance(finetune, str):
        return f"{finetune} layers fine-tuned"
    return "fine-tuned" if finetune else "frozen"


class Setup(_Record):
    """Settings in which the runs of one table have to agree."""

    preset: str
    seeds: list[int]
    experts: int
    top_k: int
    text_encoder: str
    text_weights: str
    finetune: bool | str  # or which layers, as "last 2"
    tokens: dict[str, Any]
    training: dict[str, Any]
    weighting: dict[str, Any]


class Method(_Record):
    """One method of a run.

    `fusion` is empty for a predictor without a network; `settings` are then its own,
    else the sizes of the fusion. `epochs` are the kept ones, of each seed, `trends` how
    the validation loss moved at the end (`repro.metrics.convergence`), and `trained` is
    False for predictions that a used run has made. Of a cross-validated
    run `mean_over_folds` has the means of `OF_A_FOLD`.
    """

    fusion: str = ""
    trained: bool = False
    settings: dict[str, Any] = {}
    modalities: list[str] = []
    epochs: list[int] = []
    trends: list[float] = []
    parameters: int = 0
    error: dict[str, list[float]] = {}
    weight_shift: dict[str, dict[str, float]] = {}
    mean_over_folds: dict[str, Any] = {}


class Report(_Record):
    """Everything that says what a run is.

    `setup` is None for predictors without a network, which have no settings that other
    runs could differ in. `alpha` is None where nothing is weighted. `left_out` tells
    for each method that could not be trained why not. `folds` is 0 without
    cross-validation. `interaction` are the settings of interaction experts, if any.
    """

    address: str
    dataset: str
    methods: dict[str, Method]
    data: Data
    setup: Setup | None = None
    fusion: str = ""
    uses: list[str] = []
    protocol: str = "leak_free"
    switches: list[str] = []
    site: str = ""
    scale: str = ""
    alpha: float | None = None
    missing: str = "mask"
    count_absent: bool = False
    without: list[str] = []
    class_weights: list[float] = []
    noise: int = 0
    exchanged: float = 0.0
    device: str = "cpu"
    precision: str = "float32"
    left_out: dict[str, str] = {}
    folds: int = 0
    interaction: dict[str, Any] | None = None

    @property
    def path(self) -> Path:
        """Where it lies."""
        return report_path(self.address)

    def write(self) -> None:
        """Write report.json into the folder of the run."""
        # What a run does not have, it has no line for.
        without = {"interaction"} if self.interaction is None else set()
        rare = ("class_weights", "noise", "exchanged")
        without |= {name for name in rare if not getattr(self, name)}
        write_json(self.path, self.model_dump(exclude=without))


def report_path(address: str) -> Path:
    """report.json of a run or of one fold of it."""
    return paths.run(address) / "report.json"


def read_report(address: str) -> Report:
    """The report of a run or of one fold of it.

    Raises:
        ValueError: it is missing, damaged, or of another version of this repository.
    """
    path = report_path(address)
    try:
        return Report.model_validate_json(read_text(path))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "file"
        raise ValueError(
            f"{path}: {field}: {first['msg']}; the run is damaged or was written by "
            "another version of this repository; run dvc repro to make it again"
        ) from None
