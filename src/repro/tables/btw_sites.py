"""Where weights act: tables of sites, fusions, fresh draws and a convex fusion."""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from repro.params import Params
from repro.params.cells import CONTROLS, SHUFFLED, WEIGHTINGS
from repro.results.runs import Run, other_fusions, trained_run
from repro.tables.blocks import left_out
from repro.tables.labels import UNWEIGHTED
from repro.tables.lines import (
    Line,
    baseline_lines,
    line,
    lines,
    numbered,
    unimodal_line,
)
from repro.tables.oracle import ORACLE_NOTE
from repro.tables.rows import joined

MOE, FUSEMOE = "moe", "fusemoe"
DATASET, COHORT = "mosi", "icu_all"
FUSIONS = ("late_fusion", "low_rank", "concat_transformer", "mult")
EMBEDDING, CONTRIBUTION = "embedding", "contribution"
LOCAL = ("instance", "bi_level")
TESTED = (*LOCAL, "uniform", SHUFFLED, "oracle")
KINDS = ("visible", "hidden")
FUSION_NOTES = (
    "each weighted row is set against its own unweighted fusion; the unimodal models "
    "are the same for all",
    "in MulT every attention has one sender, where a positive weight cancels in the "
    "softmax; at the contribution its weights act on the pooled vectors",
)


def sites(params: Params) -> pd.DataFrame:
    """Every weighting of every fusion at both sites, minus its own unweighted model."""
    has_cohort = f"clinical_sites/{COHORT}" in params.recipes
    more = [_clinical_sites(params)] if has_cohort else []
    return joined([_sentiment_sites(params), *more])


def _sentiment_sites(params: Params) -> pd.DataFrame:
    base = trained_run(params, f"base/{DATASET}")
    others = other_fusions(params, DATASET)
    found: list[Line] = []
    for fusion in (MOE, *FUSIONS):
        trained = [r for r in (base, *others) if fusion in r.report.methods]
        if not trained:
            continue
        found.append(line(params, trained[0], fusion))
        for site in (EMBEDDING, CONTRIBUTION):
            found += _at(params, _run_at(params, fusion, site), site)
    notes = [*FUSION_NOTES, ORACLE_NOTE, *left_out(params, others)]
    return numbered(params, found, UNWEIGHTED, after=notes, only_headline=True)


def _run_at(params: Params, fusion: str, site: str) -> Run:
    """The run of a fusion at a site; of the MoE at the paper's that of Table 3."""
    if fusion == MOE and site == EMBEDDING:
        return trained_run(params, f"btw/{DATASET}")
    return trained_run(params, f"sites/{DATASET}/{fusion}_{site}")


def _clinical_sites(params: Params) -> pd.DataFrame:
    plain = trained_run(params, f"base/{COHORT}")
    runs = {
        EMBEDDING: trained_run(params, f"btw/{COHORT}"),
        CONTRIBUTION: trained_run(params, f"clinical_sites/{COHORT}"),
    }
    found = [line(params, plain, FUSEMOE)]
    for site, run in runs.items():
        found += _at(params, run, site)
    told = left_out(params, list(runs.values()))
    notes = [ORACLE_NOTE, *dict.fromkeys(told)]
    return numbered(params, found, UNWEIGHTED, after=notes, only_headline=True)


def _at(params: Params, run: Run, site: str) -> list[Line]:
    """Rows of a weighted run, named after its fusion and site."""
    fusion = run.report.fusion
    return [
        replace(
            row,
            row=f"{fusion}_{site}_{row.method}",
            name=f"{params.names[fusion]}, {site}, {row.name}",
            reference=fusion,
        )
        for row in lines(params, run, TESTED)
    ]


def fusions(params: Params) -> pd.DataFrame:
    """Every fusion without weights, with BTW-local, with BTW and with the oracle."""
    base = trained_run(params, f"base/{DATASET}")
    other = trained_run(params, f"fusions/{DATASET}")
    found = [
        *baseline_lines(params, f"baselines/{DATASET}", ("mean", "ridge")),
        unimodal_line(params, base),
        line(params, base, MOE),
        *_weighted(params, trained_run(params, f"btw/{DATASET}")),
    ]
    for fusion in FUSIONS:
        if fusion in other.report.methods:
            found.append(line(params, other, fusion))
            found += _weighted(params, _run_at(params, fusion, EMBEDDING))
    notes = [*FUSION_NOTES, ORACLE_NOTE, *left_out(params, [other])]
    return numbered(params, found, UNWEIGHTED, after=notes)


def _weighted(params: Params, run: Run) -> list[Line]:
    fusion = run.report.fusion
    return [
        replace(
            row,
            row=f"{fusion}_{row.method}",
            name=f"{params.names[fusion]}, {row.name}",
            reference=fusion,
        )
        for row in lines(params, run, (*LOCAL, "oracle"))
    ]


def draws(params: Params) -> pd.DataFrame:
    """The oracle and its posterior on fresh draws, each against its own unweighted MoE.

    Draws differ in their training sets, which seeds do not vary, so each has its rows.
    """
    cells = params.cells.get("draws", {})
    kinds = [[name for name in cells if name.startswith(kind)] for kind in KINDS]
    return joined(_draws_block(params, names) for names in kinds if names)


def _draws_block(params: Params, names: Sequence[str]) -> pd.DataFrame:
    found = [row for name in names for row in _draw_lines(params, name)]
    notes = [
        "each fresh draw has a training and a test set of its own; what is said of "
        "absent samples is of the first",
        ORACLE_NOTE,
    ]
    return numbered(params, found, UNWEIGHTED, after=notes, only_headline=True)


def _draw_lines(params: Params, name: str) -> list[Line]:
    draw = f"draw {name.rpartition('_')[2]}"
    runs = {
        site: trained_run(params, f"draws/{name}/{site}")
        for site in (EMBEDDING, CONTRIBUTION)
    }
    plain = line(params, runs[EMBEDDING], MOE)
    found = [replace(plain, row=f"{MOE}_{name}", name=f"{plain.name}, {draw}")]
    for site, run in runs.items():
        found += [
            replace(
                row,
                row=f"{MOE}_{name}_{site}_{row.method}",
                name=f"{draw}, {site}, {row.name}",
                reference=f"{MOE}_{name}",
            )
            for row in lines(params, run, CONTROLS)
        ]
    return found


def convex(params: Params) -> pd.DataFrame:
    """Ridge fusion on weighted features, set against ridge without weights."""
    base = trained_run(params, f"base/{DATASET}")
    methods = (*WEIGHTINGS, *CONTROLS)
    found = [
        *baseline_lines(params, f"convex/{DATASET}", ("ridge",)),
        *baseline_lines(params, f"convex/{DATASET}", methods, "ridge"),
        line(params, base, MOE),
    ]
    notes = [
        "each row fits ridge regression on features times the weights of that row, the "
        "weights of Table 3; equal weights cancel where all modalities are present",
        ORACLE_NOTE,
    ]
    return numbered(params, found, "ridge", after=notes, only_headline=True)
