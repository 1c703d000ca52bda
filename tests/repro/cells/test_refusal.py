"""What a recipe asks for in vain is told before anything is trained."""

from dataclasses import replace

import numpy as np
import pytest

from repro import cells
from repro.cells.refusal import refuse_impossible
from repro.cells.study import Study, study_of
from repro.data.preparing import Prepared
from repro.features.reading import Features
from repro.params import Params
from repro.params.cells import Recipe
from repro.records import Ragged
from tests.repro.small_study import small_params, small_study

STORED = Ragged(np.ones((1, 2), np.float32), np.array([0, 1]))


def read_again(study: Study, address: str = "a/b", **recipe: object) -> Study:
    """The study as it is made from features that were read."""
    meta = {**study.meta, "task": "regression", "classes": 0}
    data = Features(study.samples, {}, meta)
    changed = study.recipe.model_copy(update=recipe)
    return study_of(study.params, address, changed, "mosi", data, study.inputs)


def with_sizes(**changes: object) -> Params:
    """Params with changed sizes of the MoE."""
    return small_params((0,), model=changes)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"hiden": 3}, "hiden: key of this block 'hiden' is unknown; .*Known: "),
        ({"expert_hiden": 3}, "did you mean 'expert_hidden'"),
        ({"layers": 0}, "layers = 0: Input should be greater than or equal to 1"),
    ],
)
def test_a_size_that_is_not_the_fusions_is_named_with_its_preset(
    sizes: dict[str, object], message: str
) -> None:
    recipe = Recipe(dataset="mosi", fusion="moe", trains=["moe"])
    wanted = rf"presets/tiny\.yaml: last_state\.fusions\.moe: .*{message}"
    with pytest.raises(ValueError, match=wanted):
        refuse_impossible(with_sizes(**sizes), "base/mosi", recipe)


def test_a_row_is_named_where_it_stands() -> None:
    recipe = Recipe(dataset="mosi", fusion="mmim", trains=["unimodal"])
    told = r"cells/a\.yaml: cells\.a\.b\.rows\.c: fusion"
    with pytest.raises(ValueError, match=told):
        refuse_impossible(small_params((0,)), "a/b/c", recipe)


def test_a_modality_that_files_do_not_have_is_named() -> None:
    study = small_study(small_params((0,)))
    message = r"cells/a\.yaml: cells\.a\.b\.rows\.c\.without: modality of mosi 'vidoe' "
    with pytest.raises(ValueError, match=message + r"is unknown; did you mean 'video'"):
        read_again(study, "a/b/c", without=["vidoe"])


def test_a_modality_that_a_cohort_lacks_is_left_to_the_report() -> None:
    study = small_study(small_params((0,)))
    found = read_again(study, dataset="icu_all", without=["cxr"])
    assert found.unable == "the data do not have cxr anyway"


def tuned_without_texts(monkeypatch: pytest.MonkeyPatch, **recipe: object) -> Study:
    """A study with fine-tuned encoders on data whose text comes as features."""
    settings = small_params((0,))
    tuned = {
        name: encoder.model_copy(update={"finetune": "all"})
        for name, encoder in settings.active.encoders.items()
    }
    active = settings.active.model_copy(update={"encoders": tuned})
    study = small_study(settings.model_copy(update={"active": active}))
    study = replace(study, meta={**study.meta, "text": {"absent": True}})
    prepared = Prepared(study.samples, {"text": STORED}, {})
    monkeypatch.setattr(cells.tuning, "read_prepared", lambda _: prepared)
    return read_again(study, **recipe)


def test_an_encoder_on_data_without_texts_leaves_the_run_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = tuned_without_texts(monkeypatch, encoder="deberta")
    assert found.unable == "the data have no raw text to encode"
    assert found.text is None


def test_fine_tuning_without_texts_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"no raw text .* encoders\.bert\.finetune"):
        tuned_without_texts(monkeypatch)
