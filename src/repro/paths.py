"""The one module that spells a path; all are relative to the repository root."""

from pathlib import Path
from typing import Protocol, runtime_checkable

PARAMS = Path("params.yaml")
PUBLISHED = Path("data/published/btw.yaml")
METRICS = Path("metrics")
PLOTS = Path("plots")

# Everything else is byte-identical between two clean runs on one machine.
NOT_DETERMINISTIC = ("*.timing.json", "metrics/table10.json", "plots/table10.*")


def simulated_pickle(dataset: str) -> Path:
    """The simulated raw file, in the layout of the real one."""
    return Path("data/simulated") / dataset / "aligned_50.pkl"


def simulated_truth(dataset: str) -> Path:
    """What the simulator planted: one row per sample, beside the raw file."""
    return Path("data/simulated") / dataset / "truth.parquet"


def prepared(dataset: str) -> Path:
    """Folder of samples.parquet, meta.json and one file per modality."""
    return Path("data/prepared") / dataset


def whole(dataset: str) -> str:
    """Name of the data set that a part belongs to.

    >>> whole("icu_all/fold_1"), whole("mosi")
    ('icu_all', 'mosi')
    """
    return dataset.partition("/")[0]


def part(dataset: str, fold: int) -> str:
    """Name of one part of a cross-validated data set."""
    return f"{dataset}/fold_{fold}"


def clinical_features(dataset: str, kind: str) -> Path:
    """Folder of the features of one kind (series, text, cxr, ecg) of a cohort."""
    name, _, fold = dataset.partition("/")
    return Path("data/features") / name / kind / fold


def simulated_icu() -> Path:
    """The simulated MIMIC-shaped tree."""
    return Path("data/simulated/icu/mimiciv")


def ingested() -> Path:
    """What was taken from the raw clinical tables, before any cohort or split."""
    return Path("data/ingested/icu")


def object_cache() -> Path:
    """Decoded notes, images and waveforms by content; safe to delete."""
    return Path("data/cache/icu")


def features(dataset: str, modality: str, encoder: str | None = None) -> Path:
    """Ragged feature arrays of one modality; text names its encoder."""
    return features_folder(dataset, encoder) / f"{modality}.safetensors"


def pooled_text(dataset: str, encoder: str) -> Path:
    """One vector per text where the features are the ids of a fine-tuned encoder."""
    return features_folder(dataset, encoder) / "pooled.safetensors"


def features_meta(dataset: str, encoder: str | None = None) -> Path:
    """How the features of one folder were made."""
    return features_folder(dataset, encoder) / "meta.json"


def features_folder(dataset: str, encoder: str | None = None) -> Path:
    """Folder of standardized series or, with an encoder, of text features."""
    name = "series" if encoder is None else f"text-{encoder}"
    return Path("data/features") / dataset / name


def run(dataset: str, cell: str) -> Path:
    """Folder of everything one training cell wrote, for a part one level deeper."""
    name, _, fold = dataset.partition("/")
    return Path("runs") / name / cell / fold


def timing(dataset: str, cell: str) -> Path:
    """Seconds, memory and hardware of a cell; a separate output on purpose."""
    return Path("runs") / whole(dataset) / f"{cell}.timing.json"


def table_metrics(name: str) -> Path:
    """Numbers of a table, for `dvc metrics`."""
    return METRICS / f"{name}.json"


def plot(name: str, suffix: str) -> Path:
    """A table or figure file under plots/."""
    return PLOTS / f"{name}.{suffix}"


@runtime_checkable
class NamedCell(Protocol):
    """The fields of a training cell that its folder name is made of."""

    @property
    def dataset(self) -> str:
        """Name of the data set."""
        ...

    @property
    def method(self) -> str:
        """Code name of the method."""
        ...

    @property
    def fusion(self) -> str:
        """Code name of the fusion."""
        ...


def cell_folder(group: str, key: str, cell: NamedCell) -> str:
    """Folder name of a cell of params.yaml, below runs/<dataset>/.

    Raises:
        ValueError: the group is unknown.

    >>> from types import SimpleNamespace
    >>> mosi = SimpleNamespace(dataset="mosi", method="instance", fusion="mult")
    >>> cell_folder("sweep", "mosi_instance_03", mosi)
    'mosi_instance_03'
    >>> cell_folder("attribution", "leak_free", mosi)
    'attribution_leak_free'
    >>> cell_folder("deberta_rows", "mosi_mult", mosi)
    'deberta_mult'
    >>> icu = SimpleNamespace(dataset="icu_all", method="moe", fusion="mult")
    >>> cell_folder("icu_fusion", "icu_all_mult", icu)
    'mult'
    """
    if group.startswith("icu_"):
        return key.removeprefix(f"{cell.dataset}_")
    names = {
        "unimodal": group,
        "moe": group,
        "btw": cell.method,
        "sweep": key,
        "noise": key,
        "attribution": f"attribution_{key}",
        "other_fusions": cell.fusion,
        "fusion_rows": cell.fusion,
        "deberta_btw": "deberta",
        "deberta_rows": f"deberta_{cell.fusion}",
    }
    if group not in names:
        raise ValueError(
            f"cells.{group}: no folder is known for this group; use one of "
            f"{sorted(names)} or add it to repro.paths.cell_folder"
        )
    return names[group]
