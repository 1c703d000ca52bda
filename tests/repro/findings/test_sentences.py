"""Sentences of made-up numbers: they turn with them and never come without."""

import pytest

from repro.findings.comparisons import Comparison, comparisons
from repro.findings.sentences import control_sentence, is_negative, sentence
from repro.params import Params
from tests.repro.findings.made_trees import LOSS, SCORE, numbers, tree


def compared(params: Params, metric: str, *given: dict[str, float]) -> list[Comparison]:
    """The comparisons of a tree, BTW first."""
    content = tree(*given, metric=metric)
    (block,) = content
    table = "btw_table3" if metric == LOSS else "btw_table7"
    return comparisons(table, block, content, params)


@pytest.mark.parametrize(
    ("metric", "mean", "expected"),
    [
        (
            LOSS,
            0.074,
            "BTW is worse than MoE by 0.074 MAE [0.054, 0.094] "
            "(6 seeds, seed SE 0.004, Holm p 0.003).",
        ),
        (
            LOSS,
            -0.074,
            "BTW is better than MoE by 0.074 MAE [0.054, 0.094] "
            "(6 seeds, seed SE 0.004, Holm p 0.003).",
        ),
        (
            SCORE,
            0.03,
            "BTW is better than FuseMoE by 0.030 AUROC [0.010, 0.050] "
            "(6 seeds, seed SE 0.004, Holm p 0.003).",
        ),
        (
            SCORE,
            -0.03,
            "BTW is worse than FuseMoE by 0.030 AUROC [0.010, 0.050] "
            "(6 seeds, seed SE 0.004, Holm p 0.003).",
        ),
    ],
)
def test_opposite_numbers_turn_the_sentence(params, metric, mean, expected) -> None:
    (found,) = compared(params, metric, numbers(mean, 0.003))
    assert sentence(found) == expected
    assert is_negative(found) == ("worse" in expected)


@pytest.mark.parametrize("mean", [0.001, -0.001])
def test_a_high_p_is_no_difference_seen(params, mean) -> None:
    (found,) = compared(params, LOSS, numbers(mean, 0.05))
    assert sentence(found) == (
        f"No difference seen between BTW and MoE: MAE {mean:+.3f} [{mean - 0.02:+.3f}, "
        f"{mean + 0.02:+.3f}], 6 seeds, seed SE 0.004, Holm p 0.050."
    )
    assert is_negative(found)
    (wide,) = compared(params, LOSS, numbers(0.05, 0.07))
    assert sentence(wide).endswith("Holm p 0.070; its interval alone leaves out 0.")


def test_the_adjusted_p_decides(params) -> None:
    """Not p itself, and not the interval."""
    (found,) = compared(params, LOSS, numbers(0.05, 0.051, p=0.001))
    assert sentence(found).startswith("No difference seen")
    (low,) = compared(params, LOSS, numbers(0.05, 0.0004))
    assert "Holm p < 0.001" in sentence(low)


def changed(changes: dict[str, float | None]) -> dict[str, float]:
    """Numbers of a claim, some changed and some (None) left out."""
    told = numbers(0.074, 0.001) | changes
    return {name: value for name, value in told.items() if value is not None}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"n": 1}, "one seed"),
        ({"n": 1, "lower": None, "upper": None, "se_seeds": None}, "one seed"),
        ({"lower": None}, "no interval"),
        ({"upper": None}, "no interval"),
        ({"se_seeds": None}, "no seed standard error"),
        ({"p_holm": None}, "no p"),
    ],
)
def test_no_claim_without_its_numbers(params, changes, reason) -> None:
    (found,) = compared(params, LOSS, changed(changes))
    assert sentence(found) == f"BTW and MoE: not tested ({reason}); MAE +0.074."
    assert not is_negative(found)
    assert control_sentence(found) == (
        f"Control (BTW): the oracle is not tested ({reason})."
    )


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"mean": None}, "without mean or n"),
        ({"n": None}, "without mean or n"),
        ({"lower": 0.2}, r"lies outside \[0.2"),
    ],
)
def test_damaged_numbers_stop(params, changes, says) -> None:
    (found,) = compared(params, LOSS, changed(changes))
    with pytest.raises(ValueError, match=says) as error:
        sentence(found)
    assert "btw_table3.mosi__simulated.bi_level.mae_vs_moe" in str(error.value)


