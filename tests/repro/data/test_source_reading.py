import pytest

from repro.data import reading
from repro.params import Source, TableMapping

MAPPING = TableMapping(
    samples="s.csv", id="id", group="g", split="split", label="y", arrays={}
)


@pytest.mark.parametrize("source", ["simulated", "mmsa", "mult", "mag", "table"])
def test_each_source_names_the_file_it_misses(tmp_path, source):
    named = Source(source=source, path=str(tmp_path / "raw"), table=MAPPING)
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
    named = Source(source="mmsa", path="raw", table=MAPPING, **changes)
    with pytest.raises(ValueError, match=message):
        reading.read(named, "mosi")
