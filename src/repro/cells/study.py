"""A data set made ready for training cells: tensors, rows of the splits, settings."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor

from repro import paths
from repro.data.preparing import read_prepared
from repro.features.reading import read_features
from repro.files import read_arrays, write_arrays
from repro.members import Member, cross_fitting_members, group_folds
from repro.models.batch import Inputs
from repro.models.predictor import Architecture
from repro.models.text import FineTuning
from repro.params import Cell, Params, switches
from repro.records import SPLITS, Ragged, Texts
from repro.reweighting.evidence import Evidence
from repro.training.fitting import Rows, Settings


@dataclass(frozen=True)
class Study:
    """One cell's data and settings."""

    params: Params
    cell: Cell
    samples: pd.DataFrame
    inputs: Inputs
    rows: Rows
    meta: dict[str, Any]
    switches: frozenset[str]
    protocol: str = "leak_free"
    notes: tuple[str, ...] = ()
    text: FineTuning | None = None

    @property
    def seeds(self) -> list[int]:
        """Training seeds."""
        return self.params.seeds

    @property
    def alpha(self) -> float:
        """The smoothing factor of this cell: its own or the top-level one."""
        return self.params.alpha if self.cell.alpha is None else self.cell.alpha

    def settings(self, label: str) -> Settings:
        """Training settings under this cell's switches."""
        return Settings(
            training=self.params.active.training,
            switches=self.switches,
            selection=self.params.weighting.selection,
            text_lr=0.0 if self.text is None else self.text.lr,
            label=label,
        )

    def architecture(self) -> Architecture:
        """The shape of this cell's models."""
        weighting = self.params.weighting
        embedding = "embedding_site" in self.switches
        return Architecture(
            model=self.params.active.model,
            experts=self.params.experts,
            top_k=self.params.top_k,
            missing=weighting.missing,
            weight_site="embedding" if embedding else weighting.site,
            log_space_experts="log_space_experts" in self.switches,
            text=self.text,
        )

    def of_seed(self, seed: int) -> "Study":
        """The same study for one of its seeds."""
        return replace(self, params=self.params.model_copy(update={"seeds": [seed]}))

    def members(self, *, folds: bool, modality: str | None = None) -> list[Member]:
        """One member per seed, and one per fold where cross-fitting is asked for.

        With a modality, only train rows that have it.
        """
        train = self.rows["train"]
        if modality is not None:
            m = self.inputs.names.index(modality)
            train = train[self.inputs.present[train, m].cpu().numpy()]
        if not folds:
            return [Member(seed, 0, train) for seed in self.seeds]
        groups = self.samples["group"].to_numpy()[train]
        count = self.params.active.training.folds
        return cross_fitting_members(
            self.seeds,
            train,
            {seed: group_folds(groups, count, seed) for seed in self.seeds},
        )


def load_study(params: Params, cell: Cell, protocol: str | None = None) -> Study:
    """Read a data set's features as padded tensors on the device in force.

    `protocol` is that of params unless given (attribution rows bring their own).
    """
    features = read_features(cell.dataset, cell.encoder)
    samples = features.samples
    device = chosen_device(params.device, params.precision)
    inputs = tensors(samples, features.modalities, device)
    split = samples["split"].to_numpy()
    some = inputs.present.any(1).cpu().numpy()
    protocol = protocol or params.protocol
    chosen, notes = applicable(switches(cell.switches, protocol), inputs.names)
    return Study(
        params=params,
        cell=cell,
        samples=samples,
        inputs=inputs,
        rows={name: np.flatnonzero((split == name) & some) for name in SPLITS},
        meta=features.meta,
        switches=chosen,
        protocol=protocol,
        notes=notes,
        text=_fine_tuning(params, cell, inputs.names),
    )


def applicable(
    chosen: frozenset[str], modalities: tuple[str, ...]
) -> tuple[frozenset[str], tuple[str, ...]]:
    """Switches without those that have no meaning here, and a sentence on each."""
    if "swap_audio_video" not in chosen or {"audio", "video"} <= set(modalities):
        return chosen, ()
    note = "switch swap_audio_video: not applicable, there is no audio and video"
    return chosen - {"swap_audio_video"}, (note,)