def test_the_control_says_what_the_table_can_show(params) -> None:
    worse = numbers(0.05, 0.01)
    *_, gains = compared(params, LOSS, worse, numbers(-0.08, 0.001))
    assert control_sentence(gains) == (
        "Control (planted reliability): the oracle gains 0.080 MAE [0.060, 0.100] "
        "(6 seeds, seed SE 0.004, Holm p 0.001): the table can show a good weighting "
        "in this metric."
    )
    for oracle in (numbers(-0.01, 0.3), numbers(0.08, 0.001)):
        *_, none = compared(params, LOSS, worse, oracle)
        assert "the oracle shows no gain here (MAE" in control_sentence(none)
        assert "cannot tell a good weighting from a bad one" in control_sentence(none)
    *_, higher = compared(params, SCORE, worse, numbers(0.08, 0.001))
    assert "the oracle gains 0.080 AUROC" in control_sentence(higher)


def test_a_gain_is_better_where_it_is_positive(params) -> None:
    rows = {"sum_one": {"instance_mae": {}, "instance_gain": numbers(-0.03, 0.01)}}
    (found,) = comparisons("btw_attribution", "b__s", {"b__s": rows}, params)
    assert sentence(found).startswith(
        "BTW-local (KL) (sum one) is worse than its MoE by 0.030 MAE [0.010, 0.050]"
    )
    rows["sum_one"]["instance_gain"] = numbers(0.03, 0.01)
    (found,) = comparisons("btw_attribution", "b__s", {"b__s": rows}, params)
    assert "is better than its MoE by 0.030 MAE [0.010, 0.050]" in sentence(found)


@pytest.mark.parametrize("mean", [-0.03, 0.03])
def test_a_gain_is_told_as_row_minus_reference_like_every_difference(
    params, mean
) -> None:
    seen = {"oracle_mae": {}, "oracle_gain": numbers(mean, 0.4)}
    (found,) = comparisons("btw_noise", "b__s", {"b__s": {"noise_1": seen}}, params)
    interval = f"MAE {-mean:+.3f} [{-mean - 0.02:+.3f}, {-mean + 0.02:+.3f}]"
    assert interval in sentence(found) and interval in control_sentence(found)


def test_a_control_that_gains_before_holm_only_says_so(params) -> None:
    content = tree(numbers(0.05, 0.01), numbers(-0.08, 0.2), metric=LOSS)
    (block,) = content
    every = comparisons("btw_table3", block, content, params)
    (control,) = [c for c in every if c.is_control]
    told = control_sentence(control)
    assert "the oracle gains by its own interval, not after Holm" in told
    assert "MAE -0.080 [-0.100, -0.060]" in told and "hardly shows" in told


def probed(params: Params, metric: str, row: str, given: dict[str, float]):
    """The one comparison of a row of explanations."""
    rows = {row: {metric: given}, metric.partition("_vs_")[2]: {}}
    (found,) = comparisons("i2moe_x", "b__simulated", {"b__simulated": rows}, params)
    return found


@pytest.mark.parametrize(("mean", "word"), [(-0.2, "lower"), (0.2, "higher")])
def test_a_neutral_difference_is_neither_better_nor_worse(params, mean, word) -> None:
    found = probed(
        params, "survival_vs_untrained", "no_interaction", numbers(mean, 0.01)
    )
    assert sentence(found) == (
        f"No-Interaction is {word} than I2MoE, untrained by 0.200 surviving share of "
        "uniqueness experts [0.180, 0.220] (6 seeds, seed SE 0.004, Holm p 0.010)."
    )
    assert not is_negative(found)
    assert found.metric.label == "surviving share of uniqueness experts"


def test_a_neutral_control_shows_a_difference_or_none(params) -> None:
    row = "oracle_mechanism_in_pair"
    shown = probed(params, "sure_vs_named", row, numbers(-0.9, 0.001))
    assert control_sentence(shown).endswith("the table can show such a difference.")
    assert "lower than rows with an expert by 0.900" in control_sentence(shown)
    none = probed(params, "sure_vs_named", row, numbers(-0.01, 0.4))
    assert control_sentence(none).endswith("this table cannot show one.")


@pytest.mark.parametrize(("mean", "word"), [(-0.09, "lower"), (0.09, "higher")])
def test_a_change_in_two_places_compares_no_models(params, mean, word) -> None:
    code = "inside_{0}_minus_outside_{0}"
    row = code.format("bi_level")
    found = probed(params, "mae_vs_outside", row, numbers(mean, 0.001))
    assert sentence(found) == (
        f"The change of MAE by weights (BTW) is {word} inside experts than without by "
        "0.090 MAE [0.070, 0.110] (6 seeds, seed SE 0.004, Holm p 0.001)."
    )
    unseen = probed(
        params, "mae_vs_outside", code.format("planted"), numbers(mean, 0.2)
    )
    assert control_sentence(unseen).startswith(
        "Control: The change of MAE by weights (planted reliability) is not seen to be "
        f"other inside experts than without: MAE {mean:+.3f}"
    )
    one = probed(params, "mae_vs_outside", row, numbers(mean, 0.001, n=1))
    assert "not tested (one seed)" in sentence(one)
