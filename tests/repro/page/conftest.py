"""Pages of the numbers in git, and of a few made up."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
import pytest

from repro import params as parameters
from repro import paths
from repro.files import read_json
from repro.page.document import page
from repro.page.sections import Sources
from repro.params import Params
from repro.tables.rows import Block, Entry, frame

ROOT = Path(__file__).parents[3]
Write = Callable[..., str]


@pytest.fixture(scope="session")
def params() -> Params:
    """All of params.yaml."""
    return parameters.load(ROOT / paths.PARAMS)


@pytest.fixture(scope="session")
def committed(params: Params) -> str:
    """The page of the tables and figures in git."""
    files = sorted((ROOT / paths.METRICS).glob("*.json"))
    trees = {path.stem: read_json(path) for path in files}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return page(Sources(params, trees, {}))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with printed numbers alone."""
    shutil.copytree(ROOT / "data/published", tmp_path / "data/published")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def written(folder: Path, params: Params) -> Write:
    """Writes rows of Table 3 and gives their page."""

    def write(rows: pd.DataFrame, chosen: Params = params) -> str:
        place = folder / paths.plot("btw_table3", "csv")
        place.parent.mkdir(parents=True, exist_ok=True)
        rows.to_csv(place, index=False)  # as no stage would: nothing made inert
        return page(Sources(chosen, {}, {}))

    return write


def made(
    means: Mapping[str, float | None], *, simulated: bool = True, notes: str = ""
) -> pd.DataFrame:
    """A block of MAE by the name of the row; the printed number is 1.

    Where the data are real it has the difference and a verdict.
    """
    source = "simulated" if simulated else "mmsa"
    block = Block("mosi", source, "leak_free", simulated, "text, audio", notes)
    entries = [
        Entry(
            row=f"row_{k}",
            name=name,
            metric="mae",
            mean=mean,
            sd=0.25,
            n=6,
            published_mean=1.0,
            published_sd=0.5,
            difference=None if simulated or mean is None else mean - 1.0,
            verdict="" if simulated else "higher",
        )
        for k, (name, mean) in enumerate(means.items())
    ]
    return frame(block, entries)
