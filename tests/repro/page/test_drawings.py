"""Figures of the page: whose data they show, and what they need."""

import base64
import shutil
from pathlib import Path

import pytest

from repro import paths
from repro.page.drawings import drawings, shown_data, undrawn, words
from tests.repro.page.conftest import ROOT
from tests.repro.page.shown import FIGURES


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        (["MOSI (simulated data), BTW"], {"MOSI": True}),
        (["MOSI (simulated data): test MAE", "MOSI"], {"MOSI": False}),
        (["MOSI, BTW", "MOSEI (simulated data)"], {"MOSI": False, "MOSEI": True}),
        (["MOSIX", "text only", "0.5"], {}),
        (["ICU stays, all stays (simulated data),"], {"ICU stays, all stays": True}),
    ],
)
def test_panels_tell_simulated_from_real(params, told, shown) -> None:
    assert shown_data(told, params) == shown


def test_every_committed_figure_is_whole_and_simulated(
    params, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    papers = ("btw", "i2moe")
    every = [drawing for paper in papers for drawing in drawings(paper, params)]
    found = {drawing.name: drawing for drawing in every}
    assert set(found) == set(FIGURES)
    assert [name for paper in papers for name in undrawn(paper)] == []
    for name, drawing in found.items():
        svg = base64.b64decode(drawing.uri.partition("base64,")[2])
        assert svg == paths.plot(name, "svg").read_bytes()
        assert drawing.simulated and not drawing.real
        assert drawing.width > 300 and drawing.height > 100


def test_a_figure_without_a_caption_is_refused(params, folder: Path) -> None:
    place = folder / "plots/btw/figure99.svg"
    place.parent.mkdir(parents=True)
    place.write_text("<svg/>")
    with pytest.raises(ValueError, match=r"figure99.svg: no caption .*\.captions"):
        drawings("btw", params)


def test_a_cut_drawing_is_refused(params, folder: Path) -> None:
    place = folder / "plots/btw/figure1.svg"
    place.parent.mkdir(parents=True)
    place.write_text("<sv")
    with pytest.raises(ValueError, match=r"figure1.svg: no drawing .* draw it again"):
        drawings("btw", params)


def test_words_of_a_committed_figure(tmp_path: Path) -> None:
    shutil.copy(ROOT / "plots/btw/figure1.svg", tmp_path)
    told = words((tmp_path / "figure1.svg").read_text())
    assert "MOSI (simulated data)" in told and "weighted F1" in told
