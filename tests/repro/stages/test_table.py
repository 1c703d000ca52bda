"""The stage of tables, and that of figures, with several names at once."""

import sys
from types import ModuleType, SimpleNamespace

import pytest

from repro import params, paths
from repro.stages import figure, table


def run(
    stage: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    study: SimpleNamespace,
    *names: str,
) -> None:
    """Run a stage as its command does, on the made runs."""
    monkeypatch.setattr(params, "load", lambda: study.params)
    monkeypatch.setattr(sys, "argv", ["stage", *names])
    stage.main()


def test_every_named_table_is_written(
    study: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    study.write_runs(study.params)
    run(table, monkeypatch, study, "btw_table10", "btw_hyperparameters")
    assert paths.table_metrics("btw_table10").is_file()
    assert paths.plot("btw_hyperparameters", "md").is_file()


def test_every_named_figure_is_drawn(
    study: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    study.write_runs(study.params)
    run(figure, monkeypatch, study, "btw_figure1", "btw_initial_weights")
    for name in ("btw_figure1", "btw_initial_weights"):
        assert paths.plot(name, "svg").is_file()


@pytest.mark.parametrize("stage", [table, figure])
def test_an_unknown_name_stops_before_anything_is_written(
    study: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, stage: ModuleType
) -> None:
    first = "btw_table10" if stage is table else "btw_figure1"
    with pytest.raises(ValueError, match=r"tabel.*unknown"):
        run(stage, monkeypatch, study, first, "btw_tabel")
    assert not paths.plot(first, "csv").exists()
