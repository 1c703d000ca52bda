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
        figure.main(["btw_noise_stress", "--block", BLOCK])
    assert "btw_noise_stress: --block has btw_figure1," in capsys.readouterr().err
    published = "mosi__table__published__preset_paper"
    with pytest.raises(ValueError, match=f"no run of {published}"):
        figure.main(["btw_figure1", "--block", published])
    with pytest.raises(ValueError, match=r"source = 'table', .* not what made"):
        figure.main(["btw_figure1", "--block", "mosi__mmsa__preset_paper"])
    with pytest.raises(ValueError, match="preset = 'paper': not what made"):
        figure.main(["btw_figure1", "--block", "mosi__table"])
    with pytest.raises(ValueError, match="mosy"):
        figure.main(["btw_figure1", "--block", "mosy"])
    with pytest.raises(ValueError, match="figure99"):
        figure.main(["btw_figure1", "btw_figure99"])
    assert not paths.REAL.exists() and not paths.plot("btw_figure1", "svg").exists()


def test_no_instance_of_real_data_is_shown_by_settings_that_call_them_simulated(
    real: Params, study: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulated = study.params.model_copy(update={"preset": "paper"})
    monkeypatch.setattr(params, "load", lambda: simulated)
    with pytest.raises(ValueError, match="source = 'simulated', preset = 'paper': not"):
        figure.main(["btw_figure6", "--block", BLOCK])
    assert not paths.REAL.exists()


def test_runs_of_another_source_stay_out_of_a_block(real: Params) -> None:
    report = read_json(report_path("btw/mosi"))
    report["data"] |= {"simulated": True, "source": "simulated"}
    write_json(report_path("btw/mosi"), report)
    figure.main(["btw_figure1", "--block", BLOCK])
    with pytest.raises(ValueError):
        figure.main(["btw_figure6", "--block", BLOCK])
    assert not paths.plot("btw_figure6", "csv", BLOCK).exists()


def test_a_study_of_some_runs_has_them_alone(real: Params) -> None:
    runs = ["base/mosi", "noise/mosi/noise_3"]
    assert list(real.only(runs).recipes) == sorted(runs)
    assert real.only([]).recipes == {} and len(real.recipes) > 2
