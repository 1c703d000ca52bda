"""Every table of I2MoE."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
from jaxtyping import Float

from repro.params import Params
from repro.params.cells import UNIMODAL
from repro.results.explanations import (
    Explanation,
    PlantedRows,
    equal_weights,
    explanation_of,
    planted_rows,
    posterior_explanation,
    rule_of_disagreement,
)
from repro.results.probes import probe_of
from repro.results.runs import Run, trained_run
from repro.tables.i2moe_ablations import table4, table5
from repro.tables.i2moe_agreement import table3
from repro.tables.i2moe_cost import table6
from repro.tables.i2moe_coupling import coupling
from repro.tables.i2moe_fusions import table1, table2
from repro.tables.i2moe_mixes import mixes_of
from repro.tables.i2moe_pairs import pairs_block
from repro.tables.i2moe_planted import planted
from repro.tables.i2moe_probe import Probed, probe_block
from repro.tables.i2moe_seeds import agreement_blocks
from repro.tables.i2moe_settings import hyperparameters
from repro.tables.i2moe_truth import (
    ORACLE,
    RELEASED,
    UNTRAINED,
    truth_block,
)
from repro.tables.rows import Table, joined

PAPER = "i2moe"
GROUP = "interactions"
FULL, WITHOUT = "i2moe", "no_interaction"
CENTRED = "centred_losses"
DISAGREEMENT, EQUAL = "disagreement", "uniform"


def interpretation_truth(params: Params) -> pd.DataFrame:
    """Whether weights of experts name what rows were planted to need, by mix."""
    told = {name: _told(params, f"{GROUP}/{name}") for name in _planted_cells(params)}
    against = (EQUAL, WITHOUT, DISAGREEMENT)
    blocks = [
        truth_block(params, rows, found, [name for name in against if name in found])
        for rows, found in told.values()
    ]
    pairs = [block for of in told.values() for block in pairs_block(params, *of)]
    alike = agreement_blocks(params)
    return joined([*blocks, *pairs, *mixes_of(params, told), *alike])


def probe(params: Params) -> pd.DataFrame:
    """Whether experts use what modalities say, by planted set with a probed run."""
    blocks = []
    for cell in _planted_cells(params):
        recipes = params.runs_of(f"{GROUP}/{cell}")
        probed = [
            a for a, r in recipes.items() if r.interaction and r.interaction.probe
        ]
        if probed:
            rows = planted_rows(params, recipes[probed[0]].dataset)
            found = {a.rpartition("/")[2]: _probed(params, a, rows) for a in probed}
            against = [n for n in (UNTRAINED, WITHOUT) if n in found]
            blocks.append(probe_block(params, rows, found, against))
    return joined(blocks)


def _probed(params: Params, address: str, rows: PlantedRows) -> Probed:
    run = trained_run(params, address)
    told = explanation_of(run.read("experts"), rows, rows.experts)
    tested = run.predictions(run.methods[0])
    return Probed(told, probe_of(run.read("probe"), rows), tested)


def _planted_cells(params: Params) -> Iterator[str]:
    for key, cell in params.cells.get(GROUP, {}).items():
        if params.plants_interactions(cell.dataset):
            yield key


def _told(params: Params, cell: str) -> tuple[PlantedRows, dict[str, Explanation]]:
    """What every run of a cell says of the rows of its data set, by name of the row."""
    recipes = params.runs_of(cell)
    rows = planted_rows(params, next(iter(recipes.values())).dataset)
    names = {address.rpartition("/")[2]: address for address in recipes}
    found = {
        name: explanation_of(
            trained_run(params, address).read("experts"), rows, rows.experts
        )
        for name, address in names.items()
        if recipes[address].interaction is not None
    }
    for address, recipe in recipes.items():
        if UNIMODAL in recipe.trains and recipe.interaction is None:
            run = trained_run(params, address)
            found[DISAGREEMENT] = _disagreement(run, rows)
    if FULL in found:
        found[EQUAL] = equal_weights(found[FULL])
        found[ORACLE] = posterior_explanation(params, found[FULL], rows)
        if UNTRAINED in found:  # it has learned nothing: asked of what FULL has
            found[UNTRAINED] = replace(found[UNTRAINED], right=found[FULL].right)
        if CENTRED in found:  # beside other losses: of classes the same as FULL
            found[RELEASED] = found[FULL]
    return rows, found


def _disagreement(run: Run, rows: PlantedRows) -> Explanation:
    """The rule on the unimodal models and the fusion of a run without experts."""
    modalities = run.report.data.modalities
    alone = [_aligned(run, name, rows) for name in modalities]
    fused = _aligned(run, run.report.fusion, rows)
    return rule_of_disagreement(np.stack(alone, axis=2), fused, rows)


def _aligned(
    run: Run, method: str, rows: PlantedRows
) -> Float[np.ndarray, "seeds samples classes"]:
    """Probabilities of test in the order of the planted rows."""
    found = run.predictions(method)
    place = {name: k for k, name in enumerate(found.id.tolist())}
    return found.prediction[:, [place[name] for name in rows.ids.tolist()]]


TABLES: dict[str, Table] = {
    "table1": Table("Table 1. Fusions, and interaction experts of one", table1),
    "table2": Table("Table 2. Interaction experts of other fusions", table2),
    "table3": Table("Table 3. Agreement of experts", table3),
    "table4": Table("Table 4. Parts of I2MoE left out", table4),
    "table5": Table("Table 5. What masks a modality", table5),
    "table6": Table("Table 6. Time and size of interaction experts", table6),
    "hyperparameters": Table(
        "Tables 7 to 10. Hyper-parameters of interaction experts", hyperparameters
    ),
    "planted": Table("Planted interactions. What is known of them", planted),
    "interpretation_truth": Table(
        "Interpretation. Do weights of experts name what rows need",
        interpretation_truth,
    ),
    "probe": Table("Probe. Do experts use modalities, or only detect masks", probe),
    "coupling": Table("Weights of modalities and of experts, together", coupling),
}
