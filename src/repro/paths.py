"""The one module that spells a path; all are relative to the repository root."""

from pathlib import Path

PARAMS = Path("params.yaml")
QUICK = Path("build/quick")  # where `make quick` works
SIMULATED_ROOTS = ("note", "cxr", "ecg")  # beside the simulated tables
METRICS = Path("metrics")
SEEDS = METRICS / "seeds.parquet"  # of every trained method
PLOTS = Path("plots")
REAL = PLOTS / "real"  # figures of real data, kept by git
README = Path("README.md")
SIMULATORS = Path("simulators.yaml")
NAMES = Path("names.yaml")
RESULTS, API = Path("docs/results.md"), Path("docs/api.md")
DEPARTURES, SOURCE = Path("docs/departures.md"), Path("src")
CARDS = Path("docs/cards")
PAGE = Path("report/index.html")
# Folders that DVC watches whole: label CSVs, weights of encoders on this machine.
LABELS, WEIGHTS = Path("data/labels"), Path("data/weights")

# Everything else is byte-identical between two clean runs on one machine.
NOT_DETERMINISTIC = (
    *("timing/*", "metrics/btw_table10.json", "plots/btw/table10.*"),
    *("metrics/i2moe_table6.json", "plots/i2moe/table6.*"),
    "report/index.html",  # tells the same seconds
)


def cells(group: str) -> Path:
    """The recipes of one group of training cells."""
    return Path("cells") / f"{group}.yaml"


def preset(name: str) -> Path:
    """Sizes and settings of one preset."""
    return Path("presets") / f"{name}.yaml"


def printed(paper: str) -> Path:
    """Numbers and conditions that a paper prints."""
    return Path("data/published") / f"{paper}.yaml"


def simulated(dataset: str) -> Path:
    """Folder of what a simulator writes."""
    return Path("data/simulated") / dataset


def simulated_pickle(dataset: str) -> Path:
    """The simulated raw file, in the layout of the real one."""
    return simulated(dataset) / "aligned_50.pkl"


def simulated_truth(dataset: str) -> Path:
    """What the simulator planted: one row per sample, beside the raw file."""
    return simulated(dataset) / "truth.parquet"


def simulated_tree(dataset: str) -> Path:
    """The simulated raw folder, in the layout of the real one."""
    return Path("data/simulated") / dataset


def planted(part: str) -> Path:
    """What was planted of the stays of a prepared part, where they are simulated."""
    return prepared(part) / "planted.parquet"


def prepared(dataset: str) -> Path:
    """Folder of samples.parquet, meta.json and one file per modality."""
    return Path("data/prepared") / dataset


def whole(dataset: str) -> str:
    """Name of the data set that a part belongs to.

    >>> whole("icu_all/fold_1"), whole("mosi")
    ('icu_all', 'mosi')
    """
    return dataset.partition("/")[0]


def part(name: str, fold: int) -> str:
    """Name of one part of a cross-validated data set or run."""
    return f"{name}/fold_{fold}"


def features(dataset: str, kind: str, encoder: str | None = None) -> Path:
    """Folder of the features of one kind (series, text, cxr, ecg) of a data set.

    >>> features("mosi", "text", "bert").as_posix()
    'data/features/mosi/text-bert'
    >>> features("icu_all/fold_1", "ecg").as_posix()
    'data/features/icu_all/ecg/fold_1'
    """
    name, _, fold = dataset.partition("/")
    place = kind if encoder is None else f"{kind}-{encoder}"
    return Path("data/features") / name / place / fold


def simulated_icu() -> Path:
    """The tables of the simulated MIMIC-shaped tree; its modules lie beside them."""
    return Path("data/simulated/icu/mimiciv")


def simulated_icu_truth() -> Path:
    """What the simulator planted of every stay: a file of its tree, with a checksum."""
    return simulated_icu() / "truth.parquet"


def ingested() -> Path:
    """What was taken from the raw clinical tables, before any cohort or split."""
    return Path("data/ingested/icu")


def planted_stays() -> Path:
    """What was planted of all simulated stays, as the ingest found it in their tree."""
    return ingested() / "planted.parquet"


def watched(root: str) -> Path:
    """Names, sizes and times of the files of a clinical root that DVC does not hash."""
    return Path("data/watched") / f"{root}.json"


def object_cache() -> Path:
    """Decoded notes, images and waveforms by content; safe to delete."""
    return Path("data/cache/icu")


def picture_cache() -> Path:
    """Decoded pictures by content; safe to delete."""
    return Path("data/cache/pictures")


def run(address: str) -> Path:
    """Folder of everything a run wrote; its address is its place in `cells/`.

    >>> run("attribution/controls/mean_one").as_posix()
    'runs/attribution/controls/mean_one'
    """
    return Path("runs") / address


def timing(address: str) -> Path:
    """Seconds, memory and hardware of a cell; outside `runs/`, which is deterministic.

    >>> timing("base/mosi").as_posix()
    'timing/base/mosi.json'
    """
    return Path("timing") / f"{address}.json"


def table_metrics(name: str) -> Path:
    """Numbers of a table, for `dvc metrics`; `name` starts with its paper."""
    return METRICS / f"{name}.json"


def plot(name: str, suffix: str, block: str = "") -> Path:
    """A table or figure of a paper, or of a block of real numbers alone.

    >>> plot("btw_table3", "md").as_posix()
    'plots/btw/table3.md'
    >>> plot("btw_figure1", "svg", "mosi__table").as_posix()
    'plots/real/mosi__table/btw_figure1.svg'
    """
    if block:
        return REAL / block / f"{name}.{suffix}"
    paper, _, item = name.partition("_")
    return PLOTS / paper / f"{item}.{suffix}"
