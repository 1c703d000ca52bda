"""A folder with a module in place of the stages' own."""

import sys
from pathlib import Path

import pytest

from tests.repro.stages.made_stages import ACTED


@pytest.fixture
def acted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module in place of the stages' own: it writes its name into a common file."""
    (tmp_path / "acted.py").write_text(ACTED)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "acted", raising=False)
    return tmp_path / "order"
