"""What is set against what, from the codes of rows and metrics."""

import pytest

from repro.findings import comparisons as module
from repro.findings.chosen import Chosen
from repro.findings.comparisons import comparisons, row_name
from tests.repro.findings.made_trees import numbers


def pairs(params, metric: str, *rows: str) -> dict[str, str]:
    """Subject and reference of every compared row."""
    told = {row: {metric: numbers(0.1, 0.5)} for row in rows}
    told |= {metric.partition("_vs_")[2]: {}}
    found = comparisons("btw_x", "mosi__simulated", {"mosi__simulated": told}, params)
    return {c.subject: c.reference for c in found}


def test_rows_of_a_suffix_are_set_against_the_reference_of_it(params) -> None:
    block = {name: {} for name in ("fusemoe", "fusemoe_zero", "fusemoe_without_ecg")}
    metric = "macro_f1_vs_fusemoe"
    for row in ("bi_level", "bi_level_zero", "instance_without_ecg"):
        block[row] = {metric: numbers(1.0, 0.5)}
    found = comparisons(
        "btw_x", "icu_all__simulated", {"icu_all__simulated": block}, params
    )
    assert {c.subject: c.reference for c in found} == {
        "BTW": "FuseMoE",
        "BTW, absent = zero": "FuseMoE, absent = zero",
        "BTW-local (KL), without ecg": "FuseMoE, without ecg",
    }
    assert len({c.group for c in found}) == 3


def test_rows_of_other_fusions_are_set_against_their_own(params) -> None:
    metric = "mae_vs_unweighted"
    block = {name: {} for name in ("late_fusion", "moe")}
    for row in ("late_fusion_bi_level", "moe_oracle", "mult_oracle"):
        block[row] = {metric: numbers(0.1, 0.5)}
    found = comparisons("btw_x", "mosi__simulated", {"mosi__simulated": block}, params)
    told = {c.where.split(".")[2]: (c.reference, c.is_control) for c in found}
    assert told == {
        "late_fusion_bi_level": ("late fusion", False),
        "moe_oracle": ("MoE", True),
        "mult_oracle": ("its unweighted fusion", True),
    }


def test_rows_are_named_part_by_part(params) -> None:
    assert row_name("early_fusion_instance", params) == "early fusion, BTW-local (KL)"
    assert row_name("something_of_mine", params) == "something of mine"
    assert row_name("averaged_instance", params) == "BTW-global (KL)"


def test_they_stand_by_metric_then_reference(params) -> None:
    rows = {
        row: {
            f"{name}_vs_fusemoe": numbers(0.1, 0.5)
            for name in ("auroc", "accuracy", "macro_f1")
        }
        for row in ("bi_level", "instance")
    }
    found = comparisons(
        "btw_x", "icu_all__simulated", {"icu_all__simulated": rows}, params
    )
    assert [c.metric.name for c in found] == [
        *["accuracy"] * 2,
        *["macro_f1"] * 2,
        *["auroc"] * 2,
    ]
    assert [c.subject for c in found[:2]] == ["BTW-local (KL)", "BTW"]


def test_a_list_can_choose_rows_and_metrics(params, monkeypatch) -> None:
    chosen = {"btw_x": Chosen(rows=("bi_level",)), "btw_y": Chosen(metrics=("corr",))}
    monkeypatch.setattr(module, "STATED", chosen)
    assert pairs(params, "mae_vs_moe", "bi_level", "instance") == {"BTW": "MoE"}
    rows = {"mosi__mmsa": {"bi_level": {"mae_vs_moe": numbers(0.1, 0.5)}}}
    assert comparisons("btw_y", "mosi__mmsa", rows, params) == []


def test_an_unknown_metric_stops(params) -> None:
    with pytest.raises(ValueError, match=r"metrics/btw_x\.json: .*no known metric"):
        pairs(params, "luck_vs_moe", "bi_level")


def test_a_contrast_names_both_of_its_rows(params) -> None:
    metric = "mae_vs_reference"
    code = "contribution_bi_level_minus_contribution_uniform"
    tree = {"mosi__simulated": {code: {metric: numbers(0.09, 0.001)}}}
    (found,) = comparisons("btw_contrasts", "mosi__simulated", tree, params)
    assert found.subject == "contribution, BTW"
    assert found.reference == "contribution, equal weights"


def test_what_weights_change_in_two_places_has_one_control(params) -> None:
    metric = "mae_vs_outside"
    rows = {
        f"inside_{code}_minus_outside_{code}": {metric: numbers(0.09, 0.001)}
        for code in ("planted", "instance", "bi_level")
    }
    tree = {"mosi__simulated": rows}
    found = comparisons("i2moe_coupling", "mosi__simulated", tree, params)
    assert {c.subject: c.is_control for c in found} == {
        "planted reliability": True,
        "BTW-local (KL)": False,
        "BTW": False,
    }
    assert len({c.group for c in found}) == 1 and all(c.is_change for c in found)


def test_labels_as_weights_are_no_control_where_the_posterior_is(params) -> None:
    metric = "reliable_vs_uniform"
    rows = {name: {metric: numbers(0.2, 0.01)} for name in ("posterior", "bi_level")}
    tree = {"two_explanations__simulated": rows | {"uniform": {}}}
    largest = {"largest_vs_uniform": numbers(0.2, 0.01)}
    tree["two_explanations__simulated"]["posterior_largest"] = largest
    found = comparisons("i2moe_coupling", "two_explanations__simulated", tree, params)
    assert {c.subject: c.is_control for c in found} == {
        "posterior reliability": True,
        "posterior largest part": True,
        "BTW": False,
    }


def test_the_oracle_of_exchanged_modalities_is_named_by_what_it_knows(params) -> None:
    metrics = {f"{name}_gain": numbers(0.1, 0.01) for name in ("oracle", "bi_level")}
    rows = {"exchanged_30": metrics | {"oracle_mae": {}, "bi_level_mae": {}}}
    found = comparisons("btw_noise", "b__s", {"b__s": rows}, params)
    end = "(30 % of each modality exchanged)"
    assert {c.subject: c.is_control for c in found} == {
        f"knowing what is exchanged {end}": True,
        f"BTW {end}": False,
    }
