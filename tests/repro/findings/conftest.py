"""The parameters whose names the sentences use."""

from pathlib import Path

import pytest

from repro import params as parameters
from repro.params import Params


@pytest.fixture(scope="session")
def params() -> Params:
    """All of params.yaml."""
    return parameters.load(Path(__file__).parents[3] / "params.yaml")
