"""docs/api.md is what the code says, with every public name and example."""

import inspect
import re

import pytest

import btw
from repro import paths
from repro.documents.api import definition, page
from tests.repro.conftest import ROOT


def test_the_page_is_current() -> None:
    written = (ROOT / paths.API).read_text()
    assert written == page(), "run python -m repro.stages.api and commit docs/api.md"


def test_every_public_name_has_a_section_with_signature_and_examples() -> None:
    text = page()
    assert re.findall(r"^## `(\w+)`$", text, re.MULTILINE) == btw.__all__
    for name in btw.__all__:
        section = text.partition(f"\n## `{name}`\n")[2].partition("\n## ")[0]
        has_example = ">>> " in (inspect.getdoc(getattr(btw, name)) or "")
        assert "```py\n" in section, name
        assert ("```pycon\n>>> " in section) == has_example, name


def test_every_public_method_stands_there() -> None:
    text = page()
    for name in ("fit", "observe", "step", "weights", "state_dict"):
        assert f"### `ModalityWeighting.{name}`" in text
    assert "### `ModalityWeighting._" not in text


def test_examples_and_signatures_are_those_of_the_code() -> None:
    text = page()
    for name in btw.__all__:
        doc = inspect.getdoc(getattr(btw, name)) or ""
        for line in (line for line in doc.splitlines() if line.startswith(">>>")):
            assert line in text, (name, line)
    assert '    variant: str = "bi_level",\n' in text


def test_sections_are_items_and_no_code_block() -> None:
    text = page(["continuous_information"])
    assert re.search(r"^- \*\*Source:\*\* \w", text, re.MULTILINE)
    prose = re.sub(r"```.*?```", "", page(), flags=re.DOTALL)
    assert not re.search(r"^\s{4}\S", prose, re.MULTILINE)


def test_a_name_that_is_no_function_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Odd:
        """Made here, not in btw."""

    monkeypatch.setattr(btw, "odd", Odd, raising=False)
    with pytest.raises(ValueError, match=r"btw\.odd: no function or class of"):
        definition("odd")
