"""The blocks of params.yaml that the clinical side has for itself."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from repro import paths
from repro.params.strict import Count, NotNegative, Positive, Rate, Share, Strict


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


class ClinicalSource(Strict):
    """Where MIMIC-IV lies and which rules the cohort and its values follow."""

    source: Literal["simulated", "mimiciv"]
    path: str
    note: str = "none"
    cxr: str = "none"
    ecg: str = "none"
    variables: Literal["corrected", "published"]
    time_policy: Literal["strict", "charttime"]
    deaths: Literal["keep", "exclude"]
    labs_without_admission: Literal["keep", "drop"]
    min_los_days: NotNegative
    views: list[str]
    split: Literal["patient", "published"]
    split_seed: int
    evaluation: Literal["holdout", "grouped_cv"]
    folds: Annotated[int, Field(ge=3)]
    divide_series: bool

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


class Cohort(Strict):
    """Which eligible stays a data set holds."""

    complete: bool


class IcuSimulation(Strict):
    """What the simulator of a MIMIC-shaped tree plants."""

    seed: int
    unique: list[NotNegative]
    shared: NotNegative
    synergy: NotNegative
    label_noise: NotNegative
    unreliable: list[Share]
    latent_noise: NotNegative


class ClinicalText(Strict):
    """How radiology notes become vectors."""

    encoder: Literal["tfidf", "transformer"]
    weights: str
    notes: Count
    dims: Count
    max_length: Annotated[int, Field(ge=3)]
    pooling: Literal["mean", "first"]


class ClinicalImages(Strict):
    """How chest X-rays become vectors."""

    encoder: Literal["pixels", "densenet", "vit"]
    weights: str
    size: Count
    dims: Count


class ClinicalWaveforms(Strict):
    """How electrocardiograms become vectors."""

    encoder: Literal["resnet", "measurements"]
    hz: Count
    seconds: Count
    dims: Count
    epochs: Count


class ClinicalModel(Strict):
    """Sizes of the encoders and fusions over query times."""

    width: Count
    query_times: Count
    heads: Count
    time_embedding: Annotated[int, Field(ge=2)]
    layers: Count
    expert_hidden: Count
    feed_forward: Count
    router: Literal["per_modality", "joint", "disjoint"]
    gate: Literal["laplace", "softmax", "gaussian"]
    expert_dropout: Rate
    dropout: Rate
    cross_layers: Count
    self_layers: Count


class Tree(Strict):
    """Size of the simulated MIMIC-shaped tree."""

    stays: Count
    complete: Share
    short_stays: Annotated[int, Field(ge=0)]
    mix: Annotated[list[Positive], Field(min_length=4, max_length=4)]
    complete_mix: Annotated[list[Positive], Field(min_length=4, max_length=4)]
    image: Count
    ecg_hz: Count
    ecg_seconds: Count
    hours_between_vitals: Positive
    hours_between_labs: Positive


class ClinicalPreset(Strict):
    """One size of the clinical half."""

    tree: Tree
    text: ClinicalText
    cxr: ClinicalImages
    ecg: ClinicalWaveforms
    model: ClinicalModel
    training: Training
