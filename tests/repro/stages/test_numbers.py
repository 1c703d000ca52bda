"""The snippet of docs/numbers.md rebuilds Table 3 from the scores of every seed."""

import re
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from repro import paths
from repro.files import write_table
from repro.stages.graph import yaml_content
from repro.tables.seeds import TYPES, seeds
from repro.tables.writing import read_rows
from tests.repro.conftest import ROOT
from tests.repro.written import write

PAGE = (ROOT / "docs/numbers.md").read_text()
(SNIPPET,) = re.findall(r"<!-- metrics.*-->\n```python\n(.*?)```", PAGE, re.DOTALL)


def rebuilt() -> pd.DataFrame:
    """What the snippet makes in the working directory."""
    made: dict[str, pd.DataFrame] = {}
    exec(compile(SNIPPET, "docs/numbers.md", "exec"), made)
    return made["table"]


def compare(table: pd.DataFrame, rows: pd.DataFrame, text: str) -> None:
    """Every number of ours in Table 3 on made MOSI is the snippet's, also as shown."""
    rows = rows[(rows["dataset"] == "mosi") & rows["mean"].notna() & rows["simulated"]]
    rows = rows[~rows["metric"].str.contains("_vs_")]
    assert rows["row"].nunique() >= 15
    for row in rows.to_dict("records"):
        name, metric = row["name"], row["metric"]
        mean, sd = (table.loc[name, (kind, metric)] for kind in ("mean", "std"))
        assert mean == pytest.approx(row["mean"], rel=1e-9), (name, metric)
        assert sd == pytest.approx(row["sd"], rel=1e-6, nan_ok=True), (name, metric)
        if metric == "mae":
            shown = f"{mean:.3f}" + (f" ± {sd:.3f}" if sd == sd else "")
            assert re.search(rf"\| {re.escape(name)}[ ,].*\| {shown}", text), name


def test_the_snippet_is_short() -> None:
    assert len(SNIPPET.splitlines()) <= 12


def test_the_snippet_rebuilds_the_table(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    text = write("table3", study.params)["md"]
    write_table(paths.SEEDS, seeds(study.params))
    compare(rebuilt(), read_rows(paths.plot("btw_table3", "csv")), text)


def test_the_page_names_every_column() -> None:
    named = re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.*?) \|", PAGE, re.M)))
    assert sorted(named) == sorted(TYPES)


def test_the_committed_scores_are_those_of_the_committed_table(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if "seeds" not in yaml_content(ROOT / "dvc.lock")["stages"]:
        pytest.skip("dvc.lock: the stage seeds has not run yet; run dvc repro")
    monkeypatch.chdir(ROOT)
    csv, md = (paths.plot("btw_table3", kind) for kind in ("csv", "md"))
    assert Path(paths.SEEDS).is_file(), f"commit {paths.SEEDS} with dvc.lock"
    compare(rebuilt(), read_rows(csv), md.read_text())
