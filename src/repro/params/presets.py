"""One size of the whole study: the blocks of presets/<name>.yaml."""

from collections.abc import Callable
from math import isfinite
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    model_serializer,
    model_validator,
)

from repro.params.strict import (
    Count,
    Few,
    Name,
    NotNegative,
    Positive,
    Rate,
    Seed,
    Share,
    Strict,
    Width,
)

Sizes = Annotated[list[Count], Field(min_length=3, max_length=3)]
Mix = Annotated[list[Positive], Field(min_length=4, max_length=4)]
Hours = Annotated[float, Field(ge=0.01, le=1000, allow_inf_nan=False)]
MOST_UNITS, LARGEST = 16_384, 1e6  # of a size of a fusion: whole, and not


def _bounded(value: Any) -> Any:
    """A size of a fusion that fits into memory; the fusion itself checks the rest."""
    most = MOST_UNITS if isinstance(value, int) else LARGEST
    if isinstance(value, int | float) and not (isfinite(value) and abs(value) <= most):
        raise ValueError(f"a size of a fusion lies between -{most:g} and {most:g}")
    if not isinstance(value, int | float | str):
        raise ValueError("a size of a fusion is a number, a word, true or false")
    return value


Size = Annotated[Any, AfterValidator(_bounded)]


def _worded(value: Any) -> Any:
    """`none` and `all`, where earlier versions wrote false and true."""
    return {False: "none", True: "all"}[value] if isinstance(value, bool) else value


Finetune = Annotated[Literal["none", "all", "last_k"], BeforeValidator(_worded)]


class LastState(Strict):
    """Sizes of tokens from the last state of a sequence, or from its moments."""

    width: Width
    lstm_hidden: Width
    lstm_output: Width
    moments: Width  # equal parts that a fusion over time sees of a sequence


class Query(Strict):
    """Sizes of tokens at common query times."""

    width: Width
    query_times: Width
    heads: Few
    time_embedding: Annotated[Width, Field(ge=2)]
    dropout: Rate
    attention_dropout: Rate  # of the weights of observations in time


class Training(Strict):
    """Optimization settings."""

    epochs: Count
    batch: Count
    lr: Positive
    weight_decay: NotNegative
    clip: Positive
    balance_loss: NotNegative
    patience: Annotated[int, Field(ge=0, le=1_000_000)]
    folds: Annotated[int, Field(ge=2, le=100)]
    evaluation_batch: Count


class LastStateModels(Strict):
    """Models of data sets with one vector or one sequence per modality.

    The sizes of a fusion are checked by the class they are of.
    """

    tokens: LastState
    training: Training
    fusions: dict[Name, dict[Name, Size]]


class QueryModels(Strict):
    """Models of data sets with irregular rows in time."""

    tokens: Query
    training: Training
    fusions: dict[Name, dict[Name, Size]]


class Encoder(Strict):
    """A text encoder and how its hidden states become features.

    `finetune` says how much of it is trained along with a model: `none`, `all`, or the
    upper `last_k` of its `layers` (read for that word alone). The embeddings go with
    the lowest layer, so that `last_k` of 0 is `none` and of `layers` is `all`.
    """

    architecture: Literal["bert", "deberta"]
    weights: str
    hidden: Width
    layers: Few
    heads: Few
    vocabulary: Annotated[Count, Field(ge=50)]
    max_length: Annotated[Width, Field(ge=3)]
    pooling: Literal["mean", "first"]
    batch: Count
    finetune: Finetune
    last_k: Annotated[int, Field(ge=0, le=1024)] | None = None
    lr: Positive
    seed: Seed

    @model_validator(mode="after")
    def _last_layers(self) -> "Encoder":
        if self.finetune != "last_k":
            return self
        if self.last_k is None:
            raise ValueError(
                "finetune = 'last_k' without last_k; write last_k, the number of upper "
                "layers that are trained"
            )
        if self.last_k > self.layers:
            raise ValueError(
                f"last_k = {self.last_k}, but layers = {self.layers}; set last_k to "
                f"{self.layers} or less"
            )
        return self

    @property
    def is_frozen(self) -> bool:
        """Whether no part of it is trained along."""
        return self.finetune == "none" or (self._is_partial and self.last_k == 0)

    @property
    def keeps_lower(self) -> bool:
        """Whether its lower layers are frozen and its upper ones trained."""
        return self._is_partial and 0 < (self.last_k or 0) < self.layers

    @property
    def tuned(self) -> bool | str:
        """What is trained along: nothing, everything, or as in `last 2`."""
        return f"last {self.last_k}" if self.keeps_lower else not self.is_frozen

    @property
    def _is_partial(self) -> bool:
        return self.finetune == "last_k"

    @model_serializer(mode="wrap")
    def _written(self, fields: Callable[["Encoder"], dict[str, Any]]) -> dict[str, Any]:
        """As earlier versions wrote it, wherever they could have."""
        content = fields(self)
        if not self.keeps_lower:
            content.pop("last_k", None)
        if not self.keeps_lower and "finetune" in content:
            content["finetune"] = not self.is_frozen
        return content


class Tree(Strict):
    """Size of the simulated MIMIC-shaped tree."""

    stays: Count
    complete: Share
    short_stays: Annotated[int, Field(ge=0, le=1_000_000)]
    mix: Mix
    complete_mix: Mix
    image: Width
    ecg_hz: Width
    ecg_seconds: Few
    hours_between_vitals: Hours
    hours_between_labs: Hours


class Notes(Strict):
    """How radiology notes become vectors."""

    encoder: Literal["tfidf", "transformer"]
    weights: str
    notes: Few
    dims: Width
    max_length: Annotated[Width, Field(ge=3)]
    pooling: Literal["mean", "first"]


class Images(Strict):
    """How chest X-rays become vectors."""

    encoder: Literal["pixels", "densenet", "vit"]
    weights: str
    size: Width
    dims: Width


class Waveforms(Strict):
    """How electrocardiograms become vectors."""

    encoder: Literal["resnet", "measurements"]
    hz: Width
    seconds: Few
    dims: Width
    epochs: Count


class Icu(Strict):
    """The simulated tree, and the encoders of notes, X-rays and electrocardiograms."""

    tree: Tree
    text: Notes
    cxr: Images
    ecg: Waveforms


class Pictures(Strict):
    """How much of each folder is simulated, and how pictures, texts become vectors."""

    screens: Annotated[Count, Field(ge=100)]
    films: Annotated[Count, Field(ge=200, le=9999)]
    subjects: Annotated[Count, Field(ge=100, le=9999)]
    visits: Annotated[Count, Field(ge=100)]
    encoder: Literal["pixels", "vit"]
    weights: str
    width: Width
    height: Width
    dims: Width


class Preset(Strict):
    """One size of the whole study."""

    simulated: dict[Name, Sizes]
    encoders: dict[Name, Encoder]
    last_state: LastStateModels
    query: QueryModels
    icu: Icu
    pictures: Pictures
