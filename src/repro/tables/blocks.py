"""The block that runs belong to, what has to be alike in it, and its notes."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from repro import paths
from repro.metrics.convergence import is_falling
from repro.params import Params
from repro.params.datasets import Cohort, FileSet
from repro.report import Setup, read_report, report_path, tuning_note
from repro.results.runs import Predictions, Run
from repro.tables.labels import size_note
from repro.tables.rows import DEFAULT, Block, joined_notes


def block_of(runs: Sequence[Run], *, varied: bool = False) -> Block:
    """The block that the runs of one data set belong to.

    `varied` is for tables whose rows differ in their switches, which each row tells.

    Raises:
        ValueError: the runs differ in source, protocol or a setting.
    """
    sources = {source_of(run) for run in runs}
    protocols = {"by_row"} if varied else {protocol_of(run) for run in runs}
    if len(sources) != 1 or len(protocols) != 1:
        shown = {str(run.folder): (source_of(run), protocol_of(run)) for run in runs}
        raise ValueError(
            f"{runs[0].dataset}: sources or protocols differ within one table "
            f"({shown}); train all of its cells again"
        )
    refuse_unlike(runs)
    return Block(
        dataset=runs[0].dataset,
        source=sources.pop(),
        protocol=protocols.pop(),
        simulated=runs[0].simulated,
        modalities=", ".join(runs[0].report.data.modalities),
        notes=joined_notes(setup_note(runs[0]), *data_notes(runs[0])),
        preset=next((r.report.setup.preset for r in runs if r.report.setup), ""),
    )


def runs_of_block(params: Params, block: str) -> list[str]:
    """Addresses of the runs whose reports say that their numbers are of a block.

    Switches that a recipe names are told by its row, and make no block of their own.

    Raises:
        ValueError: there is none.
    """
    dataset = block.split("__")[0]
    trained = [
        address
        for address, recipe in params.recipes.items()
        if recipe.dataset == dataset and report_path(address).is_file()
    ]
    runs = {a: Run(read_report(a), pd.DataFrame()) for a in trained}
    found = [
        address
        for address, run in runs.items()
        if block_of([run], varied=bool(params.recipe(address).switches)).key == block
    ]
    if not found:
        raise ValueError(
            f"{paths.run('')}: no run of {block}; make its table again, then this"
        )
    return found


def refuse_settings(params: Params, block: str) -> None:
    """Stop where the settings are not those that made a block of real numbers.

    Raises:
        ValueError: the data set is simulated now or read by another reader, or the
            preset is another.
    """
    dataset, _, rest = block.partition("__")
    reader = rest.split("__")[0]
    known = params.dataset(dataset)
    source = params.clinical.source if isinstance(known, Cohort) else known.source
    preset = block.partition("__preset_")[2] or DEFAULT
    is_other = isinstance(known, FileSet) and source != reader
    if source == "simulated" or is_other or params.preset != preset:
        raise ValueError(
            f"params.yaml: source = {source!r}, preset = {params.preset!r}: not what "
            f"made {block}; put the settings back that did"
        )


def refuse_unlike(runs: Sequence[Run]) -> None:
    """Stop at runs that were trained with different settings.

    They agree in their setup, and methods of one fusion in its sizes. Predictors
    without a network have no settings and agree with every run.

    Raises:
        ValueError: two reports differ; the first field that does is named.
    """
    first: dict[str, tuple[Run, object]] = {}
    for run in runs:
        for field, value in _settings(run):
            other, known = first.setdefault(field, (run, value))
            if value != known:
                raise ValueError(
                    f"{other.folder} and {run.folder}: report.json, {field}: {known} "
                    f"and {value} cannot stand in one table; run dvc repro"
                )


def _settings(run: Run) -> Iterator[tuple[str, object]]:
    """Every setting of a run that other runs could differ in."""
    if run.report.setup is None:
        return
    for field in Setup.model_fields:
        yield f"setup.{field}", getattr(run.report.setup, field)
    yield "precision", run.report.precision
    for method in run.report.methods.values():
        if not method.fusion:
            continue
        yield f"settings of {method.fusion}", method.settings


def setup_note(run: Run) -> str:
    """Preset of a run and, where its data have text, the text encoder."""
    setup = run.report.setup
    if setup is None:
        return ""
    told = preset_note(setup.preset)
    if "text" not in run.report.data.modalities:
        return told
    text = encoder_note(setup.text_encoder, setup.text_weights, setup.finetune)
    return f"{told}, {text}"


def preset_note(preset: str) -> str:
    """Name of the preset; of the tiny one also that its numbers mean nothing.

    >>> preset_note("default")
    'preset default'
    """
    warning = " (seconds of training: the numbers mean nothing)"
    return f"preset {preset}{warning if preset == 'tiny' else ''}"


def encoder_note(encoder: str, weights: str, finetune: bool | str) -> str:
    """Text encoder, its weights, and whether they are trained along.

    >>> encoder_note("bert", "random", False)
    'text encoder bert (random, frozen)'
    """
    return f"text encoder {encoder} ({weights}, {tuning_note(finetune)})"


def data_notes(run: Run) -> list[str]:
    """What the readers repaired or warned of, and how many samples are left out."""
    data = run.report.data
    left_out = [f"{data.excluded} samples without any modality are excluded"]
    return [*data.notes, *data.warnings, *(left_out if data.excluded else [])]


def left_out(params: Params, runs: Sequence[Run]) -> list[str]:
    """Why methods of runs have no rows."""
    return [
        f"no {params.names.get(method, method)}: {reason}"
        for run in runs
        for method, reason in run.report.left_out.items()
    ]


def tested_note(params: Params, run: Run, tested: Predictions) -> str:
    """How many samples and groups are tested, for the title of a table."""
    noun = "stays" if run.dataset in params.datasets.stays else "samples"
    count, groups = len(np.unique(tested.group)), params.dataset(run.dataset).groups
    return size_note(len(tested.id), noun, count, groups)


def source_of(run: Run) -> str:
    """Reader of the raw files; simulated data keep their own name, whatever reads them.

    Simulated files have the layout of real ones, so their reader is a real one's.
    """
    return "simulated" if run.simulated else run.report.data.source


def protocol_of(run: Run) -> str:
    """leak_free, published, or the names of the switches that are on."""
    report = run.report
    if report.protocol == "published" or not report.switches:
        return report.protocol
    return "_".join(sorted(report.switches))


def not_converged(run: Run, method: str) -> bool:
    """Whether the validation loss still fell when training ended."""
    return is_falling(run.report.methods[method].trends)
