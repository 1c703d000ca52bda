"""Cards of simulated data: numbers of params, by hand, and no markup of a title."""

import re

import numpy as np
import pytest

from repro import params as parameters
from repro import paths
from repro.documents.data_cards import data_cards
from repro.params import Params
from repro.simulation.sentiment import simulate
from repro.stages.graph import yaml_content
from tests.repro.conftest import ROOT


@pytest.fixture
def params(monkeypatch: pytest.MonkeyPatch) -> Params:
    """Params of this repository."""
    monkeypatch.chdir(ROOT)
    return parameters.load()


def changed(params: Params, name: str, **values: object) -> Params:
    """Params with some values of one block changed."""
    block = getattr(params, name).model_copy(update=values)
    return params.model_copy(update={name: block})


def test_every_simulated_set_has_a_card_that_says_so(params: Params) -> None:
    cards = data_cards(params)
    names = ("mosi", "mosei", "draws", "icu", "planted", "adni", "mortality")
    assert set(cards) == {f"data_{name}" for name in names}
    for text in cards.values():
        assert text.startswith("# Data card: ") and "simulated\n" in text[:80]
        for heading in ("Size", "What is planted", "What it is for", "What it is not"):
            assert f"\n## {heading}\n" in text
    sets = {*params.simulation.sets, *params.simulation.draws}
    sets |= set(params.interaction_simulation.sets)
    named = {m for t in cards.values() for m in re.findall(r"^\| (\w+) ", t, re.M)}
    assert sets <= named


def test_strengths_by_hand(params: Params) -> None:
    planted = changed(
        params,
        "simulation",
        unique=[3.0, 0.0, 0.0],
        shared=0.0,
        synergy=0.0,
        label_noise=4.0,
        label_sd=2.0,
        unreliable=[0.25, 0.0, 1.0],
    )
    text = data_cards(planted)["data_mosi"]
    assert re.search(r"\| only in text +\| 1\.200 \| 36 % ", text)  # 2 * 3 / 5
    assert re.search(r"\| noise that nobody sees +\| 1\.600 \| 64 % ", text)
    assert "text 25 %, audio 0 %, video 100 %" in text


def test_the_simulator_draws_what_the_card_says(params: Params) -> None:
    planned = params.simulation.sets["mosi"]
    sizes, draw = (6000, 10, 10), np.random.default_rng(0)
    _, truth = simulate(params.simulation, sizes, planned, draw)
    text = data_cards(params)["data_mosi"]
    for part, column in (
        ("only in text", "unique_text"),
        ("in every modality", "shared"),
    ):
        (told,) = re.findall(rf"\| {part} +\| ([\d.]+) ", text)
        assert truth[column].std() == pytest.approx(float(told), rel=0.05)
    share = 100 * (1 - truth["reliable_audio"].mean())
    (told,) = re.findall(r"audio (\d+) %", text)
    assert share == pytest.approx(float(told), abs=2)


def test_classes_of_the_stays_are_those_of_params(params: Params) -> None:
    text = data_cards(params)["data_icu"]
    for name in params.datasets.stays["icu_all"].classes:
        assert f"| {name}" in text
    assert "3,000" in text and "| 60 % " in text


def test_shares_of_the_visits_are_of_the_whole_score(params: Params) -> None:
    planted = changed(
        params,
        "visit_simulation",
        unique=[3.0, 0.0, 0.0],
        shared=0.0,
        synergy=0.0,
        label_noise=4.0,
        positives=0.2,
    )
    text = data_cards(planted)["data_mortality"]
    assert re.search(r"\| only in lab +\| 3\.000 \| 36 % ", text)  # of 3 and 4
    assert "20 % die within a year" in text


def test_a_title_is_text(params: Params) -> None:
    odd = params.datasets.files["mosi"].model_copy(
        update={"title": "<script>x</script> | [a](b)"}
    )
    files = {**params.datasets.files, "mosi": odd}
    text = data_cards(changed(params, "datasets", files=files))["data_mosi"]
    title = text.splitlines()[0]
    assert "<script" not in title and r"\|" in title and "](b" not in title


def test_the_committed_cards_are_those_of_params(params: Params) -> None:
    if "cards" not in yaml_content(ROOT / "dvc.lock")["stages"]:
        pytest.skip("dvc.lock: the stage cards has not run yet; run dvc repro")
    for name, text in data_cards(params).items():
        assert (ROOT / paths.CARDS / f"{name}.md").read_text() == text


def test_the_card_of_adni_by_hand(params: Params) -> None:
    planted = changed(
        params,
        "adni_simulation",
        unique=[3.0, 0.0, 0.0, 0.0],
        shared=0.0,
        synergy=0.0,
        label_noise=4.0,
        unreliable=[0.5, 0.0, 0.25, 0.0],
    )
    text = data_cards(planted)["data_adni"]
    assert re.search(r"\| only in image +\| 0\.600 \| 36 % ", text)  # 3 / 5
    assert re.search(r"\| subjects +\| 600 ", text)
    assert "image 50 %, genetic 0 %, clinical 25 %, biospecimen 0 %" in text
