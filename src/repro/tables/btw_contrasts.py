"""What of a weighting is its scale, its instances or its place: paired contrasts."""

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from repro.params import Params
from repro.results.runs import Run, trained_run
from repro.tables.btw_sites import COHORT, CONTRIBUTION, DATASET, EMBEDDING
from repro.tables.lines import Line, lines, numbered
from repro.tables.oracle import ORACLE_NOTE
from repro.tables.rows import joined

MINUS = "minus"
REFERENCE = "reference"
NO_METRIC = ("",)
SHOWN = ("instance", "bi_level", "uniform", "shuffled", "oracle")
# What is set against what at one site.
PAIRS = (
    ("bi_level", "uniform"),
    ("instance", "uniform"),
    ("instance", "shuffled"),
    ("oracle", "uniform"),
)
LARGER = "mosei"


def contrasts(params: Params) -> pd.DataFrame:
    """Weightings minus equal weights, minus shuffled ones, and site minus site."""
    sites = (
        (f"btw/{DATASET}", f"sites/{DATASET}/moe_{CONTRIBUTION}"),
        (f"btw/{LARGER}",),
        (f"btw/{COHORT}", f"clinical_sites/{COHORT}"),
    )
    named = [dict(zip((EMBEDDING, CONTRIBUTION), own, strict=False)) for own in sites]
    known = [{s: a for s, a in n.items() if a in params.recipes} for n in named]
    return joined(_block(params, addresses) for addresses in known if addresses)


def _block(params: Params, addresses: Mapping[str, str]) -> pd.DataFrame:
    named = {site: trained_run(params, own) for site, own in addresses.items()}
    own = [row for site, run in named.items() for row in _at(params, run, site)]
    plain = {row.row: row for row in own}
    pairs = [(f"{site}_{a}", f"{site}_{b}") for site in named for a, b in PAIRS]
    if len(named) == 2:
        names = ("bi_level", "instance")
        pairs += [(f"{CONTRIBUTION}_{n}", f"{EMBEDDING}_{n}") for n in names]
    trained = [(a, b) for a, b in pairs if a in plain and b in plain]
    found = [*own, *(_against(plain[a], plain[b]) for a, b in trained)]
    notes = [
        "equal weights are the control of the scale, shuffled ones that of what is "
        "known of an instance",
        ORACLE_NOTE,
    ]
    return numbered(params, found, REFERENCE, after=notes, only_headline=True)


def _at(params: Params, run: Run, site: str) -> list[Line]:
    return [
        replace(row, row=f"{site}_{row.method}", name=f"{row.name}, {site}")
        for row in lines(params, run, SHOWN)
    ]


def _against(one: Line, other: Line) -> Line:
    """The difference of two rows, without the metrics that the first has above."""
    return replace(
        one,
        row=f"{one.row}_{MINUS}_{other.row}",
        name=f"{one.name} {MINUS} {other.name}",
        reference=other.row,
        limited=NO_METRIC,
    )
