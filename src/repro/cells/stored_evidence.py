"""What weights are made from, between the weights stage and the retraining."""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from repro import paths
from repro.cells.study import Study
from repro.files import read_arrays, write_arrays
from repro.training.weighting.evidence import Evidence


def write_evidence(study: Study, evidence: Evidence, in_sample: np.ndarray) -> None:
    """Write what weights are made from; see `read_evidence`."""
    write_arrays(
        _path(study),
        {
            "seeds": np.array(study.seeds, dtype=np.int64),
            "encoder": np.frombuffer(study.encoder.encode(), np.uint8),
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
    path = _path(study)
    arrays = read_arrays(path)
    seeds, samples = arrays["seeds"].tolist(), arrays["unweighted"].shape[1]
    if seeds != study.seeds or samples != len(study.samples):
        raise ValueError(
            f"{path}: holds seeds {seeds} of {samples} samples, params.yaml and "
            f"data/prepared ask for seeds {study.seeds} of {len(study.samples)}; "
            "run dvc repro for the weights stage"
        )
    made_with = arrays["encoder"].tobytes().decode()
    if made_with != study.encoder:
        raise ValueError(
            f"{path}: made with the text encoder {made_with}, the cell has "
            f"{study.encoder}; set encoder at the top of params.yaml, for all cells"
        )
    in_sample = "in_sample_unimodal" in study.switches
    columns = arrays["unimodal_in_sample" if in_sample else "unimodal"]
    kept = [study.meta["modalities"].index(name) for name in study.inputs.names]
    return evidence_of(study, columns[:, :, kept], arrays["unweighted"])


def evidence_of(
    study: Study,
    unimodal: Float[np.ndarray, "seeds samples modalities *classes"],
    unweighted: Float[np.ndarray, "seeds samples *classes"],
) -> Evidence:
    """Evidence of this study's samples.

    Where absent modalities count (as published), they are present for the weights and
    predict nothing: the smallest divergence, and class 0 for the information.
    """
    present = study.inputs.present.cpu().numpy()
    if study.cell.count_absent:
        unimodal = np.where(present[..., None], unimodal, 0.0)
    return Evidence(
        modalities=study.inputs.names,
        unimodal=unimodal,
        unweighted=unweighted,
        present=np.ones_like(present) if study.cell.count_absent else present,
        y=study.samples["y"].to_numpy(np.float64),
        rows=study.rows,
        task=study.task.kind,
    )


def _path(study: Study) -> Path:
    return paths.run(study.cell.dataset, "weights") / "evidence.safetensors"
