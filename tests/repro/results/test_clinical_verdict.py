"""When a clinical number may be set beside the printed one, and what is said then."""

from dataclasses import replace

import pytest

from repro.results.clinical_verdict import (
    PAPER_CLINICAL,
    PAPER_COUNTS,
    PAPER_TEXT,
    ClinicalFacts,
    CohortFacts,
    clinical_verdict,
    count_verdict,
)
from repro.results.published import contents
from repro.results.verdict import PAPER_SETTINGS

COHORT = CohortFacts(
    cohort="icu_complete",
    simulated=False,
    source="mimiciv",
    version="2.2-like",
    variables="published",
    time_policy="charttime",
    deaths="keep",
    labs_without_admission="drop",
    min_los_days=2.0,
    views=(),
    split="published",
    evaluation="holdout",
    counts=PAPER_COUNTS,
)
ALL = replace(COHORT, cohort="icu_all", counts=(12000, 15000, 6000, 2131))
FACTS = ClinicalFacts(
    cohort=COHORT,
    modalities=("timeseries", "text", "cxr", "ecg"),
    dims={"timeseries": 60, "text": 768, "cxr": 1024, "ecg": 256},
    missing="mask",
    count_absent=False,
    preset="paper",
    settings=dict(PAPER_CLINICAL),
    text_encoder=PAPER_TEXT[0],
    text_weights=PAPER_TEXT[1],
    n=3,
    alpha=0.5,
)


def judged(facts: ClinicalFacts, mean: float = 43.0) -> tuple[str, str]:
    """Word and condition for a mean beside 43.33 ± 2.08."""
    found = clinical_verdict(facts, mean, 1.0, 43.33, 2.08, 2)
    assert found is not None
    return found.word, found.condition


def test_counts_are_the_printed_ones() -> None:
    printed = contents()["table2"]
    assert tuple(printed["los_days_count"].values()) == PAPER_COUNTS
    assert sum(PAPER_COUNTS) == printed["total"]


def test_settings_have_their_own_epochs() -> None:
    changed = {k for k, v in PAPER_CLINICAL.items() if PAPER_SETTINGS[k] != v}
    assert changed == {"epochs"} and set(PAPER_CLINICAL) == set(PAPER_SETTINGS)
    assert (PAPER_CLINICAL["epochs"], PAPER_CLINICAL["batch"]) == (8, 32)


def test_words_follow_the_margin() -> None:
    # 2 sqrt(1/3 + 2.08^2/3) + 0.005 = 2.6699
    assert judged(FACTS, 43.33 + 2.669) == ("reproduced", "")
    assert judged(FACTS, 43.33 - 2.669) == ("reproduced", "")
    assert judged(FACTS, 43.33 + 2.671) == ("higher", "")
    assert judged(FACTS, 43.33 - 2.671) == ("lower", "")


@pytest.mark.parametrize(
    ("field", "value", "condition"),
    [
        ("source", "table", "source table, paper mimiciv"),
        ("version", "3.1-like", "release 3.1-like, paper 2.2-like"),
        ("time_policy", "strict", "time policy strict, paper charttime"),
        ("variables", "corrected", "variables corrected, paper published"),
        ("deaths", "exclude", "deaths exclude, paper keep"),
        (
            "labs_without_admission",
            "keep",
            "labs without admission keep, paper drop",
        ),
        ("min_los_days", 3.0, "min los days 3.0, paper 2.0"),
        ("views", ("AP", "PA"), "X-ray views AP, PA, paper all"),
        ("evaluation", "grouped_cv", "evaluation grouped_cv, paper holdout"),
        ("split", "patient", "split by patient, paper by stay"),
        (
            "counts",
            (1465, 2342, 923, 447),
            "stays by class 1465/2342/923/447, paper 1465/2342/923/448",
        ),
    ],
)
def test_each_rule_of_the_cohort_is_named(
    field: str, value: object, condition: str
) -> None:
    cohort = replace(COHORT, **{field: value})  # type: ignore[arg-type]
    assert judged(replace(FACTS, cohort=cohort)) == ("not comparable", condition)


