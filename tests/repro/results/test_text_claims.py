"""What does not add up in I2MoE: listed once, and recomputed from its own tables."""

import re
from pathlib import Path
from typing import Any

import pytest

from repro.results.counts import Sizes, of_experts, of_fusion
from repro.results.published import contents

ROOT = Path(__file__).parents[3]
FULL, PAIR = "I2MoE-MulT", ("MulT", "I2MoE-MulT")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The file of the paper."""
    monkeypatch.chdir(ROOT)
    return contents("i2moe")


def found(told: dict[str, Any], where: str, word: str) -> str:
    """What is found against the one claim of a place that holds a word."""
    (one,) = [
        claim["found"]
        for claim in told["text_claims"]
        if claim["where"] == where and word in claim["says"]
    ]
    return str(one)


def test_the_page_lists_every_claim_once_and_no_other(told: dict[str, Any]) -> None:
    page = (ROOT / "docs/protocol.md").read_text()
    _, _, section = page.partition("## What does not add up in I2MoE")
    rows = [line for line in section.splitlines() if line.startswith("| ")][1:]
    assert rows == [
        f"| {c['where']} | {c['says']} | {c['found']} |" for c in told["text_claims"]
    ]


def test_gains_of_the_text_are_not_those_of_table1(told: dict[str, Any]) -> None:
    one, other, third = (told["table1"][m] for m in (FULL, "SwitchGate", "MoE++"))
    gaps = [
        one["ADNI"]["accuracy"] - other["ADNI"]["accuracy"],
        one["ADNI"]["auroc"] - other["ADNI"]["auroc"],
        one["IMDB"]["macro_f1"] - third["IMDB"]["macro_f1"],
    ]
    text = found(told, "section 5.1", "macro-F1")
    assert all(f"{gap:.2f}".rstrip("0") in text for gap in gaps)
    text = found(told, "section 5.1", "all data sets")
    for data, rows in (("MIMIC", (one, other, third)), ("MOSI", (one, other))):
        values = [row[data]["accuracy"] for row in rows]
        assert all(str(value) in text for value in values)
        assert all(values[0] < value for value in values[1:])


def test_shares_of_table3_against_the_text_and_table1(told: dict[str, Any]) -> None:
    shares = told["table3"][FULL]
    mosi = shares["MOSI"]["disagree_right"] + shares["MOSI"]["disagree_wrong"]
    assert f"= {mosi:.2f} %" in found(told, "section 6.2", "MOSI")
    for data in ("ADNI", "MIMIC", "MOSI", "ENRICO"):
        own = shares[data]["disagree_right"] + shares[data]["agree_right"]
        gap = own - told["table1"][FULL][data]["accuracy"]
        assert gap == pytest.approx(0.1 if data == "MIMIC" else 0, abs=0.001)
    text = found(told, "Table 1", "MIMIC accuracy 69.78")
    assert "= 69.88 %; ADNI, MOSI and ENRICO agree" in text
    assert "accuracy" not in told["table1"][FULL]["IMDB"]  # nothing to agree with


def test_two_rows_of_table4_are_exchanged_in_the_text(told: dict[str, Any]) -> None:
    rows, metric = told["table4"], "accuracy_vs_i2moe"
    assert rows["Less-Forward"]["ADNI"][metric] == -5.32
    assert rows["Less-Forward"]["ENRICO"][metric] == -1.3
    assert rows["Simple-Weight"]["ADNI"][metric] == -5.79
    assert rows["Simple-Weight"]["MOSI"][metric] == -3.45
    text = next(c["says"] for c in told["text_claims"] if c["where"] == "section 7")
    assert text.startswith("Simple-Weight loses 5.32 on ADNI and 1.3 on ENRICO")


def test_printed_differences_are_those_of_the_printed_values(
    told: dict[str, Any],
) -> None:
    first = told["table1"]
    for table, suffix in (("table2", "_vs_without_experts"), ("table4", "_vs_i2moe")):
        for method, rows in told[table].items():
            other = first[method.removeprefix("I2MoE-") if "I2MoE" in method else FULL]
            for data, numbers in rows.items():
                for name in (n for n in numbers if "_vs_" not in n):
                    gap = numbers[name] - other[data][name]
                    assert numbers[f"{name}{suffix}"] == pytest.approx(gap, abs=1e-6)


def test_rows_that_are_two_methods_share_numbers(told: dict[str, Any]) -> None:
    late, low = told["table1"]["LF"], told["table1"]["LRMF"]
    assert late["IMDB"] == low["IMDB"]
    assert late["ADNI"]["accuracy"] == low["ADNI"]["accuracy"] == 50.79
    assert late["MOSI"] != low["MOSI"]


def test_spreads_stand_beside_the_gain_of_the_same_method(
    told: dict[str, Any],
) -> None:
    text = found(told, "Tables 1 to 4", "spread")
    assert f"over {told['conditions']['printed_runs']} runs" in text
    for data in ("MOSI", "ADNI"):
        mean, spread = told["table5"]["Random"][data]["accuracy"]
        plain, full = (told["table1"][m][data]["accuracy"] for m in PAIR)
        assert mean == full  # Table 5 prints the spread of this very row
        assert f"{spread} of {data} accuracy, where " in text
        assert f" {full - plain:.2f}" in text.partition(f"{data} accuracy")[2]


def test_accuracies_of_mimic_are_below_three_quarters(told: dict[str, Any]) -> None:
    values = [row["MIMIC"]["accuracy"] for row in told["table1"].values()]
    says = next(c["says"] for c in told["text_claims"] if "majority" in c["says"])
    assert f"{min(values)} to {max(values)}" in says and max(values) < 75


def test_every_ratio_of_cost_is_told_beside_the_linear_one(
    told: dict[str, Any],
) -> None:
    text = found(told, "appendix D", "linearly")
    training, _, inference = text.partition("; inference ")
    asked = {d: len(own["modalities"]) + 2 for d, own in told["datasets"].items()}
    fits, tests = (_ratios(told, name) for name in ("epoch_s", "inference_s"))
    for data, ratio in fits.items():
        assert re.search(rf"{ratio:.1f} [\w ]*on {data} \(\D*{asked[data]}\)", training)
    order = sorted(fits, key=training.index)
    assert re.findall(r"\d\.\d", inference) == [f"{tests[d]:.1f}" for d in order]
    assert {d for d in fits if fits[d] <= asked[d]} == {"ADNI"}
    assert {d for d in tests if tests[d] <= asked[d]} == {"ADNI", "ENRICO"}
    assert fits["ENRICO"] / asked["ENRICO"] == pytest.approx(1.1, abs=0.05)
    assert "ADNI never exceeds it, ENRICO not in inference and by a tenth" in text


def _ratios(told: dict[str, Any], what: str) -> dict[str, float]:
    """Seconds of experts by those of the fusion alone, by data set."""
    plain, full = (told["table6"][method] for method in PAIR)
    return {data: full[data][what][0] / plain[data][what][0] for data in plain}


def test_counts_need_other_sizes_than_appendix_g(told: dict[str, Any]) -> None:
    sizes, settings = told["table6_sizes"], told["hyperparameters"]["table7"]["values"]
    unlike = set()
    for data, own in settings.items():
        used = sizes[data][FULL]
        printed = own["hidden_dim"], own["num_layers_fus"], own["num_patches"]
        if (used["width"], used["layers"], used["tokens"]) != printed:
            unlike.add(data)
    assert unlike == {"IMDB", "MOSI", "ENRICO"}
    tokens = [sizes["IMDB"][method]["tokens"] for method in PAIR]
    assert f"of {tokens[0]} and of {tokens[1]} tokens" in found(
        told, "Table 6", "settings"
    )
    asked = sizes["MOSI"]["MulT"]
    counts = {
        outputs: (
            of_fusion(Sizes(3, outputs, **asked)),
            of_experts(Sizes(3, outputs, **asked), 1, 1),
        )
        for outputs in (1, 2)
    }
    assert counts[2] == (134402, 673935) and counts[1][0] != 134402


def test_ratings_add_up_to_other_shares(told: dict[str, Any]) -> None:
    counts = list(told["human_evaluation"]["recount_from_repo_csv"]["counts"].values())
    positive, negative = sum(counts[:2]), sum(counts[-2:])
    text = found(told, "appendix H", "ratings")
    assert sum(counts) == 300
    assert f"{positive / 3:.2f} %" in text and f"{negative / 3:.2f} %" in text
