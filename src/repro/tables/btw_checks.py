"""Tables of BTW beside the printed ones: shortcuts, added noise, hyper-parameters."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from repro.metrics.bootstrap import summary
from repro.params import Params
from repro.params.cells import CONTROLS, WEIGHTINGS, Recipe
from repro.params.switches import SWITCHES
from repro.results.comparing import differences, drawn, seeds_of
from repro.results.published import contents
from repro.results.runs import Run, seed_metrics, trained_run
from repro.tables.blocks import (
    block_of,
    encoder_note,
    not_converged,
    preset_note,
    refuse_unlike,
    tested_note,
)
from repro.tables.lines import baseline_lines, unimodal_line
from repro.tables.rows import (
    Entry,
    PlainTable,
    difference_entry,
    frame,
    holm_adjusted,
    joined_notes,
    summary_entry,
)

PAPER = "btw"
DATASET = "mosi"
NOISE = "noise"  # prefix of the added modalities' names
PLAIN = "attribution/controls/leak_free"  # changes nothing: the row without noise
ATTRIBUTION = ("controls", "weights", "models")
MORE = "more"  # in a table of its own
ROWS = (
    "leak_free",
    "contribution",
    "mean_one",
    "contribution_mean_one",
    *SWITCHES,
    "published",
    "published_without_own_label",
    "cross_fitted_multimodal",
)
ROUTERS = {"permod": "per_modality"}


def attribution(params: Params) -> pd.DataFrame:
    """What shortcuts are worth: test MAE, and the gain over the run's own MoE.

    Gain is MAE of the MoE minus MAE of the method: positive is better. Both stand
    under the same switches.
    """
    return _attributed(params, ATTRIBUTION)


def attribution_more(params: Params) -> pd.DataFrame:
    """The same of the switches that are in a table of their own."""
    return _attributed(params, (MORE,))


def _attributed(params: Params, cells: Sequence[str]) -> pd.DataFrame:
    found = {
        address.rpartition("/")[2]: address
        for key in cells
        for address in params.runs_of(f"attribution/{key}")
    }
    order = [*(r for r in ROWS if r in found), *(r for r in found if r not in ROWS)]
    runs = {row: trained_run(params, found[row]) for row in order}
    entries = [
        entry
        for row, run in runs.items()
        for entry in gains(params, row, row.replace("_", " "), run)
    ]
    note = (
        "gain = MAE of the MoE under the same switches minus MAE of the method, "
        "positive is better; docs/protocol.md says what each switch does"
    )
    return _checked(params, list(runs.values()), entries, note, varied=True)


def noise(params: Params) -> pd.DataFrame:
    """MAE, gain over the MoE and share of weight on noise, by number of modalities.

    Rows with exchanged modalities follow; where weights are wrong is known of them in
    data in which nothing is planted, too.

    The row without noise is leak-free, so it stands in no other protocol.
    """
    recipes = params.runs_of(f"noise/{DATASET}")
    if params.protocol == "leak_free" and PLAIN in params.recipes:
        plain, alphas = params.recipe(PLAIN), {r.alpha for r in recipes.values()}
        recipes |= {PLAIN: plain} if plain.alpha in alphas else {}
    entries: list[Entry] = []
    runs = []
    order = sorted(recipes, key=lambda a: (recipes[a].exchanged, recipes[a].noise))
    for address in order:
        run, recipe = trained_run(params, address), recipes[address]
        row, name = _stressed(recipe)
        entries += gains(params, row, name, run)
        shares = noise_shares(row, name, run)
        entries += [replace(entry, alpha=run.report.alpha) for entry in shares]
        runs.append(run)
    note = (
        "noise share = weight on added noise over all weight, mean over test, "
        "uniform = the share that equal weights would give; exchanged = in that share "
        "of instances, drawn for each modality alone, a modality is that of another "
        "instance of the same split; planted reliability is 0 there, and in simulated "
        "data where it is planted as noise, too"
    )
    return _checked(params, runs, entries, note)


def _stressed(recipe: Recipe) -> tuple[str, str]:
    """Code name and title of a row of added noise or exchanged modalities."""
    if recipe.exchanged:
        percent = round(100 * recipe.exchanged)
        return f"exchanged_{percent}", f"{percent} % exchanged"
    count = recipe.noise
    name = f"{count} noise {'modality' if count == 1 else 'modalities'}"
    return f"{NOISE}_{count}", name


def gains(params: Params, row: str, name: str, run: Run) -> list[Entry]:
    """MAE of each method of a run, and its gain over the run's MoE with interval."""
    score, fusion, headline = run.score, run.report.fusion, run.score.headline.name
    plain = drawn(score, run.predictions(fusion), params.statistics)
    entries = []
    for method in _methods(run):
        found = run.predictions(method)
        value = seed_metrics(score, found)[headline]
        entries.append(summary_entry(row, name, f"{method}_{headline}", value))
        if method == fusion:
            continue
        own = drawn(score, found, params.statistics)
        gain = differences(plain, own, params.statistics)[headline]
        n = seeds_of(plain, own)
        entries.append(difference_entry(row, name, f"{method}_gain", gain, n))
    remark = "MoE not converged" if not_converged(run, fusion) else ""
    return [replace(e, alpha=run.report.alpha, remark=remark) for e in entries]