def _fine_tuning(
    params: Params, cell: Cell, modalities: tuple[str, ...]
) -> FineTuning | None:
    """The text encoder that is trained along, when params ask for that."""
    encoder = params.active.encoders[cell.encoder]
    if not encoder.finetune or "text" not in modalities:
        return None
    # Costs seconds to import, and only fine-tuning needs it here.
    from repro.features.text import load_encoder

    prepared = read_prepared(paths.prepared(cell.dataset))
    texts = prepared.modalities["text"]
    if not isinstance(texts, Texts):
        raise ValueError(
            f"data set {cell.dataset} has no raw text to fine-tune on; set "
            f"presets.{params.preset}.encoders.{cell.encoder}.finetune: false"
        )
    is_train = prepared.samples["split"] == "train"
    train = [t for t, kept in zip(texts.values, is_train, strict=True) if kept]
    _, start = load_encoder(encoder, train)
    return FineTuning(
        modality="text",
        start=start,
        hidden=start.config.hidden_size,
        pooling=encoder.pooling,
        lr=encoder.lr,
        bfloat16=params.precision == "bfloat16",
    )


def chosen_device(name: str, precision: str = "float32") -> torch.device:
    """The device of params: `auto` takes CUDA when there is one.

    Raises:
        ValueError: cuda is asked for, by name or by precision, and there is none.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError(
            "params.yaml: device = 'cuda', but torch finds no CUDA device; "
            "set device: auto or cpu"
        )
    if precision != "float32" and (name == "cpu" or not torch.cuda.is_available()):
        raise ValueError(
            f"params.yaml: precision = {precision!r} needs a CUDA device; "
            "set precision: float32"
        )
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def tensors(
    samples: pd.DataFrame, arrays: dict[str, Ragged], device: torch.device
) -> Inputs:
    """Ragged features as zero-padded tensors; an absent modality stores zeros."""
    names = tuple(arrays)
    lengths = np.stack([arrays[name].lengths for name in names], axis=1)
    present = np.stack([samples[f"present_{n}"].to_numpy(bool) for n in names], axis=1)
    present &= lengths > 0
    return Inputs(
        names=names,
        values=tuple(
            padded(arrays[name], present[:, m]).to(device)
            for m, name in enumerate(names)
        ),
        lengths=torch.from_numpy(np.where(present, lengths, 0)).to(device),
        present=torch.from_numpy(present).to(device),
        y=torch.from_numpy(samples["y"].to_numpy(np.float32)).to(device),
    )


def padded(
    ragged: Ragged, present: np.ndarray
) -> Float[Tensor, "samples time features"]:
    """Sequences padded at the end with zeros to the longest one.

    >>> r = Ragged(np.ones((3, 1), np.float32), np.array([0, 1, 3]))
    >>> padded(r, np.array([True, True]))[..., 0].tolist()
    [[1.0, 0.0], [1.0, 1.0]]
    """
    lengths = np.where(present, ragged.lengths, 0)
    shape = (len(lengths), max(int(lengths.max(initial=0)), 1), ragged.values.shape[1])
    result = np.zeros(shape, dtype=np.float32)
    column = np.arange(shape[1])
    used = column < lengths[:, None]
    source: Int[np.ndarray, ...] = ragged.offsets[:-1, None] + column
    result[used] = ragged.values[source[used]]
    return torch.from_numpy(result)


def write_evidence(study: Study, evidence: Evidence, in_sample: np.ndarray) -> None:
    """Write what weights are made from; see `read_evidence`."""
    write_arrays(
        paths.run(study.cell.dataset, "weights") / "evidence.safetensors",
        {
            "seeds": np.array(study.seeds, dtype=np.int64),
            "unimodal": evidence.unimodal,
            "unimodal_in_sample": in_sample,
            "unweighted": evidence.unweighted,
        },
    )


def read_evidence(study: Study) -> Evidence:
    """The evidence of the weights stage, under this cell's switches.

    Raises:
        ValueError: it was made for other seeds or samples than params.yaml has now.
    """
    path = paths.run(study.cell.dataset, "weights") / "evidence.safetensors"
    arrays = read_arrays(path)
    seeds, samples = arrays["seeds"].tolist(), arrays["unweighted"].shape[1]
    if seeds != study.seeds or samples != len(study.samples):
        raise ValueError(
            f"{path}: holds seeds {seeds} of {samples} samples, params.yaml and "
            f"data/prepared ask for seeds {study.seeds} of {len(study.samples)}; "
            "run dvc repro for the weights stage"
        )
    in_sample = "in_sample_unimodal" in study.switches
    return evidence_of(
        study,
        arrays["unimodal_in_sample" if in_sample else "unimodal"],
        arrays["unweighted"],
    )


def evidence_of(
    study: Study,
    unimodal: Float[np.ndarray, "seeds samples modalities"],
    unweighted: Float[np.ndarray, "seeds samples"],
) -> Evidence:
    """Evidence of this study's samples."""
    return Evidence(
        modalities=study.inputs.names,
        unimodal=unimodal,
        unweighted=unweighted,
        present=study.inputs.present.cpu().numpy(),
        y=study.samples["y"].to_numpy(np.float64),
        rows=study.rows,
    )
