"""The printed numbers as a frame, and the verdict on a number beside one."""

from dataclasses import replace
from pathlib import Path

import pytest

from repro.params import load
from repro.results.published import contents, decimals, published
from repro.results.verdict import (
    PAPER_SETTINGS,
    Facts,
    first_failing_condition,
    verdict,
)

ROOT = Path(__file__).parents[2]
FILE = ROOT / "data/published/btw.yaml"
PAPER = Facts(
    dataset="mosi",
    simulated=False,
    sizes={"train": 1284, "valid": 229, "test": 686},
    dims={"text": 768, "audio": 5, "video": 20},
    preset="paper",
    encoder_weights="bert-base-uncased",
    finetuned=True,
    n=3,
    modalities=("text", "audio", "video"),
    settings=PAPER_SETTINGS,
    alpha=0.5,
)


def test_every_number_of_tables_3_and_6_is_there() -> None:
    rows = published(FILE)
    counts = rows["table"].value_counts()
    assert counts["table3"] == 2 * 7 * 8
    assert counts["table6"] == 2 * 2 * 3 * 8
    assert not rows.duplicated(
        ["table", "dataset", "method", "alpha", "without", "metric"]
    ).any()


def test_spot_checks() -> None:
    keys = ["table", "dataset", "method", "metric"]
    rows = published(FILE).set_index(keys).sort_index()
    btw = rows.loc[("table3", "mosi", "bi_level", "mae")].squeeze()
    assert (btw["mean"], btw["sd"]) == (0.716, 0.01)
    sweep = rows.loc[("table6", "mosei", "instance", "mae")]
    assert sweep.set_index("alpha")["mean"].to_dict() == {
        0.3: 0.574,
        0.5: 0.566,
        0.7: 0.563,
    }
    seconds = rows.loc[("table10", "mosi", "moe", "total_s")].squeeze()
    assert seconds["mean"] == 405.0
    without = rows.loc[("table8", "los", "bi_level", "macro_f1")].set_index("without")
    assert without.loc["Text", "mean"] == 17.0


def test_missing_file_and_unknown_method_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no\.yaml: no such file"):
        contents(tmp_path / "no.yaml")
    other = tmp_path / "other.yaml"
    other.write_text(FILE.read_text().replace("MMIM", "Mystery"))
    with pytest.raises(ValueError, match="'Mystery' has no code name"):
        published(other)


def test_reproduced_within_the_margin_and_not_outside() -> None:
    # 2 sqrt(0.012^2/3 + 0.01^2/3) + 0.0005 = 0.01854
    inside = verdict(PAPER, 0.716 + 0.0185, 0.012, 0.716, 0.01, decimals("mae"))
    above = verdict(PAPER, 0.716 + 0.0186, 0.012, 0.716, 0.01, decimals("mae"))
    below = verdict(PAPER, 0.716 - 0.0186, 0.012, 0.716, 0.01, decimals("mae"))
    assert inside is not None and inside.word == "reproduced"
    assert above is not None and above.word == "higher"
    assert below is not None and below.word == "lower"


def test_without_spread_half_a_printed_digit_is_allowed() -> None:
    for mean, word in ((45.875, "reproduced"), (45.876, "higher")):
        found = verdict(PAPER, mean, 0.0, 45.87, 0.0, decimals("acc7"))
        assert found is not None and found.word == word


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"sizes": {"train": 1283, "valid": 229, "test": 686}}, "1283/229/686"),
        ({"dims": {"audio": 74, "video": 20}}, "audio features 74, paper 5"),
        ({"dims": {"audio": 5}}, "video features none, paper 20"),
        ({"preset": "default"}, "preset default"),
        ({"modalities": ("audio", "video")}, "audio, video, paper has text"),
        ({"settings": {**PAPER_SETTINGS, "experts": 8}}, "experts 8, paper 16"),
        ({"settings": {**PAPER_SETTINGS, "top_k": 4}}, "top_k 4, paper 2"),
        ({"settings": {**PAPER_SETTINGS, "layers": 1}}, "layers 1, paper 3"),
        ({"settings": {**PAPER_SETTINGS, "gate": "softmax"}}, "gate softmax, paper"),
        ({"settings": {"experts": 16, "top_k": 2}}, "expert_hidden none, paper 512"),
        ({"alpha": 0.3}, "alpha 0.3, paper 0.5"),
        ({"encoder_weights": "random"}, "encoder random"),
        ({"finetuned": False}, "bert-base-uncased frozen"),
        ({"n": 2}, "2 seed"),
        ({"dataset": "other"}, "none printed"),
    ],
)
def test_each_condition_alone_makes_it_not_comparable(
    change: dict, reason: str
) -> None:
    found = verdict(replace(PAPER, **change), 0.716, 0.01, 0.716, 0.01, 3)
    assert found is not None and found.word == "not comparable"
    assert reason in found.condition


def test_the_paper_settings_are_those_of_the_paper_preset() -> None:
    loaded = load(ROOT / "params.yaml")
    paper = loaded.presets["paper"]
    known = {**loaded.model_dump(), **paper.model.model_dump()}
    known |= paper.training.model_dump()
    assert {name: known[name] for name in PAPER_SETTINGS} == dict(PAPER_SETTINGS)


def test_the_first_failing_condition_is_reported() -> None:
    both = {**PAPER_SETTINGS, "router": "joint", "batch": 64}
    found = first_failing_condition(replace(PAPER, settings=both))
    assert found == "router joint, paper per_modality"
    assert first_failing_condition(replace(PAPER, alpha=None)) is None
    facts = replace(PAPER, n=1, preset="default", dims={"audio": 1, "video": 1})
    assert first_failing_condition(facts) == "audio features 1, paper 5"
    assert first_failing_condition(PAPER) is None


def test_simulated_data_never_get_a_verdict() -> None:
    assert verdict(replace(PAPER, simulated=True), 0.7, 0.01, 0.7, 0.01, 3) is None
