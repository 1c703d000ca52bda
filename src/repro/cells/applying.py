"""Which runs leave models that can be applied to new rows of a table."""

from repro.cells.study import Study


def applies(study: Study) -> bool:
    """Whether the models of a run can be applied to new rows of a table.

    The features of stays are made of events and objects, those of pictures of pixels,
    a fine-tuned encoder has no features to be stored, and added noise and exchanged
    modalities are nothing a row could bring.
    """
    params, recipe = study.params, study.recipe
    is_table = recipe.dataset in params.datasets.of_files or _has_vectors(study)
    has_states = params.dataset(recipe.dataset).tokens == "last_state"
    changed = recipe.noise or recipe.exchanged
    return is_table and has_states and study.text is None and not changed


def _has_vectors(study: Study) -> bool:
    """Whether the files of a data set of pictures hold vectors made by others."""
    kinds = study.meta.get("kinds", {})
    return all(kinds.get(name) == "vector" for name in study.inputs.names)
