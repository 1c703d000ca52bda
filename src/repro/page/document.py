"""The page as one file of HTML: its parts put into the template."""

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from repro.findings.page import told_headlines
from repro.page import provenance
from repro.page.drawings import Drawing, drawings, undrawn
from repro.page.sections import (
    Sources,
    TableSection,
    papers,
    table_sections,
    unwritten,
)
from repro.page.texts import refuse_same, visible
from repro.results.published import paper_title
from repro.tables import own

HERE = Path(__file__).parent
_ARXIV = re.compile(r"arXiv (\d{4}\.\d{4,5})")
# Anchors of the template itself.
PLACES = (
    "main",
    "contents",
    "scheme",
    "sorted",
    "short",
    "data",
    "settings",
    "seconds",
)


@dataclass(frozen=True)
class Paper:
    """A paper with its tables and figures, or the user's own data sets."""

    title: str
    arxiv: str
    tables: Sequence[TableSection]
    figures: Sequence[Drawing]
    missing: Sequence[str]


def page(sources: Sources) -> str:
    """The whole of report/index.html.

    Raises:
        ValueError: a table or a figure is damaged, or two have one anchor.
    """
    found = [_paper(name, sources) for name in papers()]
    refuse_same(_anchors(found))
    datasets = {d for one in found for table in one.tables for d in table.datasets}
    return render(
        papers=found,
        preset=sources.params.preset,
        level=100 * sources.params.statistics.confidence,
        headlines=_headlines(sources),
        data=provenance.sources(sources.params, datasets),
        settings={
            "params.yaml": provenance.settings(sources.params),
            f"presets/{sources.params.preset}.yaml": provenance.preset_settings(
                sources.params
            ),
        },
        spent=provenance.spent(sources.params),
        cells=sum(len(own) for own in sources.params.cells.values()),
        **_counts(found),
    )


def render(**parts: Any) -> str:
    """The template with its parts; every text in it is escaped.

    A policy in the page lets a browser load nothing and run no script but its own.
    """
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style, script = (
        (HERE / name).read_text("utf-8") for name in ("page.css", "page.js")
    )
    return environment.get_template("page.html").render(
        style=Markup(style),
        script=Markup(script),
        policy=policy(style, script),
        **parts,
    )


def policy(style: str, script: str) -> str:
    """What the page may do: show pictures it holds, use this style and this script."""
    return (
        "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
        f"style-src '{_digest(style)}'; script-src '{_digest(script)}'"
    )


def _digest(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def _shown(value: object) -> object:
    """A text without marks that steer it; markup of the template as it is."""
    is_text = isinstance(value, str) and not isinstance(value, Markup)
    return visible(value) if is_text else value  # type: ignore[arg-type]


def _paper(name: str, sources: Sources) -> Paper:
    title = "Own data sets" if name == own.GROUP else paper_title(name)
    number = _ARXIV.search(title)
    return Paper(
        title=title,
        arxiv=number[1] if number else "",
        tables=table_sections(name, sources),
        figures=drawings(name, sources.params),
        missing=[*unwritten(name, sources), *undrawn(name)],
    )


def _headlines(sources: Sources) -> list[str]:
    return told_headlines(sources.trees, sources.params, known=sources.known)


def _counts(found: Iterable[Paper]) -> Mapping[str, int]:
    """Blocks of tables that are of simulated and of real data, and drawings."""
    every = (block for one in found for table in one.tables for block in table.blocks)
    blocks = [block for block in every if block.is_ours]
    simulated = sum(block.is_simulated for block in blocks)
    return {"simulated": simulated, "real": len(blocks) - simulated}


def _anchors(found: Iterable[Paper]) -> Iterator[str]:
    yield from PLACES
    for one in found:
        for table in one.tables:
            yield table.anchor
            yield from (block.anchor for block in table.blocks)
        yield from (figure.anchor for figure in one.figures)
