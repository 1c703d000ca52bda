"""Whether the parts of params.yaml and of its preset agree with each other."""

from pathlib import Path

from repro import paths
from repro.params.cells import (
    CONTROLS,
    FIRST_WEIGHTS,
    PLANTED,
    STACKED,
    UNIMODAL,
    WEIGHTINGS,
    Recipe,
    key_of,
)
from repro.params.datasets import Facts
from repro.params.mechanisms import modality_names
from repro.params.naming import unknown
from repro.params.study import Params
from repro.params.switches import in_force

OPTIONAL = ("ecg", "text", "cxr")  # modalities of stays that can be left out


def check(params: Params) -> None:
    """Refuse params whose parts contradict each other.

    Raises:
        ValueError: a recipe names what is not there, or two parts cannot be together;
            names the field, the value and the remedy.
    """
    if params.top_k > params.experts:
        raise ValueError(
            f"top_k={params.top_k} is more than experts={params.experts}; "
            "lower top_k or raise experts"
        )
    if len(set(params.seeds)) != len(params.seeds):
        raise ValueError(f"seeds={params.seeds} repeats a seed; list each one once")
    _check_shown(params)
    _check_encoder(params, "encoder", params.encoder)
    for name in params.datasets.fresh:
        _check_fresh(params, name)
    for name in params.datasets.planted:
        _check_planted(params, name)
    # What others use first, so that a fault is told where it is made.
    ordered = sorted(params.recipes.items(), key=lambda pair: bool(pair[1].uses))
    for address, recipe in ordered:
        _check_recipe(params, address, recipe)


def _check_shown(params: Params) -> None:
    """Every method of the tables has a name, and no two have the same."""
    trained = {name for recipe in params.recipes.values() for name in recipe.trains}
    for name in ("moe", "fusemoe", UNIMODAL, *WEIGHTINGS):
        if name in trained and name not in params.names:
            raise ValueError(f"names: has none for {name}; add a line for it")
    owners: dict[str, str] = {}
    for method, name in params.names.items():
        other = owners.setdefault(name.casefold(), method)
        if other != method:
            raise ValueError(
                f"names.{method} = {name!r} is also the name of {other}; give each "
                "method its own"
            )


def _check_fresh(params: Params, name: str) -> None:
    """A fresh draw is one of the simulator, and the preset has its sizes."""
    where, sizes = f"datasets.fresh.{name}", params.active.simulated
    if name not in params.simulation.draws:
        known = params.simulation.draws
        raise ValueError(f"{where}: {unknown('draw of simulation', name, known)}")
    if name not in sizes:
        raise ValueError(f"{where}: the preset has no sizes simulated.{name}; add them")


def _check_planted(params: Params, name: str) -> None:
    """A planted data set is what the simulator of its name writes."""
    where, known = f"datasets.planted.{name}", params.interaction_simulation.sets
    given = params.datasets.planted[name]
    if name not in known:
        raise ValueError(
            f"{where}: {unknown('set of interaction_simulation', name, known)}"
        )
    if "planted" not in params.active.simulated:
        raise ValueError(
            f"{where}: the preset has no sizes simulated.planted; add them"
        )
    if given.source != "table" or Path(given.path) != paths.simulated(name):
        raise ValueError(
            f"{where}: source {given.source} at {given.path} is not what the simulator "
            f"writes; set source: table and path: {paths.simulated(name)}"
        )
    planned, arrays = known[name], given.table.arrays if given.table else {}
    if len(given.classes) != planned.classes:
        raise ValueError(
            f"{where}.classes: {len(given.classes)} titles, the simulator has "
            f"{planned.classes} classes; give a title for each"
        )
    names = modality_names(planned.modalities)
    if arrays != {modality: f"{modality}.npy" for modality in names}:
        raise ValueError(
            f"{where}.table.arrays = {arrays}: the simulator writes "
            f"{', '.join(names)}, each in an .npy file of its name; list those"
        )


def _check_encoder(params: Params, where: str, name: str) -> None:
    if name not in params.active.encoders:
        known = params.active.encoders
        raise ValueError(f"{where}: {unknown('text encoder', name, known)}")


def _check_recipe(params: Params, address: str, recipe: Recipe) -> None:
    where, known = key_of(address), params.datasets.every()
    if recipe.dataset not in known:
        raise ValueError(
            f"{where}.dataset: {unknown('data set', recipe.dataset, known)}"
        )
    _check_encoder(params, f"{where}.encoder", params.encoder_of(recipe))
    if recipe.encoder and recipe.dataset in params.datasets.stays:
        raise ValueError(
            f"{where}.encoder = {recipe.encoder!r}: the notes of stays take the "
            "encoder of the preset (icu.text); drop the key"
        )
    trained = known[recipe.dataset]
    try:
        in_force(recipe.switches, task=trained.task)
    except ValueError as error:
        raise ValueError(f"{where}.switches: {error}") from error
    _check_task(where, recipe, trained.task)
    _check_class_weights(where, recipe, trained)
    _check_names(params, where, recipe)
    for used in recipe.uses:
        _check_use(params, address, where, recipe, used)
    if recipe.needs_evidence:
        _check_evidence(params, where, recipe)
    if address.startswith("own/"):
        _check_own(params, where, recipe)
    odd = sorted(set(recipe.without) - set(OPTIONAL))
    if recipe.dataset in params.datasets.stays and odd:
        reason = unknown("modality that can be left out", odd[0], OPTIONAL)
        raise ValueError(f"{where}.without: {reason}")


