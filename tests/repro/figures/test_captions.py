"""Every figure has a caption that says what its marks mean."""

from repro.figures.btw import FIGURES
from repro.figures.captions import CAPTIONS


def test_every_figure_has_one() -> None:
    assert {f"btw_{name}" for name in FIGURES} == {
        name for name in CAPTIONS if name.startswith("btw_")
    }


def test_no_two_titles_are_the_same() -> None:
    titles = [caption.title for caption in CAPTIONS.values()]
    assert len(set(titles)) == len(titles)
    assert all(caption.about.endswith(".") for caption in CAPTIONS.values())
