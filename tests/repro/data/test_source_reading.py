"""The reader that a source of params.yaml names."""

import pytest

from repro.data import reading
from repro.params.datasets import FileSet, TableMapping

MAPPING = TableMapping(
    samples="s.csv", id="id", group="g", split="split", label="y", arrays={}
)
FACTS = {"title": "x", "task": "regression", "groups": "x", "tokens": "last_state"}


@pytest.mark.parametrize("source", ["simulated", "mmsa", "mult", "mag", "table"])
def test_each_source_names_the_file_it_misses(tmp_path, source):
    named = FileSet(source=source, path=str(tmp_path / "raw"), table=MAPPING, **FACTS)
    with pytest.raises(ValueError, match=r"raw(/s\.csv)?: no such file"):
        reading.read(named, "mosi")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"keep": "a=b"}, "keep='a=b' works for source table only, not for mmsa"),
        ({"labels": "l.csv"}, "labels='l.csv' works for source mult only"),
    ],
)
def test_options_of_another_source_are_refused(changes, message):
    named = FileSet(source="mmsa", path="raw", table=MAPPING, **FACTS, **changes)
    with pytest.raises(ValueError, match=message):
        reading.read(named, "mosi")


def test_a_table_without_its_mapping_is_named():
    named = FileSet(source="table", path="raw", **FACTS)
    with pytest.raises(ValueError, match=r"datasets\.files\.mine: source table needs"):
        reading.read(named, "mine")
