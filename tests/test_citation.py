"""CITATION.cff names this version and both papers; CONTRIBUTING.md leads on."""

import datetime
import re
import tomllib

import yaml

from tests.pipeline_graph import ROOT

CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text())
# Of the schema of cff-version 1.2.0, what a reader needs and what is used here.
REQUIRED = {"cff-version", "message", "title", "authors", "version", "date-released"}
KNOWN = REQUIRED | {"type", "license", "abstract", "keywords", "references"}


def test_it_is_complete_and_of_this_version() -> None:
    assert REQUIRED <= set(CITATION) <= KNOWN
    assert CITATION["cff-version"] == "1.2.0"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert CITATION["version"] == project["version"]
    assert CITATION["license"] == project["license"]
    assert datetime.date.fromisoformat(CITATION["date-released"])


def test_both_papers_are_references_with_people() -> None:
    told = {}
    for paper in CITATION["references"]:
        people = paper["authors"]
        assert people and all({"family-names", "given-names"} == set(p) for p in people)
        assert paper["start"] < paper["end"] and paper["year"] == 2025
        (identifier,) = paper["identifiers"]
        told[identifier["value"]] = paper["title"].partition(":")[0]
    assert told == {"arXiv:2508.18551": "BTW", "arXiv:2505.19190": "I2MoE"}
    readme = (ROOT / "README.md").read_text()
    assert set(re.findall(r"arXiv \d+\.\d+", readme)) == {
        key.replace(":", " ") for key in told
    }


def test_contributing_leads_to_the_recipes() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert "docs/extending.md" in links
    assert [link for link in links if not (ROOT / link).exists()] == []
