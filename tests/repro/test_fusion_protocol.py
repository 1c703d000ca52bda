"""The protocol on the sentiment fusions: labels, phases, weights, bad requests."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from repro import params as parameters
from repro.cells import comparisons, fits, writing
from repro.cells.stored_evidence import read_evidence, write_evidence
from repro.models.fusions.interface import fusion_class, fusion_names
from repro.models.fusions.mmim import MMIM
from repro.params.fusions import group_refusal
from repro.stages import train
from repro.training.auxiliary import auxiliary_parameters
from repro.training.fitting import fit
from tests.repro.protocol_checks import changed, everything
from tests.repro.small_study import Trained, small_params, small_study, trained

ROOT = Path(__file__).parents[2]
FUSIONS = {name: fusion_class(name) for name in fusion_names()}
# MMIM and ITHP need several modalities: their unimodal models are those of others.
WHOLE = [
    name
    for name, fusion in FUSIONS.items()
    if name != "moe" and fusion.needs_text == "never" and fusion.tokens != ("query",)
]
METHODS = ("instance", "bi_level")


@pytest.fixture(scope="module")
def models() -> dict[str, Trained]:
    """All models of every fusion but the main one, which has its own tests."""
    return {
        fusion: trained(small_study(small_params((0,)), fusion=fusion), METHODS)
        for fusion in WHOLE
    }


@pytest.mark.parametrize("fusion", WHOLE)
def test_test_labels_change_nothing(models: dict[str, Trained], fusion: str) -> None:
    study = small_study(small_params((0,)), fusion=fusion)
    assert changed(study, "test", METHODS, models[fusion]) == set()
    assert f"{fusion}.predictions.test" in everything(study, models[fusion])


@pytest.mark.parametrize("fusion", ["mmim", "ithp"])
def test_test_labels_change_nothing_in_those_with_an_anchor(fusion: str) -> None:
    study = small_study(small_params((0,)), fusion=fusion)
    one = fits.unweighted_result(study)
    y = study.inputs.y.clone()
    y[study.rows["test"]] += 1
    two = fits.unweighted_result(replace(study, inputs=replace(study.inputs, y=y)))
    for split, predictions in one.predictions.items():
        assert np.array_equal(predictions, two.predictions[split])


def test_weights_on_mmim(models: dict[str, Trained]) -> None:
    study = small_study(small_params((0,)), fusion="mmim")
    unweighted = fits.unweighted_result(study)
    ones = replace(study, cell=study.cell.model_copy(update={"control": "ones"}))
    evidence, _ = fits.assembled_evidence(
        study, models["late_fusion"].unimodal, unweighted
    )
    same = fits.weighted_result(ones, evidence, "bi_level").predictions["test"]
    assert np.array_equal(same, unweighted.predictions["test"])
    other = fits.weighted_result(study, evidence, "bi_level").predictions["test"]
    assert np.abs(other - same).max() > 1e-4


@pytest.mark.parametrize("fusion", WHOLE)
def test_weights_of_one_equal_the_unweighted_model(
    models: dict[str, Trained], fusion: str
) -> None:
    study = small_study(small_params((0,)), fusion=fusion, control="ones")
    result = fits.weighted_result(study, models[fusion].evidence, "bi_level")
    for split, predictions in models[fusion].unweighted.predictions.items():
        assert np.array_equal(result.predictions[split], predictions)


@pytest.mark.parametrize("fusion", WHOLE)
def test_weights_reach_the_predictions(models: dict[str, Trained], fusion: str) -> None:
    known = models[fusion]
    for result in known.weighted.values():
        difference = result.predictions["test"] - known.unweighted.predictions["test"]
        assert np.abs(difference).max() > 1e-4


def test_the_first_phase_alone_trains_the_bound() -> None:
    study = small_study(small_params((0, 1)), fusion="mmim")
    settings = study.settings("mmim")
    held = replace(settings, auxiliary_lr=0.0)
    outcomes = [
        fit(study.inputs, study.rows, study.members(folds=False), shape, chosen)
        for shape in [study.architecture()]
        for chosen in (settings, held)
    ]
    moved, still = (o.model.fusion for o in outcomes)
    assert isinstance(moved, MMIM) and isinstance(still, MMIM)
    own = {id(p) for p in auxiliary_parameters(outcomes[1].model)}
    fresh = fit(
        study.inputs,
        study.rows,
        study.members(folds=False),
        study.architecture(),
        replace(held, training=settings.training.model_copy(update={"lr": 0.0})),
    ).model.fusion
    same = zip(still.parameters(), fresh.parameters(), strict=True)
    for trained_in_main, start in same:
        is_bound = id(trained_in_main) in own
        assert torch.equal(trained_in_main, start) == is_bound
    bound = moved.likelihood.parameters()
    pairs = zip(bound, fresh.likelihood.parameters(), strict=True)
    assert all(not torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize(
    ("fusion", "name"), [("mmim", "likelihood"), ("mmim", "contrast")]
)
def test_loss_weights_come_from_params(fusion: str, name: str) -> None:
    settings = small_params((0,))
    sizes = settings.active.fusions.mmim.model_copy(update={name: 5.0})
    fusions = settings.active.fusions.model_copy(update={"mmim": sizes})
    tiny = settings.active.model_copy(update={"fusions": fusions})
    other = settings.model_copy(update={"presets": {"tiny": tiny}})
    one, two = (
        fits.unweighted_result(small_study(chosen, fusion=fusion))
        for chosen in (settings, other)
    )
    assert not np.array_equal(one.predictions["test"], two.predictions["test"])


def test_everything_on_another_encoder_is_trained_in_one_cell() -> None:
    results = comparisons.whole_results(small_study(small_params((0,))))
    assert [r.method for r in results] == [
        *("text", "audio", "video", "moe", "instance", "bi_level")
    ]


def test_evidence_of_another_encoder_is_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    study = small_study(small_params((0,)))
    known = trained(study, ())
    _, in_sample = fits.assembled_evidence(study, known.unimodal, known.unweighted)
    write_evidence(study, known.evidence, in_sample)
    read_evidence(study)
    other = replace(study, cell=study.cell.model_copy(update={"encoder": "deberta"}))
    with pytest.raises(
        ValueError, match=r"encoder bert, the cell has deberta.*encoder"
    ):
        read_evidence(other)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("fusion: mult}", "fusion: ithp}"), "mosi_mult: fusion ithp predicts from te"),
        (("fusion: mult}", "fusion: fusemoe}"), "fusion fusemoe works on clinical dat"),
        (("icu_complete, fusion: mult", "icu_complete, fusion: mmim"), "works on sent"),
        (("fusion: mmim}", "fusion: mmim, missing: zero}"), "missing='zero' has no me"),
        (("fusion: late_fusion}", "fusion: latefusion}"), "Input should be 'moe'"),
        (("encoder: bert  ", "encoder: gpt  "), "encoder='gpt' is not in presets.def"),
    ],
)
def test_what_a_fusion_cannot_do_is_refused_before_training(
    tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    text = (ROOT / "params.yaml").read_text()
    assert change[0] in text
    path = tmp_path / "params.yaml"
    path.write_text(text.replace(change[0], change[1], 1))
    with pytest.raises(ValueError, match=message):
        parameters.load(path)


@pytest.mark.parametrize("fusion", ["mmim", "ithp"])
def test_data_without_text_train_nothing_and_say_why(fusion: str) -> None:
    study = small_study(small_params((0,)), fusion=fusion)
    absent = int((~study.inputs.present[:, 0]).sum())
    every = f"ITHP needs text in every sample; {absent} have none"
    assert study.unable == (every if fusion == "ithp" else None)
    few = replace(study, inputs=study.inputs.only("audio", "video"))
    assert (
        few.unable
        == f"{fusion.upper()} needs text and another modality; the data "
        + ("have audio, video")
    )
    assert train.trained("fusion_rows", few) == []
    report = writing.report(few, "mmim", [])
    assert report["methods"] == {}
    assert report["data"]["notes"][-1].endswith(str(few.unable))


def test_a_fusion_with_its_sizes_is_reported() -> None:
    study = small_study(small_params((0,)), fusion="mmim")
    report = writing.report(study, "mmim", [])
    assert report["fusion_sizes"] == study.params.active.fusions.mmim.model_dump()
    assert "fusion_sizes" not in writing.report(small_study(), "moe", [])


@pytest.mark.parametrize(
    ("group", "cell", "message"),
    [
        ("btw", {"fusion": "mult"}, "fusion mult: this group trains moe; put the cell"),
        (
            "icu_btw",
            {"fusion": "mult"},
            "trains fusemoe; put the cell into icu_missing",
        ),
        (
            "fusion_rows",
            {"method": "bi_level"},
            "method: no effect here; this group re",
        ),
        ("other_fusions", {"without": ["text"]}, "without: no effect here"),
        ("deberta_btw", {}, "encoder None: cells of this group set encoder: deberta"),
        ("moe", {"encoder": "deberta"}, "encoder: set it at the top of params.yaml"),
    ],
)
def test_a_cell_in_the_wrong_group_is_refused(
    group: str, cell: dict[str, object], message: str
) -> None:
    found = group_refusal(group, {"dataset": "mosi"} | cell)
    assert found is not None and message in found


def test_every_cell_of_params_stands_in_its_group() -> None:
    settings = small_params((0,))
    for group, cells in settings.cells.items():
        for cell in cells.values():
            given = {name: getattr(cell, name) for name in cell.model_fields_set}
            assert group_refusal(group, given) is None