@pytest.mark.parametrize(
    ("field", "value", "condition"),
    [
        (
            "modalities",
            ("timeseries", "ecg"),
            "modalities timeseries, ecg, paper timeseries, text, cxr, ecg",
        ),
        (
            "dims",
            {"text": 64, "cxr": 1024, "ecg": 256},
            "text features 64, paper 768",
        ),
        (
            "dims",
            {"text": 768, "cxr": 48, "ecg": 48},
            "cxr features 48, paper 1024",
        ),
        ("dims", {"text": 768, "cxr": 1024}, "ecg features none, paper 256"),
        ("preset", "default", "preset default, not paper"),
        ("settings", {**PAPER_CLINICAL, "epochs": 40}, "epochs 40, paper 8"),
        ("settings", {}, "experts none, paper 16"),
        ("alpha", 0.3, "alpha 0.3, paper 0.5"),
        (
            "text_weights",
            "none",
            "text encoder transformer none, paper transformer "
            "emilyalsentzer/Bio_ClinicalBERT",
        ),
        ("n", 2, "2 seed(s), at least 3 needed"),
    ],
)
def test_each_setting_of_the_run_is_named(
    field: str, value: object, condition: str
) -> None:
    facts = replace(FACTS, **{field: value})  # type: ignore[arg-type]
    assert judged(facts) == ("not comparable", condition)


def test_all_stays_need_their_number_and_the_published_absence() -> None:
    masked = replace(FACTS, cohort=ALL)
    condition = "absent modalities by mask, paper counts them as zeros"
    assert judged(masked) == ("not comparable", condition)
    uncounted = replace(masked, missing="zero")
    assert judged(uncounted)[0] == "not comparable"
    assert judged(replace(uncounted, count_absent=True)) == ("reproduced", "")
    fewer = replace(masked, cohort=replace(ALL, counts=(1, 2, 3, 4)))
    assert judged(fewer) == ("not comparable", "10 stays, released code 35131")


def test_the_first_failing_condition_is_told() -> None:
    cohort = replace(COHORT, split="patient", time_policy="strict")
    facts = replace(FACTS, cohort=cohort, n=1, preset="tiny")
    assert judged(facts)[1] == "time policy strict, paper charttime"


def test_simulated_data_get_no_verdict_at_all() -> None:
    cohort = replace(COHORT, simulated=True)
    facts = replace(FACTS, cohort=cohort)
    assert clinical_verdict(facts, 43.33, 1.0, 43.33, 2.08, 2) is None
    assert count_verdict(cohort, 1465, 1465) is None


def test_counts_are_reproduced_only_exactly() -> None:
    # The numbers of stays do not depend on how they are divided.
    cohort = replace(COHORT, split="patient", evaluation="grouped_cv")
    words = [count_verdict(cohort, count, 1465) for count in (1465, 1466, 1464)]
    assert [v.word for v in words if v] == ["reproduced", "higher", "lower"]


@pytest.mark.parametrize(
    ("field", "value", "condition"),
    [
        ("time_policy", "strict", "time policy strict, paper charttime"),
        ("variables", "corrected", "variables corrected, paper published"),
        ("deaths", "exclude", "deaths exclude, paper keep"),
        (
            "labs_without_admission",
            "keep",
            "labs without admission keep, paper drop",
        ),
        ("min_los_days", 1.0, "min los days 1.0, paper 2.0"),
        ("views", ("PA",), "X-ray views PA, paper all"),
    ],
)
def test_counts_by_other_rules_are_not_comparable(
    field: str, value: object, condition: str
) -> None:
    cohort = replace(COHORT, **{field: value})  # type: ignore[arg-type]
    found = count_verdict(cohort, 1465, 1465)
    assert found is not None
    assert (found.word, found.condition) == ("not comparable", condition)
