"""Which runs leave models that can be applied to new rows of a table."""

from repro.cells.study import Study


def applies(study: Study) -> bool:
    """Whether the models of a run can be applied to new rows of a table.

    The features of stays are made of events and objects, a fine-tuned encoder has no
    features to be stored, and added noise is nothing a row could bring.
    """
    params, recipe = study.params, study.recipe
    is_file = recipe.dataset in params.datasets.of_files
    has_states = params.dataset(recipe.dataset).tokens == "last_state"
    return is_file and has_states and study.text is None and not recipe.noise
