"""Figures of the page: the drawing itself, and which of its data are simulated."""

import base64
import html
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from repro import paths
from repro.figures.captions import CAPTIONS
from repro.files import read_text
from repro.page.texts import anchor
from repro.params import Params

_WORDS = re.compile(r"<!-- (.*?) -->", re.DOTALL)  # beside the outlines of its letters
_SIZE = re.compile(r'viewBox="0 0 ([\d.]+) ([\d.]+)"')
_SIMULATED = " (simulated data)"


@dataclass(frozen=True)
class Drawing:
    """A figure; `simulated` and `real` are titles of the data sets it shows."""

    name: str
    anchor: str
    title: str
    about: str
    simulated: Sequence[str]
    real: Sequence[str]
    uri: str
    width: int
    height: int


def drawings(paper: str, params: Params) -> list[Drawing]:
    """The figures of a paper that were drawn.

    Raises:
        ValueError: one has no caption or is no drawing.
    """
    drawn = sorted(path.stem for path in (paths.PLOTS / paper).glob("*.svg"))
    for item in drawn:
        if f"{paper}_{item}" not in CAPTIONS:
            raise ValueError(
                f"plots/{paper}/{item}.svg: no caption of that name; add it to "
                "repro.figures.captions"
            )
    names = [name for name in CAPTIONS if name.startswith(f"{paper}_")]
    return [_drawing(n, params) for n in names if paths.plot(n, "svg").is_file()]


def undrawn(paper: str) -> list[str]:
    """Names of the figures of a paper that were not drawn."""
    names = [name for name in CAPTIONS if name.startswith(f"{paper}_")]
    return [name for name in names if not paths.plot(name, "svg").is_file()]


def words(svg: str) -> list[str]:
    """The texts of a drawing, which stand beside their outlines.

    >>> words("<g><!-- MOSI &amp; more --><use/></g>")
    ['MOSI & more']
    """
    return [html.unescape(found) for found in _WORDS.findall(svg)]


def shown_data(told: Sequence[str], params: Params) -> Mapping[str, bool]:
    """Titles of the data sets that the panels of a drawing name, and if simulated."""
    titles = {known.title for known in params.datasets.every().values()}
    ordered = sorted(titles, key=len, reverse=True)  # the longest that fits
    return dict(found for text in told for found in _named(text, ordered))


def _named(text: str, titles: Sequence[str]) -> Iterator[tuple[str, bool]]:
    for title in titles:
        rest = text.removeprefix(title)
        if rest != text and (not rest or rest[0] in ",:" or rest.startswith(" (")):
            yield title, rest.startswith(_SIMULATED)
            return


def _drawing(name: str, params: Params) -> Drawing:
    path, caption = paths.plot(name, "svg"), CAPTIONS[name]
    svg = read_text(path)
    size = _SIZE.search(svg)
    if size is None:
        raise ValueError(f"{path}: no drawing with a viewBox; draw it again")
    shown = shown_data(words(svg), params)
    coded = base64.b64encode(svg.encode()).decode()
    return Drawing(
        name=name,
        anchor=anchor(name),
        title=caption.title,
        about=caption.about,
        simulated=[title for title, simulated in shown.items() if simulated],
        real=[title for title, simulated in shown.items() if not simulated],
        uri=f"data:image/svg+xml;base64,{coded}",
        width=round(float(size[1])),
        height=round(float(size[2])),
    )
