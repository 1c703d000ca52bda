"""Where weights act: tables of sites, fusions, fresh draws and a convex fusion."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from repro.params import Params
from repro.params.cells import CONTROLS, SHUFFLED, WEIGHTINGS
from repro.results.runs import Predictions, Run, refuse_unpaired, trained_run
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
ORACLE_NOTE = (
    "planted reliability = 1 or 0 as the simulation made a modality of an instance; "
    "posterior reliability = the best guess of that from all that the modalities show"
)


def sites(params: Params) -> pd.DataFrame:
    """Every weighting of every fusion at both sites, minus its own unweighted model."""
    return joined([_sentiment_sites(params), _clinical_sites(params)])


def _sentiment_sites(params: Params) -> pd.DataFrame:
    base = trained_run(params, f"base/{DATASET}")
    other = trained_run(params, f"fusions/{DATASET}")
    found: list[Line] = []
    for fusion in (MOE, *FUSIONS):
        plain = base if fusion == MOE else other
        if fusion not in plain.report.methods:
            continue
        found.append(line(params, plain, fusion))
        for site in (EMBEDDING, CONTRIBUTION):
            found += _at(params, _run_at(params, fusion, site), site)
    notes = [*FUSION_NOTES, ORACLE_NOTE, *left_out(params, [other])]
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
    """The oracle and its posterior on fresh draws, those of one kind of noise pooled.

    The test samples of all draws of a kind count together; each draw has its own
    models, one for every seed.
    """
    cells = params.cells.get("draws", {})
    kinds = [[name for name in cells if name.startswith(kind)] for kind in KINDS]
    return joined(_draws_block(params, names) for names in kinds if names)


def _draws_block(params: Params, names: Sequence[str]) -> pd.DataFrame:
    runs = {
        site: [trained_run(params, f"draws/{name}/{site}") for name in names]
        for site in (EMBEDDING, CONTRIBUTION)
    }
    first = runs[EMBEDDING]
    found = [_pooled_line(params, first, MOE)]
    for site, of_site in runs.items():
        for method in CONTROLS:
            if all(method in run.report.methods for run in of_site):
                found.append(_pooled_line(params, of_site, method, site))
    notes = [f"test samples of {len(names)} fresh draws together", ORACLE_NOTE]
    return numbered(params, found, UNWEIGHTED, after=notes, only_headline=True)


def _pooled_line(
    params: Params, runs: Sequence[Run], method: str, site: str = ""
) -> Line:
    """The row of a method on the test samples of several runs together."""
    own = line(params, runs[0], method)
    if site:
        row, name = f"{site}_{method}", f"{site}, {own.name}"
        own = replace(own, row=row, name=name, reference=MOE)
    return replace(own, predictions=pooled([run.predictions(method) for run in runs]))


def pooled(parts: Sequence[Predictions]) -> Predictions:
    """Predictions of one method on several data sets as on one, seed by seed.

    Samples and groups of different data sets stay apart whatever their names.

    Raises:
        ValueError: the seeds differ.
    """
    first = parts[0]
    for part in parts[1:]:
        if not np.array_equal(part.seeds, first.seeds):
            refuse_unpaired(part, first)
    return replace(
        first,
        id=_apart([part.id for part in parts]),
        group=_apart([part.group for part in parts]),
        y=np.concatenate([part.y for part in parts]),
        prediction=np.concatenate([part.prediction for part in parts], axis=1),
    )


def _apart(names: Sequence[np.ndarray]) -> np.ndarray:
    return np.array([f"{k}:{name}" for k, own in enumerate(names) for name in own])


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
        "weights of Table 3; equal weights cancel exactly",
        ORACLE_NOTE,
    ]
    return numbered(params, found, "ridge", after=notes, only_headline=True)
