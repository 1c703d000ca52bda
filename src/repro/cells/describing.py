"""Write what applies a run to new rows: checkpoint.json, scales and vocabulary."""

from collections.abc import Collection, Mapping

from repro import files, paths
from repro.cells.applying import applies
from repro.cells.fits import guess_of_anyone
from repro.cells.recipes import Trained
from repro.cells.result import Result
from repro.cells.study import Study
from repro.features.series import Scale, read_scales, write_scales
from repro.params.cells import SHUFFLED, WEIGHTINGS
from repro.params.datasets import Cohort, FileSet, FolderSet, TableMapping
from repro.params.presets import Encoder, LastState
from repro.training.description import (
    SCALES,
    VOCABULARY,
    Description,
    Modality,
    Model,
    Unimodal,
    checkpoint_path,
    description_path,
    read_description,
    sum_of,
)

# Under these an instance's prediction depends on more than what it shows.
_NOT_STATELESS = (
    *("own_label_variance", "eval_state", "transductive_mi"),
    *("swap_audio_video", "eval_noise"),
)


def write_description(run: Trained) -> None:
    """Leave what `python -m repro.predict` needs, where the run can be applied."""
    study = run.study
    kept = {name: result for name, result in run.results.items() if result.checkpoint}
    if not (applies(study) and kept):
        return
    place = paths.run(study.address)
    write_scales(place / SCALES, _scales(study))
    sums = {SCALES: sum_of(place / SCALES)}
    if "text" in _kinds(study).values():
        folder = paths.features(study.part, "text", study.encoder)
        files.write_json(place / VOCABULARY, files.read_json(folder / VOCABULARY))
        sums[VOCABULARY] = sum_of(place / VOCABULARY)
    homes = {
        name: home
        for name, home in run.unimodal.items()
        if name in (kept if home == study.address else _models_of(home))
    }
    models = {name: _model(study, r, homes) for name, r in kept.items()}
    _description(study, sums, models).write()


def _description(
    study: Study, sums: Mapping[str, str], models: Mapping[str, Model]
) -> Description:
    params, recipe = study.params, study.recipe
    facts = params.dataset(recipe.dataset)
    block = params.models(recipe.dataset)
    assert not isinstance(facts, Cohort) and isinstance(block.tokens, LastState)
    text = _encoder(study)
    return Description(
        address=study.address,
        dataset=study.part,
        source=study.meta["source"],
        simulated=study.meta["simulated"],
        task=facts.task,
        classes=facts.classes,
        seeds=study.seeds,
        table=_table(study, facts),
        modalities=[_modality(study, name) for name in study.inputs.names],
        tokens=block.tokens,
        experts=params.experts,
        top_k=params.top_k,
        missing=study.missing,
        count_absent=recipe.count_absent,
        site=study.site,
        log_space_experts="log_space_experts" in study.switches,
        interaction=recipe.interaction,
        variance=study.architecture(recipe.fusion).variance,
        evaluation_batch=block.training.evaluation_batch,
        alpha=study.alpha if recipe.weightings else None,
        scale=params.scale_of(recipe),
        weighting=params.weighting,
        text=text,
        weights_sha256=study.meta["text"]["weights_sha256"] if text else {},
        sha256=dict(sums),
        guess=guess_of_anyone(study).tolist(),
        models=dict(models),
    )


def _kinds(study: Study) -> dict[str, str]:
    return {name: study.meta["kinds"][name] for name in study.inputs.names}


def _scales(study: Study) -> dict[str, Scale]:
    """The scale of every modality, from where its features lie."""
    kinds, found = _kinds(study), dict[str, Scale]()
    if set(kinds.values()) - {"text"}:
        found |= read_scales(paths.features(study.part, "series") / SCALES)
    if "text" in kinds.values():
        folder = paths.features(study.part, "text", study.encoder)
        found |= read_scales(folder / SCALES)
    return {name: found[name] for name in kinds}


def _encoder(study: Study) -> Encoder | None:
    """The frozen encoder of the texts; one of the hub at the commit it had."""
    if "text" not in _kinds(study).values():
        return None
    made = study.meta["text"]
    encoder = Encoder.model_validate(made["encoder"])
    revision = made["modalities"]["text"].get("revision")
    if revision is None:
        return encoder
    name, _, _ = encoder.weights.partition("@")
    return encoder.model_copy(update={"weights": f"{name}@{revision}"})


def _table(study: Study, facts: FileSet | FolderSet) -> TableMapping:
    """The columns and files of new rows: those of the data set, if it is a table."""
    kinds = _kinds(study)
    is_file = isinstance(facts, FileSet)
    known = facts.table if is_file and facts.source == "table" else None
    mapping = known or TableMapping(
        samples="samples.csv",
        **{name: name for name in ("id", "group", "split", "label")},
        arrays={name: f"{name}.npy" for name in kinds},
    )
    arrays = {n: mapping.arrays[n] for n, kind in kinds.items() if kind != "text"}
    text = (mapping.text if known else "text") if "text" in kinds.values() else "none"
    return mapping.model_copy(update={"arrays": arrays, "text": text})


def _modality(study: Study, name: str) -> Modality:
    m = study.inputs.names.index(name)
    values = study.inputs.values[m]
    present = study.inputs.present[study.rows["train"], m]
    return Modality(
        name=name,
        kind=study.meta["kinds"][name],
        features=values.features,
        longest=values.longest,
        always=bool(present.all()),
    )


def _model(study: Study, result: Result, homes: Mapping[str, str]) -> Model:
    name, recipe = result.method, study.recipe
    fusion = name if name in recipe.fusions else recipe.fusion
    weighted = name in WEIGHTINGS or name == SHUFFLED
    unimodal = _unimodal(homes) if weighted else {}
    return Model(
        sha256=sum_of(checkpoint_path(study.address, name)),
        fusion=fusion,
        sizes=study.params.models(recipe.dataset).fusions[fusion],
        modalities=list(result.modalities),
        variant=name if weighted else "",
        unimodal=unimodal,
        refused=_refused(study, name, unimodal) if weighted else _noise(study),
    )


def _unimodal(homes: Mapping[str, str]) -> dict[str, Unimodal]:
    """The stored models of single modalities, by the runs that keep them."""
    return {
        name: Unimodal(run=run, sha256=sum_of(checkpoint_path(run, name)))
        for name, run in homes.items()
    }


def _models_of(run: str) -> Collection[str]:
    """The models that a finished run keeps for new rows."""
    is_there = description_path(run).is_file()
    return read_description(run).models if is_there else ()


def _noise(study: Study) -> str:
    if "eval_noise" not in study.switches:
        return ""
    return "under switch eval_noise its router draws noise"


def _refused(study: Study, name: str, unimodal: Mapping[str, Unimodal]) -> str:
    """Why a weighted model gives no prediction of a row by itself, or nothing."""
    if name == SHUFFLED:
        return "its weights are those of other instances"
    if switches := [s for s in _NOT_STATELESS if s in study.switches]:
        return f"under switch {', '.join(switches)} it needs more than the row itself"
    conditional = study.params.weighting.unimodal_variance == "conditional"
    if conditional and study.task.kind == "regression":
        return "weighting.unimodal_variance: conditional is stored for train rows only"
    lacking = [n for n in study.inputs.names if n not in unimodal]
    if lacking:
        return f"no run that it uses keeps a checkpoint of {', '.join(lacking)} alone"
    return ""
