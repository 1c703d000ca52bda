"""Every table of BTW: which runs give its rows, and what they are set against."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import pandas as pd

from repro.params import Params
from repro.params.cells import CONTROLS, WEIGHTINGS
from repro.results.published import contents
from repro.results.runs import Run, other_fusions, trained_run
from repro.results.verdict import conditions
from repro.tables.blocks import left_out
from repro.tables.btw_ceilings import ceilings
from repro.tables.btw_checks import (
    attribution,
    attribution_more,
    hyperparameters,
    noise,
)
from repro.tables.btw_contrasts import contrasts
from repro.tables.btw_sites import convex, draws, fusions, sites
from repro.tables.cohorts import cohort_facts, is_empty, read_cohort, score_notes
from repro.tables.first_rows import (
    FUSEMOE,
    MOE,
    ceiling_lines,
    first_lines,
    linear_lines,
)
from repro.tables.lines import (
    Line,
    baseline_lines,
    line,
    lines,
    numbered,
    printed_table,
    unimodal_line,
)
from repro.tables.oracle import ORACLE_NOTE
from repro.tables.rows import TYPES, Table, joined
from repro.tables.stays_by_class import TOTAL, protected_of, stays_by_class
from repro.tables.timing import times

PAPER = "btw"
SENTIMENT = ("mosi", "mosei")
COMPLETE, ALL = "icu_complete", "icu_all"
CLINICAL = (COMPLETE, ALL)
LOCAL = ("instance", "bi_level")
# Rows of other fusions on the sentiment data, in the order of the tables.
FUSIONS = (
    "early_fusion",
    "late_fusion",
    "low_rank",
    "concat_transformer",
    "mult",
    "mmim",
)
TRIVIAL = ("majority", "stratified")
# Removed modalities, as the paper names them in Tables 8 and 9.
REMOVED = {"ecg": "ECG", "text": "Text", "cxr": "CXR"}


def present(params: Params, group: str, datasets: Sequence[str]) -> list[str]:
    """The data sets that have a cell in a group; a study may leave some out."""
    return [name for name in datasets if name in params.cells.get(group, {})]


def table2(params: Params) -> pd.DataFrame:
    """Stays of each class of every cohort; the complete one beside the printed."""
    told = contents(PAPER)["table2"]
    counts = enumerate(told["los_days_count"].values())
    printed = {f"class_{k}": int(count) for k, count in counts}
    printed[TOTAL] = int(told["total"])
    known = [name for name in CLINICAL if name in params.datasets.stays]
    cohorts = [name for name in known if not is_empty(params, name)]
    protected = protected_of(params, cohorts)
    return joined(
        stays_by_class(
            params,
            name,
            printed if name == COMPLETE else {},
            conditions(PAPER, "table2", name),
            protected,
        )
        for name in cohorts
    )


def table4(params: Params) -> pd.DataFrame:
    """Every method on the stays that have every modality."""
    return _clinical(params, "table4", COMPLETE, _method_lines(params, COMPLETE))


def table7(params: Params) -> pd.DataFrame:
    """Every method on all stays: absent modalities masked, and as zeros as published.

    Departure: the released code counts an absent modality as zeros; here it is left
    out, and the published behavior stands beside it (`missing: zero` and
    `count_absent: true`).
    """
    absent = trained_run(params, f"absent/{ALL}")
    zeros = _varied(params, absent, "zero", ", absent = zero (as published)")
    notes = (
        "absent modalities take no part, or are zeros that count as present where the "
        f"name says so; the latter are set against {params.names[FUSEMOE]} with zeros",
        "the paper prints a method once: its number stands beside both rows",
    )
    found = [*_method_lines(params, ALL), *zeros]
    return _clinical(params, "table7", ALL, found, *notes)


def table10_block(params: Params, dataset: str) -> pd.DataFrame:
    """Seconds of the unimodal models, of MoE and of the weighted models."""
    printed = printed_table(PAPER, "table10", dataset).rows
    return times(params, f"base/{dataset}", f"btw/{dataset}", printed)


def of_each(
    group: str, block: Callable[[Params, str], pd.DataFrame], params: Params
) -> pd.DataFrame:
    """A block for each sentiment data set that has a cell in a group."""
    names = present(params, group, SENTIMENT)
    return joined(block(params, name) for name in names)


def table3_block(params: Params, dataset: str) -> pd.DataFrame:
    """Every method; the weighted ones with the alpha they ran at."""
    base, weighted = (trained_run(params, f"{g}/{dataset}") for g in ("base", "btw"))
    others = other_fusions(params, dataset)
    found = [
        *first_lines(params, f"baselines/{dataset}", base),
        *(row for run in others for row in lines(params, run, FUSIONS, MOE)),
        *lines(params, weighted, (*WEIGHTINGS, *CONTROLS), MOE),
        *ceiling_lines(params, dataset),
    ]
    beside = printed_table(PAPER, "table3", dataset)
    told = [ORACLE_NOTE, *left_out(params, [base, *others, weighted])]
    return numbered(params, found, MOE, beside=beside, after=told)


def table5_block(params: Params, dataset: str) -> pd.DataFrame:
    """ITHP, MMIM, MoE and BTW on the other text encoder."""
    base = trained_run(params, f"deberta/{dataset}")
    if not base.report.methods:  # no raw text to encode
        return pd.DataFrame(columns=list(TYPES)).astype(TYPES)
    baselines, weighted = f"baselines_deberta/{dataset}", f"deberta_btw/{dataset}"
    found = [
        *first_lines(params, baselines, base),
        *lines(params, base, ("mmim", "ithp"), MOE),
        *lines(params, trained_run(params, weighted), LOCAL, MOE),
    ]
    beside = printed_table(PAPER, "table5", dataset)
    told = left_out(params, [base])
    return numbered(params, found, MOE, beside=beside, after=told)


def table6_block(params: Params, dataset: str) -> pd.DataFrame:
    """BTW-local and BTW at each smoothing factor that the sweep pins."""
    base = trained_run(params, f"base/{dataset}")
    found = first_lines(params, f"baselines/{dataset}", base)
    runs = {
        address: trained_run(params, address)
        for address in params.runs_of(f"sweep/{dataset}")
    }
    for method in LOCAL:
        for address, run in runs.items():
            alpha = params.alpha_of(params.recipe(address))
            row = f"{method}_{address.rpartition('alpha_')[2]}"
            name = f"{params.names[method]}, alpha {alpha:g}"
            about = {"row": row, "name": name, "reference": MOE}
            found.append(line(params, run, method, label=alpha, **about))
    beside = printed_table(PAPER, "table6", dataset)
    return numbered(params, found, MOE, beside=beside)


def _method_lines(params: Params, cohort: str) -> list[Line]:
    base, baselines = trained_run(params, f"base/{cohort}"), f"baselines/{cohort}"
    weighted = trained_run(params, f"btw/{cohort}")
    return [
        *baseline_lines(params, baselines, TRIVIAL),
        unimodal_line(params, base, FUSEMOE),
        *linear_lines(params, cohort, base),
        *baseline_lines(params, baselines, ("haim",), FUSEMOE),
        *lines(params, base, ("mult", FUSEMOE), FUSEMOE),
        *lines(params, weighted, (*WEIGHTINGS, *CONTROLS), FUSEMOE),
        *ceiling_lines(params, cohort),
    ]


def _varied(
    params: Params, run: Run, suffix: str, words: str, without: str = ""
) -> list[Line]:
    """FuseMoE and BTW retrained on other data, set against that FuseMoE."""
    return [
        replace(
            row,
            row=f"{row.row}_{suffix}",
            name=f"{row.name}{words}",
            reference=f"{FUSEMOE}_{suffix}",
            without=without,
        )
        for row in lines(params, run, (FUSEMOE, *LOCAL))
    ]


def without_one(table: str, cohort: str, params: Params) -> pd.DataFrame:
    """One modality of a cohort removed."""
    base = trained_run(params, f"base/{cohort}")
    found = [
        *baseline_lines(params, f"baselines/{cohort}", TRIVIAL),
        unimodal_line(params, base, FUSEMOE),
        *linear_lines(params, cohort, base),
        *lines(params, base, (FUSEMOE,)),
        *lines(params, trained_run(params, f"btw/{cohort}"), LOCAL, FUSEMOE),
    ]
    title = params.names[FUSEMOE]
    notes = [f"a row without a modality is set against {title} without it"]
    for modality, shown in REMOVED.items():
        if modality not in base.report.data.modalities:
            notes.append(f"no rows without {shown}: these data do not have it")
            continue
        run = trained_run(params, f"removal/{cohort}/{modality}")
        words = f" without {shown}"
        found += _varied(params, run, f"without_{modality}", words, shown)
    return _clinical(params, table, cohort, found, *notes)


def _clinical(
    params: Params, table: str, cohort: str, found: Sequence[Line], *notes: str
) -> pd.DataFrame:
    files = read_cohort(params, cohort)
    beside = printed_table(PAPER, table, cohort, cohort_facts(params, files))
    runs = {row.run.report.address: row.run for row in found}
    told = left_out(params, list(runs.values()))
    after = [*score_notes(params, files), *dict.fromkeys(told)]
    return numbered(params, found, FUSEMOE, beside=beside, before=notes, after=after)


TABLES: dict[str, Table] = {
    "table2": Table("Table 2. Stays by length of stay", table2),
    "table3": Table(
        "Table 3. Sentiment regression", partial(of_each, "btw", table3_block)
    ),
    "table4": Table("Table 4. Length of stay, complete modalities", table4),
    "table5": Table(
        "Table 5. Another text encoder", partial(of_each, "deberta", table5_block)
    ),
    "table6": Table(
        "Table 6. Smoothing factor", partial(of_each, "sweep", table6_block)
    ),
    "table7": Table("Table 7. Length of stay, absent modalities", table7),
    "table8": Table(
        "Table 8. Length of stay without one modality, complete modalities",
        partial(without_one, "table8", COMPLETE),
    ),
    "table9": Table(
        "Table 9. Length of stay without one modality, all stays",
        partial(without_one, "table9", ALL),
    ),
    "table10": Table("Table 10. Time", partial(of_each, "btw", table10_block)),
    "attribution": Table("Attribution. What shortcuts are worth", attribution),
    "attribution_more": Table(
        "Attribution. What the other switches are worth", attribution_more
    ),
    "fusions": Table("BTW on other fusions", fusions),
    "sites": Table("Sites. Where the weights act", sites),
    "contrasts": Table(
        "Contrasts. Scale, instances and place of the weights", contrasts
    ),
    "draws": Table("Fresh draws. What knowing the noise would be worth", draws),
    "convex": Table("Convex check. Ridge fusion of weighted features", convex),
    "ceilings": Table("Ceilings. What can be known of what was planted", ceilings),
    "noise": Table(
        "Noise. Added modalities that carry nothing, and exchanged ones", noise
    ),
    "hyperparameters": Table("Hyper-parameters of the MoE", hyperparameters),
}
