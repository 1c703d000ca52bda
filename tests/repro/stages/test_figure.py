"""Figures of one block of real numbers, beside those of the papers."""

from types import SimpleNamespace

import pandas as pd
import pytest

from repro import params, paths
from repro.files import read_json, read_text, write_json
from repro.params import Params
from repro.report import report_path
from repro.stages import figure
from tests.repro.small_study import with_file_sets

BLOCK = "mosi__table__preset_paper"
NAMES = ("btw_figure1", "btw_figure3", "btw_figure4", "btw_figure6", "btw_figure7")


@pytest.fixture
def real(study: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> Params:
    """Runs of MOSI from own files, trained with the preset of the paper."""
    study.write_runs(study.params)
    for address in ("base/mosi", "btw/mosi"):
        report = read_json(report_path(address))
        report["data"] |= {"simulated": False, "source": "table"}
        report["setup"] |= {"preset": "paper"}
        write_json(report_path(address), report)
    own = with_file_sets(study.params, source="table", path="data/raw/mine")
    own = own.model_copy(update={"preset": "paper"})
    monkeypatch.setattr(params, "load", lambda: own)
    return own


def test_figures_of_a_block_are_of_its_data_set_alone(real: Params) -> None:
    figure.main([*NAMES, "--block", BLOCK])
    for name in NAMES:
        for suffix in ("csv", "svg", "pdf"):
            assert paths.plot(name, suffix, BLOCK).is_file()
            assert not paths.plot(name, suffix).exists()
    series = pd.read_csv(paths.plot("btw_figure1", "csv", BLOCK))
    assert set(series["dataset"]) == {"mosi"} and not series["simulated"].any()
    drawn = read_text(paths.plot("btw_figure6", "svg", BLOCK))
    assert "MOSI (preset paper)" in drawn and "MOSEI" not in drawn


def test_a_block_has_to_be_real_and_to_have_runs(
    real: Params, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        figure.main(["btw_figure1", "--block", "mosi__simulated"])
    assert "is simulated; give no --block" in capsys.readouterr().err
    with pytest.raises(ValueError, match="no run of mosi__mmsa"):
        figure.main(["btw_figure1", "--block", "mosi__mmsa"])
    with pytest.raises(ValueError, match="figure99"):
        figure.main(["btw_figure1", "btw_figure99"])
    assert not paths.REAL.exists() and not paths.plot("btw_figure1", "svg").exists()


def test_a_study_of_one_data_set_keeps_its_runs_alone(real: Params) -> None:
    assert len(real.recipes) > len(real.only("mosi").recipes) > 0
    assert {r.dataset for r in real.only("mosi").recipes.values()} == {"mosi"}
    assert real.only("nothing").recipes == {}
