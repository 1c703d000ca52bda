"""Training the parts of a cell; what is learned is tested in test_protocol.py."""

import time

import pytest

from repro.cells import fits
from tests.repro.small_study import small_params, small_study


def test_seconds_are_of_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    fit, idle = fits.fit, 3.0

    def late(*parts: object) -> object:
        time.sleep(idle)
        return fit(*parts)

    monkeypatch.setattr(fits, "fit", late)
    study = small_study(small_params((0,), training={"epochs": 1}))
    assert 0.0 < fits.unweighted_result(study, "moe").seconds < idle
