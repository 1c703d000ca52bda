"""When a number may be set beside the printed one, and what is said then."""

from dataclasses import replace
from pathlib import Path

import pytest

from repro.params import load
from repro.results.published import contents
from repro.results.verdict import (
    Condition,
    Facts,
    compared,
    conditions,
    printed_decimals,
    verdict,
)
from tests.settings import copied_settings

ROOT = Path(__file__).parents[3]
SIZES = {
    "experts": "16",
    "top_k": "2",
    "expert_hidden": "512",
    "layers": "3",
    "router": "per_modality",
    "gate": "laplace",
    "epochs": "40",
    "batch": "32",
}
MOSI: Facts = {
    **SIZES,
    "split sizes": "1284/229/686",
    "modalities": "text, audio, video",
    "audio features": "5",
    "video features": "20",
    "preset": "paper",
    "encoder": "bert-base-uncased fine-tuned",
    "seeds": "3",
    "alpha": "0.5",
}
STAYS: Facts = {
    "source": "mimiciv",
    "release": "2.2-like",
    "variables": "published",
    "time policy": "charttime",
    "deaths": "keep",
    "labs without admission": "drop",
    "min los days": "2.0",
    "X-ray views": "all",
}
COMPLETE: Facts = {
    **SIZES,
    **STAYS,
    "epochs": "8",
    "evaluation": "holdout",
    "stays by class": "1465/2342/923/448",
    "stays": "5178",
    "split": "stay",
    "modalities": "timeseries, text, cxr, ecg",
    "text features": "768",
    "cxr features": "1024",
    "ecg features": "256",
    "missing": "mask",
    "absence": "masked mask",
    "preset": "paper",
    "text encoder": "transformer emilyalsentzer/Bio_ClinicalBERT",
    "seeds": "3",
    "alpha": "0.5",
}