def _check_task(where: str, recipe: Recipe, task: str) -> None:
    """Weights are made from one score or one distribution of each modality."""
    made = [STACKED] if STACKED in recipe.trains else []
    odd = [*recipe.weightings, *recipe.controls, *made]
    if task == "multilabel" and (odd or recipe.needs_evidence):
        raise ValueError(
            f"{where}.trains: {(odd or [FIRST_WEIGHTS])[0]}: has no meaning for a "
            "multilabel task, whose labels are no distribution; leave it out"
        )
    asked = recipe.interaction
    if task == "multilabel" and asked is not None and asked.losses == "centred":
        raise ValueError(
            f"{where}.interaction.losses = 'centred': what all labels of a multilabel "
            "task share is part of each prediction; use paper"
        )


def _check_class_weights(where: str, recipe: Recipe, facts: Facts) -> None:
    """One for each class of a classification."""
    count, known = len(recipe.class_weights), len(facts.classes)
    if count and (facts.task != "classification" or count != known):
        raise ValueError(
            f"{where}.class_weights: {count} weights for a {facts.task} of {known} "
            "classes; give one for each class of a classification, or none"
        )


def _check_names(params: Params, where: str, recipe: Recipe) -> None:
    """Fusions that have sizes, and what else can be trained."""
    block = params.models(recipe.dataset).fusions
    place = f"{params.dataset(recipe.dataset).tokens}.fusions of the preset"
    every = [*block, UNIMODAL, FIRST_WEIGHTS, STACKED, *WEIGHTINGS, *CONTROLS]
    for name in recipe.trains:
        if name not in every:
            what = f"method, or fusion with sizes in {place}:"
            raise ValueError(f"{where}.trains: {unknown(what, name, every)}")
    is_meant = "fusion" in recipe.model_fields_set or recipe.fusion in recipe.built
    if is_meant and recipe.fusion not in block:
        what = f"fusion with sizes in {place}"
        raise ValueError(f"{where}.fusion: {unknown(what, recipe.fusion, block)}")


def _check_own(params: Params, where: str, recipe: Recipe) -> None:
    """What the stages of one's own cells are written for."""
    if "fusion" not in recipe.model_fields_set:
        raise ValueError(f"{where}: name its `fusion`")
    odd = sorted({"encoder", "uses", "rows"} & recipe.model_fields_set)
    if odd or recipe.dataset not in params.datasets.files:
        what = ", ".join(odd) or f"dataset {recipe.dataset}"
        raise ValueError(
            f"{where}: {what}: no meaning in the group own, whose cells train all "
            "on a data set of files with the encoder at the top"
        )
    planted = [name for name in recipe.controls if name in PLANTED]
    if planted:
        raise ValueError(
            f"{where}.trains: {planted[0]} needs a planted truth, which data of "
            "one's own do not have; leave it out"
        )


def _check_use(
    params: Params, address: str, where: str, recipe: Recipe, used: str
) -> None:
    if used not in params.recipes:
        raise ValueError(f"{where}.uses: {params.no_run(used)}")
    own_cell, other = address.split("/")[:2], params.recipes[used]
    if used.split("/")[:2] == own_cell:
        raise ValueError(f"{where}.uses: {used} is of this cell; use another one")
    back = [run for run in other.uses if run.split("/")[:2] == own_cell]
    if back:
        raise ValueError(f"{where}.uses: {used} itself uses {back[0]}; drop one")
    facts = {
        "data set": (recipe.dataset, other.dataset),
        "encoder": (params.encoder_of(recipe), params.encoder_of(other)),
    }
    for what, (own, theirs) in facts.items():
        if own != theirs:
            raise ValueError(
                f"{where}.uses: {used} is of {what} {theirs}, this recipe of "
                f"{own}; use a run of {own}"
            )


def _check_evidence(params: Params, where: str, recipe: Recipe) -> None:
    given = [recipe, *(params.recipes[used] for used in recipe.uses)]
    trained = {name for one in given for name in one.trains}
    for wanted in (UNIMODAL, recipe.fusion):
        if wanted not in trained:
            raise ValueError(
                f"{where}: weights are made from {wanted}, which neither `trains` "
                f"nor a run that it `uses` has; add {wanted} to trains, or a run "
                "that trains it to uses"
            )
