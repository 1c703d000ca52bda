"""What a recipe asks for in vain, told before anything is trained."""

from collections.abc import Collection, Mapping
from typing import Any

from repro import paths
from repro.models.architecture import sizes_of
from repro.models.fusions.interface import fusion_class, no_experts, refusal
from repro.params import Params
from repro.params.cells import UNIMODAL, Recipe, place_of
from repro.params.naming import unknown


def refuse_study(params: Params) -> None:
    """Stop at any run, or any size of a fusion, that would fail once its cell starts.

    Raises:
        ValueError: as for `refuse_impossible`, or a preset has sizes of no fusion.
    """
    for kind in ("last_state", "query"):
        for fusion, sizes in getattr(params.active, kind).fusions.items():
            _refuse_sizes(params, kind, fusion, sizes)
    for address, recipe in params.recipes.items():
        refuse_impossible(params, address, recipe)


def refuse_impossible(params: Params, address: str, recipe: Recipe) -> None:
    """Stop at a recipe that asks a fusion for what it does not have.

    Raises:
        ValueError: names the run, the fusion and what can be used instead, or the
            preset with sizes that are not those of the fusion.
    """
    where = place_of(address)
    tokens = params.dataset(recipe.dataset).tokens
    missing = params.missing_of(recipe)
    needs_text = fusion_class(recipe.fusion).needs_text if recipe.built else "never"
    if UNIMODAL in recipe.trains and needs_text != "never":
        raise ValueError(
            f"{where}: fusion {recipe.fusion} relates text to other modalities and has "
            "no unimodal models; use a run that trains those of another fusion"
        )
    for used in recipe.uses:
        other = params.recipes.get(used)
        if other is not None and other.exchanged:
            raise ValueError(
                f"{where}.uses: {used} saw other data (exchanged={other.exchanged:g}); "
                "train here what weights are made from"
            )
    for fusion in recipe.built:
        is_weighted = recipe.needs_evidence or recipe.controls
        weighted = is_weighted and fusion == recipe.fusion
        site = params.site_of(recipe) if weighted else None
        reason = refusal(fusion, tokens, site=site, missing=missing)
        if reason:
            raise ValueError(f"{where}: fusion {fusion} {reason}")
        asked = recipe.interaction
        reason = no_experts(fusion, asked.variant) if asked else None
        if reason:
            raise ValueError(
                f"{where}: interaction: fusion {fusion} {reason}; use another fusion"
            )
        sizes = params.models(recipe.dataset).fusions[fusion]
        _refuse_sizes(params, tokens, fusion, sizes)


def _refuse_sizes(
    params: Params, kind: str, fusion: str, sizes: Mapping[str, Any]
) -> None:
    preset, block = paths.preset(params.preset), f"{kind}.fusions.{fusion}"
    try:
        sizes_of(fusion, sizes)
    except ValueError as error:
        message = f"{preset}: {block}: {error}; correct it there"
        raise ValueError(message) from error


def refuse_lacking(
    params: Params, address: str, recipe: Recipe, modalities: Collection[str]
) -> None:
    """Stop at `without` of a modality that a data set of files does not have.

    Of stays, params know the names, and a cohort may lack one of them.

    Raises:
        ValueError: names the key and the nearest modality.
    """
    odd = [name for name in recipe.without if name not in modalities]
    if odd and recipe.dataset in params.datasets.of_files:
        reason = unknown(f"modality of {recipe.dataset}", odd[0], modalities)
        raise ValueError(f"{place_of(address)}.without: {reason}")