@pytest.fixture(autouse=True)
def at_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Conditions are read from the repository root."""
    monkeypatch.chdir(ROOT)


def failing(facts: Facts, table: str = "table3", dataset: str = "mosi") -> str | None:
    """The first condition of a table of BTW that fails."""
    return conditions("btw", table, dataset).failing(facts)


def word(mean: float, sd: float, printed: tuple[float, float], decimals: int) -> str:
    """Verdict on a mean over three seeds under the settings of the paper."""
    asked = conditions("btw", "table3", "mosi")
    return verdict(asked, MOSI, "moe", (mean, sd, 3), printed, decimals).word


def test_reproduced_within_the_margin_and_not_outside() -> None:
    # 2 sqrt(0.012^2/3 + 0.01^2/3) + 0.0005 = 0.01854
    assert word(0.716 + 0.0185, 0.012, (0.716, 0.01), 3) == "reproduced"
    assert word(0.716 + 0.0186, 0.012, (0.716, 0.01), 3) == "higher"
    assert word(0.716 - 0.0186, 0.012, (0.716, 0.01), 3) == "lower"
    # 2 sqrt(1/3 + 2.08^2/3) + 0.005 = 2.6699
    assert word(43.33 + 2.669, 1.0, (43.33, 2.08), 2) == "reproduced"
    assert word(43.33 - 2.671, 1.0, (43.33, 2.08), 2) == "lower"


def test_without_spread_half_a_printed_digit_is_allowed() -> None:
    assert word(45.875, 0.0, (45.87, 0.0), 2) == "reproduced"
    assert word(45.876, 0.0, (45.87, 0.0), 2) == "higher"
    assert printed_decimals(3, 0.716, 0.01) == 3
    assert printed_decimals(2, 46.0, None) == 0


def test_counts_are_reproduced_only_exactly() -> None:
    words = [compared(count - 1465.0).word for count in (1465, 1466, 1464)]
    assert words == ["reproduced", "higher", "lower"]


def test_the_paper_under_its_own_conditions() -> None:
    assert failing(MOSI) is None and failing({**MOSI, "alpha": None}) is None
    assert failing(COMPLETE, "table4", "icu_complete") is None
    assert failing(STAYS, "table2", "icu_complete") is None
    assert failing({**MOSI, "split sizes": "1/2/3"}, "fusions") is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            {"split sizes": "1283/229/686"},
            "split sizes 1283/229/686, paper 1284/229/686",
        ),
        ({"audio features": "74"}, "audio features 74, paper 5"),
        ({"video features": "none"}, "video features none, paper 20"),
        ({"preset": "default"}, "preset default, not paper"),
        ({"modalities": "audio, video"}, "modalities audio, video, paper has text"),
        ({"experts": "8"}, "experts 8, paper 16"),
        ({"top_k": "4"}, "top_k 4, paper 2"),
        ({"layers": "1"}, "layers 1, paper 3"),
        ({"gate": "softmax"}, "gate softmax, paper laplace"),
        ({"router": "joint", "batch": "64"}, "router joint, paper per_modality"),
        ({"alpha": "0.3"}, "alpha 0.3, paper 0.5"),
        (
            {"encoder": "random frozen"},
            "encoder random frozen, paper bert-base-uncased fine-tuned",
        ),
        ({"seeds": "2"}, "2 seed(s), at least 3 needed"),
    ],
)
def test_each_condition_of_the_sentiment_tables(change: dict, reason: str) -> None:
    assert failing({**MOSI, **change}) == reason


def test_a_fact_that_is_not_there_fails() -> None:
    facts = {k: v for k, v in MOSI.items() if k != "expert_hidden"}
    assert failing(facts) == "expert_hidden none, paper 512"
    assert failing(MOSI, dataset="other") == (
        "split sizes 1284/229/686, paper none printed"
    )


@pytest.mark.parametrize(
    ("fact", "value", "reason"),
    [
        ("source", "table", "source table, paper mimiciv"),
        ("release", "3.1-like", "release 3.1-like, paper 2.2-like"),
        ("time policy", "strict", "time policy strict, paper charttime"),
        ("variables", "corrected", "variables corrected, paper published"),
        ("deaths", "exclude", "deaths exclude, paper keep"),
        ("labs without admission", "keep", "labs without admission keep, paper drop"),
        ("min los days", "3.0", "min los days 3.0, paper 2.0"),
        ("X-ray views", "AP, PA", "X-ray views AP, PA, paper all"),
    ],
)
def test_each_rule_of_the_stays(fact: str, value: str, reason: str) -> None:
    changed = {**COMPLETE, fact: value}
    assert failing(changed, "table4", "icu_complete") == reason
    assert failing(changed, "table2", "icu_complete") == reason


@pytest.mark.parametrize(
    ("fact", "value", "reason"),
    [
        ("evaluation", "grouped_cv", "evaluation grouped_cv, paper holdout"),
        ("split", "patient", "split by patient, paper by stay"),
        (
            "stays by class",
            "1465/2342/923/447",
            "other stays by class than the paper, 1465/2342/923/448",
        ),
        (
            "modalities",
            "timeseries, ecg",
            "modalities timeseries, ecg, paper timeseries, text, cxr, ecg",
        ),
        ("text features", "64", "text features 64, paper 768"),
        ("cxr features", "48", "cxr features 48, paper 1024"),
        ("ecg features", "none", "ecg features none, paper 256"),
        ("preset", "default", "preset default, not paper"),
        ("epochs", "40", "epochs 40, paper 8"),
        ("experts", "none", "experts none, paper 16"),
        ("alpha", "0.3", "alpha 0.3, paper 0.5"),
        (
            "text encoder",
            "transformer none",
            "text encoder transformer none, paper transformer "
            "emilyalsentzer/Bio_ClinicalBERT",
        ),
        ("seeds", "2", "2 seed(s), at least 3 needed"),
    ],
)
def test_each_condition_of_the_clinical_tables(
    fact: str, value: str, reason: str
) -> None:
    changed = {**COMPLETE, fact: value}
    assert failing(changed, "table4", "icu_complete") == reason
    # Table 2 counts stays, however they are divided.
    assert failing(changed, "table2", "icu_complete") is None


def test_all_stays_need_their_number_and_the_published_absence() -> None:
    every = {**COMPLETE, "stays": "35131", "stays by class": "1/2/3/35125"}
    reason = "absent modalities by mask, paper counts them as zeros"
    assert failing(every, "table7", "icu_all") == reason
    uncounted = {**every, "missing": "zero", "absence": "masked zero"}
    assert failing(uncounted, "table7", "icu_all") is not None
    zeros = {**uncounted, "absence": "counted zero"}
    assert failing(zeros, "table7", "icu_all") is None
    fewer = {**every, "stays": "10"}
    assert failing(fewer, "table7", "icu_all") == "10 stays, released code 35131"


def test_the_first_failing_condition_is_told() -> None:
    both = {**MOSI, "seeds": "1", "preset": "default", "audio features": "1"}
    assert failing(both) == "audio features 1, paper 5"


def test_methods_without_stated_settings_are_never_comparable() -> None:
    asked = conditions("btw", "table3", "mosi")
    found = verdict(asked, MOSI, "mult", (0.989, 0.04, 3), (0.989, 0.04), 3)
    assert found.word == "not comparable" and "does not state" in found.condition
    clinical = conditions("btw", "table4", "icu_complete")
    found = verdict(clinical, COMPLETE, "mult", (43.33, 1.0, 3), (43.33, 2.08), 2)
    assert found.word == "reproduced"


def test_table5_asks_for_its_own_encoder() -> None:
    other = {**MOSI, "encoder": "microsoft/deberta-v3-base fine-tuned"}
    assert failing(other, "table5") is None
    assert failing(MOSI, "table5") is not None and failing(other) is not None


def test_conditions_agree_with_the_paper_preset_and_the_printed_counts(
    tmp_path: Path,
) -> None:
    counts = contents("btw")["table2"]["los_days_count"].values()
    assert "/".join(map(str, counts)) == COMPLETE["stays by class"]
    copied_settings(tmp_path, "paper")
    params = load(tmp_path / "params.yaml")
    sentiment = ("mosi", "moe", MOSI)
    for dataset, fusion, facts in (sentiment, ("icu_all", "fusemoe", COMPLETE)):
        models = params.models(dataset)
        known = {**models.training.model_dump(), **models.fusions[fusion]}
        known |= {"experts": params.experts, "top_k": params.top_k}
        assert {k: str(known[k]) for k in SIZES} == {k: facts[k] for k in SIZES}


def test_experts_of_a_fusion_have_the_settings_of_its_own_table() -> None:
    told = contents("i2moe")
    tables = {f"table{k}": told["hyperparameters"][f"table{k}"] for k in range(7, 11)}
    for name, own in tables.items():
        method = told["methods"][own["backbone"]]
        table = "table1" if name == "table7" else "table2"
        for data, values in own["values"].items():
            asked = conditions("i2moe", table, told["datasets"][data]["key"])
            of = [c for c in asked.every if c.method in (None, method)]
            for fact, printed in (("epochs", "train_epochs"), ("batch", "batch_size")):
                (one,) = [c for c in of if c.fact == fact]
                assert one.paper == str(values[printed]), (name, data, fact)
    facts = {"preset": "paper", "seeds": "3", "split sizes": "947/219/292"}
    asked = conditions("i2moe", "table2", "enrico")
    table8 = facts | {"epochs": "30", "batch": "8"}
    assert asked.failing(table8, "switchgate_i2moe") is None
    assert asked.failing(table8, "interpretcc_i2moe") == "epochs 30, paper 60"


@pytest.mark.parametrize(
    ("condition", "holds", "fails"),
    [
        (Condition("a", paper="1"), "1", "2"),
        (Condition("a", has="b"), "a, b", "a, bc"),
        (Condition("a", at_least=3), "4", "2"),
    ],
)
def test_kinds_of_conditions(condition: Condition, holds: str, fails: str) -> None:
    assert condition.failing({"a": holds}) is None
    assert condition.failing({"a": fails}) is not None
    assert condition.failing({"a": None}) is None
    assert replace(condition, fact="b").failing({"b": holds}) is None
