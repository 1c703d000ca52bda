"""docs/cards/models_*.md: the checkpoints of Table 3's runs, from their reports."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from repro import paths
from repro.params import Params
from repro.records import SPLITS
from repro.report import Method
from repro.results.comparing import LEAST_SEEDS, drawn, interval
from repro.results.runs import Run, seed_metrics, trained_run
from repro.tables.rendering import dataset_title, markdown_table, plain

NONE = "These runs keep no checkpoints (`checkpoints: false`)."
GROUPS = ("base", "fusions", "btw")  # cells whose models Table 3 shows
WRITTEN = (
    "Written by `dvc repro cards` from `report.json` and the predictions of the runs; "
    "an edit here is overwritten."
)
USE = (
    "to repeat or take apart the rows of Table 3 without training, and to try the code "
    "on rows of the same kind",
    "not for any decision about anyone: it has never seen a person",
)
LIMITS = (
    "learned from made-up words and noise; on real files it predicts nothing",
    "its inputs are those of the training features, standardized on train; the random "
    "text encoder belongs to it",
    "seeds vary the training, not the training data: the spread is that of one draw",
)
REAL = (
    "These runs learned from real files, so their checkpoints are not released: "
    "parameters may tell of people. The card returns with the simulated data."
)


def released(params: Params) -> dict[str, list[str]]:
    """Addresses of the runs whose checkpoints are shared, by data set."""
    found = {}
    for name in params.datasets.files:
        runs = [a for group in GROUPS if (a := f"{group}/{name}") in params.recipes]
        if runs:
            found[name] = [a for a in runs if params.recipes[a].checkpoints]
    return found


def model_cards(params: Params) -> dict[str, str]:
    """Text of every card by its file name without suffix.

    Units: errors in those of the label.
    """
    return {
        f"models_{name}": _card(params, [trained_run(params, a) for a in addresses])
        for name, addresses in released(params).items()
    }


def _card(params: Params, runs: Sequence[Run]) -> str:
    first = runs[0]
    title = plain(dataset_title(first.dataset, params))
    head = f"# Model card: checkpoints of Table 3, {title}"
    if not all(run.simulated for run in runs):
        return f"{head}\n\n{WRITTEN}\n\n{REAL}\n"
    rows = [
        _row(params, run, method, run.report.methods[method])
        for run in runs
        for method in _kept(run)
    ]
    if not rows:
        return f"{head}, simulated data\n\n{WRITTEN}\n\n{NONE}\n"
    parts = [
        f"{head}, simulated data",
        WRITTEN,
        "## Checkpoints",
        markdown_table(pd.DataFrame(rows)),
        _reading(params, first),
        "## How they were made",
        markdown_table(pd.DataFrame(_facts(first), columns=["what", "value"])),
        "## Sizes",
        markdown_table(pd.DataFrame(_sizes(runs), columns=["fusion", "sizes"])),
        "## What they are for",
        _listed(USE),
        "## Limits",
        _listed(LIMITS),
    ]
    return "\n\n".join(parts) + "\n"


def _file(run: Run, method: str) -> Path:
    return paths.run(run.report.address) / f"checkpoint-{method}.safetensors"


def _kept(run: Run) -> list[str]:
    """Methods of a run that left a checkpoint; cross-fitted ones leave none."""
    return [method for method in run.report.methods if _file(run, method).is_file()]


def _row(params: Params, run: Run, method: str, told: Method) -> dict[str, str]:
    score = run.score
    predictions = run.predictions(method)
    found = seed_metrics(score, predictions)[score.headline.name]
    return {
        "file": _file(run, method).as_posix(),
        "model": params.names.get(method, method),
        "fusion": params.names.get(told.fusion, told.fusion),
        "parameters of a seed": f"{told.parameters:,}",
        "epochs kept": ", ".join(map(str, told.epochs)),
        f"test {score.headline.label}": _with_interval(
            params, run, method, (found.mean, found.sd)
        ),
    }


def _with_interval(
    params: Params, run: Run, method: str, found: tuple[float, float | None]
) -> str:
    """Mean and sd over seeds, and where it is known the interval."""
    digits, (mean, sd) = run.score.headline.digits, found
    text = f"{mean:.{digits}f}" + ("" if sd is None else f" ± {sd:.{digits}f}")
    predictions = run.predictions(method)
    if len(predictions.seeds) < LEAST_SEEDS:
        return text
    own = drawn(run.score, predictions, params.statistics)
    about = interval(own, run.score.headline.name, params.statistics)
    return f"{text} [{about.lower:.{digits}f}, {about.upper:.{digits}f}]"


def _reading(params: Params, run: Run) -> str:
    groups = plain(params.dataset(run.dataset).groups)
    return (
        "A file holds all seeds: parameters with a leading dimension of seeds, of a "
        "weighted model also the state of its weights. ± sd over seeds; [interval]: "
        f"{100 * params.statistics.confidence:g} %, seeds and test groups ({groups}) "
        "both drawn; epochs in the order of the seeds."
    )


def _facts(run: Run) -> list[tuple[str, str]]:
    report, setup = run.report, run.report.setup
    assert setup is not None  # of a trained run; for the type checker
    data = report.data
    sizes = {split: data.sizes[split] for split in SPLITS}
    dims = ", ".join(f"{name} {data.dims[name]}" for name in data.modalities)
    return [
        ("training data", f"simulated, see data_{run.dataset}.md"),
        ("samples", ", ".join(f"{split} {size:,}" for split, size in sizes.items())),
        ("modalities and their widths", dims),
        ("task", data.task),
        ("seeds", ", ".join(map(str, setup.seeds))),
        ("preset, protocol", f"{setup.preset}, {report.protocol.replace('_', ' ')}"),
        ("text encoder", f"{setup.text_encoder} ({setup.text_weights})"),
        ("experts, of which per token", f"{setup.experts}, {setup.top_k}"),
        ("tokens", _listed_settings(setup.tokens)),
        ("training", _listed_settings(setup.training)),
        ("weights", _listed_settings(setup.weighting)),
    ]


def _sizes(runs: Sequence[Run]) -> list[tuple[str, str]]:
    """Sizes of every fusion that a checkpoint is of, each once."""
    found: dict[str, Mapping[str, Any]] = {}
    for run in runs:
        for told in (run.report.methods[method] for method in _kept(run)):
            found.setdefault(told.fusion, told.settings)
    return [(name, _listed_settings(sizes)) for name, sizes in found.items()]


def _listed_settings(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(settings.items()))


def _listed(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
