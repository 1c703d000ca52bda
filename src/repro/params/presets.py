"""One size of the whole study: the blocks of presets/<name>.yaml."""

from typing import Annotated, Any, Literal

from pydantic import Field

from repro.params.strict import Count, NotNegative, Positive, Rate, Share, Strict

Sizes = Annotated[list[Count], Field(min_length=3, max_length=3)]
Mix = Annotated[list[Positive], Field(min_length=4, max_length=4)]


class LastState(Strict):
    """Sizes of tokens from the last state of a sequence, or from its moments."""

    width: Count
    lstm_hidden: Count
    lstm_output: Count
    moments: Count  # equal parts that a fusion over time sees of a sequence


class Query(Strict):
    """Sizes of tokens at common query times."""

    width: Count
    query_times: Count
    heads: Count
    time_embedding: Annotated[int, Field(ge=2)]
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
    patience: Annotated[int, Field(ge=0)]
    folds: Annotated[int, Field(ge=2)]
    evaluation_batch: Count


class LastStateModels(Strict):
    """Models of data sets with one vector or one sequence per modality.

    The sizes of a fusion are checked by the class they are of.
    """

    tokens: LastState
    training: Training
    fusions: dict[str, dict[str, Any]]


class QueryModels(Strict):
    """Models of data sets with irregular rows in time."""

    tokens: Query
    training: Training
    fusions: dict[str, dict[str, Any]]


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


class Tree(Strict):
    """Size of the simulated MIMIC-shaped tree."""

    stays: Count
    complete: Share
    short_stays: Annotated[int, Field(ge=0)]
    mix: Mix
    complete_mix: Mix
    image: Count
    ecg_hz: Count
    ecg_seconds: Count
    hours_between_vitals: Positive
    hours_between_labs: Positive


class Notes(Strict):
    """How radiology notes become vectors."""

    encoder: Literal["tfidf", "transformer"]
    weights: str
    notes: Count
    dims: Count
    max_length: Annotated[int, Field(ge=3)]
    pooling: Literal["mean", "first"]


class Images(Strict):
    """How chest X-rays become vectors."""

    encoder: Literal["pixels", "densenet", "vit"]
    weights: str
    size: Count
    dims: Count


class Waveforms(Strict):
    """How electrocardiograms become vectors."""

    encoder: Literal["resnet", "measurements"]
    hz: Count
    seconds: Count
    dims: Count
    epochs: Count


class Icu(Strict):
    """The simulated tree, and the encoders of notes, X-rays and electrocardiograms."""

    tree: Tree
    text: Notes
    cxr: Images
    ecg: Waveforms


class Preset(Strict):
    """One size of the whole study."""

    simulated: dict[str, Sizes]
    encoders: dict[str, Encoder]
    last_state: LastStateModels
    query: QueryModels
    icu: Icu