def noise_shares(row: str, name: str, run: Run) -> Iterator[Entry]:
    """Share of weight on noise modalities per weighted method, mean over test."""
    weights = run.read("weights")
    weights = weights[weights["split"] == "test"]
    columns = [c for c in weights.columns if c.startswith("w_")]
    noisy = [c for c in columns if c.startswith(f"w_{NOISE}")]
    if not noisy:
        return
    for method in [m for m in weights["method"].unique() if m in WEIGHTINGS]:
        rows = weights[weights["method"] == method]
        share = rows[noisy].sum(axis=1) / rows[columns].sum(axis=1)
        per_seed = share.groupby(rows["seed"]).mean().to_numpy(dtype=np.float64)
        yield summary_entry(row, name, f"{method}_noise_share", summary(per_seed))
    uniform = len(noisy) / len(columns)
    yield Entry(row, name, "uniform_noise_share", mean=uniform)


def hyperparameters(params: Params) -> PlainTable:
    """The settings in force beside the printed ones, and whether they agree."""
    encoder = params.active.encoders[params.encoder]
    about_text = encoder_note(params.encoder, encoder.weights, encoder.tuned)
    notes = (preset_note(params.preset), f"{about_text} where the data have text")
    printed = contents(PAPER)["hyperparameters"]
    rows = [
        {
            "setting": name.split(" (")[0].replace("_", " "),
            "here": str(value),
            "printed": str(printed[name]),
            "same": "yes" if value == _spelled_here(printed[name]) else "no",
        }
        for name, value in _settings(params, set(printed)).items()
    ]
    return PlainTable(pd.DataFrame(rows), notes)


def _settings(params: Params, printed: set[str]) -> dict[str, object]:
    moe = params.models(DATASET).fusions["moe"]
    ours: dict[str, object] = {
        "Number of Experts": params.experts,
        "FFN hidden size": moe["expert_hidden"],
        "Top k": params.top_k,
        "Router_type": moe["router"],
        "Hidden activation function": "GeLU",  # of models.layers.experts
        "Number of MoE layers": moe["layers"],
        "smoothing_factor_default (text 6.4)": params.alpha,
    }
    missing = sorted(printed ^ set(ours))
    if missing:
        raise ValueError(
            f"data/published/{PAPER}.yaml: hyperparameters {missing} stand on one side "
            "only; add them to repro.tables.btw_checks"
        )
    return ours


def _spelled_here(value: object) -> object:
    return ROUTERS.get(value, value) if isinstance(value, str) else value


def _checked(
    params: Params,
    runs: Sequence[Run],
    entries: Sequence[Entry],
    note: str,
    *,
    varied: bool = False,
) -> pd.DataFrame:
    block = block_of(runs, varied=varied)
    first = runs[0]
    tested = tested_note(params, first, first.predictions(first.report.fusion))
    notes = joined_notes(tested, note, _baseline_note(params, first), block.notes)
    return frame(replace(block, notes=notes), holm_adjusted(entries))


def _baseline_note(params: Params, run: Run) -> str:
    """Test MAE of the trivial baselines of a run's data set, as a sentence.

    A study that trains a part alone may have no base, and so no best unimodal model.
    """
    rows = baseline_lines(params, f"baselines/{run.dataset}", ("mean", "ridge"))
    if (address := f"base/{run.dataset}") in params.recipes:
        base = trained_run(params, address)
        refuse_unlike([run, base])
        rows = [*rows, unimodal_line(params, base)]
    shown = [f"{row.name} {row.predictions.error.mean():.3f}" for row in rows]
    return f"test MAE of the trivial baselines: {', '.join(shown)}"


def _methods(run: Run) -> list[str]:
    """The unweighted fusion of a run, then its weighted models."""
    names = (run.report.fusion, *WEIGHTINGS, *CONTROLS)
    return [name for name in names if name in run.methods]
