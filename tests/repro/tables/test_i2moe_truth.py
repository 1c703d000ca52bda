from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from repro import params, paths
from repro.figures.interpretation import told_points, told_series
from repro.params import Params
from repro.results.explanations import Explanation, PlantedRows, equal_weights
from repro.tables.i2moe_mixes import mixes_block, mixes_of
from repro.tables.i2moe_truth import truth_block
from repro.tables.rows import Table
from repro.tables.writing import write_table

ROOT = Path(__file__).parents[3]
EXPERTS = ("unique_m1", "unique_m2", "synergy", "redundancy")
SAMPLES, SEEDS = 240, 3


@pytest.fixture(scope="module")
def few() -> Params:
    loaded = params.load(ROOT / "params.yaml")
    statistics = loaded.statistics.model_copy(update={"auroc_resamples": 200})
    return loaded.model_copy(update={"statistics": statistics})


def planted(dataset: str = "planted_uniform", seed: int = 0) -> PlantedRows:
    generator = np.random.default_rng(seed)
    known = params.load(ROOT / "params.yaml").interaction_simulation.sets[dataset]
    shares = np.array([known.shares[name] for name in EXPERTS])
    return PlantedRows(
        dataset=dataset,
        ids=np.array([f"row{k}" for k in range(SAMPLES)], dtype=object),
        y=generator.integers(3, size=SAMPLES),
        mechanism=generator.choice(4, size=SAMPLES, p=shares),
        experts=EXPERTS,
        shares=shares,
        classes=3,
    )


def trained(rows: PlantedRows, blur: float, able: int = 4) -> Explanation:
    """Weights that know the mechanism up to a blur; the first `able` are learned."""
    generator = np.random.default_rng(1)
    own = np.eye(4)[rows.mechanism]
    raw = np.exp(2 * own + blur * generator.standard_normal((SEEDS, SAMPLES, 4)))
    weights = raw / raw.sum(axis=-1, keepdims=True)
    logits = 0.1 * generator.standard_normal((SEEDS, SAMPLES, 4, 3))
    chosen = np.flatnonzero(rows.mechanism < able)
    logits[:, chosen, rows.mechanism[chosen], rows.y[chosen]] += 6
    mixed = np.einsum("sne,snec->snc", weights, logits)
    return Explanation(weights, mixed.argmax(-1) == rows.y, logits)


def told(rows: PlantedRows, able: int = 4) -> dict[str, Explanation]:
    good = trained(rows, blur=0.5, able=able)
    poor = trained(rows, blur=4.0, able=able)
    return {"interactions": good, "no_losses": poor, "equal": equal_weights(good)}


def wide(block: pd.DataFrame) -> pd.DataFrame:
    return block.pivot(index="row", columns="metric", values="mean")


def test_a_better_explanation_stands_above_a_worse_one(few: Params):
    rows = planted()
    block = truth_block(few, rows, told(rows), against=("no_losses",))
    found = wide(block)
    assert found.loc["ceiling", "synergy_told"] == 1.0
    assert found.loc["interactions", "told"] > found.loc["no_losses", "told"] + 0.1
    assert found.loc["equal", "told"] == 0.5
    assert found.loc["equal", "top_one"] == pytest.approx(0.25)
    assert found.loc["interactions", "synergy_rows"] > 90
    difference = block[block["metric"] == "told_vs_no_losses"].set_index("row")
    assert set(difference.index) == {"interactions", "equal"}
    gain = found.loc["interactions", "told"] - found.loc["no_losses", "told"]
    own = difference.loc["interactions"]
    assert own["mean"] == pytest.approx(gain)
    assert own["lower"] > 0 and own["p_holm"] < 0.05
    interval = block[(block["metric"] == "told") & (block["row"] == "interactions")]
    assert float(interval["lower"].iloc[0]) < float(interval["mean"].iloc[0])


def test_what_is_not_learned_is_said_and_not_scored(few: Params):
    rows = planted()
    block = truth_block(few, rows, {"interactions": trained(rows, 0.5, able=3)})
    own = block[block["row"] == "interactions"]
    assert set(own["remark"]) == {"not learned: redundancy"}
    assert "redundancy_told" not in set(own["metric"])
    assert {"synergy_told", "redundancy_rows", "told"} <= set(own["metric"])


def test_one_answer_for_all_rows_is_not_better_than_equal_weights(few: Params):
    rows = planted()
    able = trained(rows, 0.5, able=3)
    constant = np.broadcast_to(np.eye(4)[0], able.scores.shape)
    told = {"one": replace(able, scores=constant), "uniform": equal_weights(able)}
    block = truth_block(few, rows, told, against=("uniform",))
    found = wide(block)
    assert found["top_one"].dropna().tolist() == pytest.approx([1 / 3, 1 / 3])
    for metric in ("told_vs_uniform", "top_one_vs_uniform"):
        assert found.loc["one", metric] == pytest.approx(0)
    assert found["synergy_rows"].notna().to_dict()["uniform"] is False


def test_one_learned_mechanism_has_no_expert_that_leads(few: Params):
    rows = planted()
    told = {"one": trained(rows, 0.5, able=1)}
    told["uniform"] = equal_weights(told["one"])
    metrics = set(truth_block(few, rows, told, against=("uniform",))["metric"])
    assert {"told", "told_vs_uniform"} <= metrics
    assert not {"top_one", "top_one_vs_uniform"} & metrics


def test_nothing_learned_leaves_nothing_scored(few: Params):
    rows = planted()
    nothing = trained(rows, 0.5, able=0)
    block = truth_block(
        few, rows, {"one": nothing, "other": nothing}, against=("other",)
    )
    scored = set(block.loc[block["row"] == "one", "metric"])
    assert not {"told", "top_one", "told_vs_other"} & scored
    assert "agreement" in scored


def test_survival_is_shown_where_it_was_probed(few: Params):
    rows = planted()
    survival = {"interactions": np.full((SEEDS, 4), 0.2)}
    block = truth_block(few, rows, told(rows), survival=survival)
    survives = block[block["metric"].str.endswith("_survives")]
    assert set(survives["row"]) == {"interactions"} and len(survives) == 4


def test_over_mixes_weights_that_follow_shares(few: Params):
    mixes = {}
    names = ("planted_uniform", *(f"planted_{name}" for name in EXPERTS))
    for number, name in enumerate(names):
        rows = planted(name, number)
        mixes[name] = (trained(rows, blur=0.5), rows)
    equal = {name: (equal_weights(of), rows) for name, (of, rows) in mixes.items()}
    block = mixes_block(few, {"interactions": mixes, "equal": equal})
    assert set(block["row"]) == {"interactions"}  # equal weights do not vary
    found = wide(block).loc["interactions"]
    assert set(found.index) == {f"{name}_follows" for name in EXPERTS}
    assert (found > 0.6).all()


def test_mixes_are_set_beside_each_other_where_tags_show(few: Params):
    names = ("planted_uniform", *(f"planted_{name}" for name in EXPERTS[:2]))
    names = (*names, "planted_hidden")
    every = {name: planted(name, k) for k, name in enumerate(names)}
    told = {
        name: (rows, {"interactions": of, "disagreement": replace(of, logits=None)})
        for name, rows in every.items()
        for of in [trained(rows, 0.5)]
    }
    (over,) = mixes_of(few, told)
    assert set(over["dataset"]) == {"planted_mixes"}
    assert set(over["row"]) == {"interactions"}  # scores of a rule are no weights
    assert mixes_of(few, dict(list(told.items())[1:])) == []  # too few to compare


def test_the_table_and_its_figure_are_written(
    few: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    rows, hidden = planted(), planted("planted_hidden", 3)
    blocks = [
        truth_block(few, one, told(one, able=3), against=("no_losses",))
        for one in (rows, hidden)
    ]
    made = pd.concat(blocks)
    write_table("i2moe_truth", Table("Truth", lambda _: made), few)
    text = paths.plot("i2moe_truth", "md").read_text()
    assert "mean AUROC of mechanisms minus no losses [interval] seed SE, Holm p" in text
    assert "not learned: redundancy" in text
    assert "agreement of seeds ↑" in text
    series = told_series(made)
    assert set(series["row"]) == {"interactions", "no_losses", "equal"}
    assert "redundancy" not in set(series["mechanism"])
    limits = series[series["dataset"] == "planted_hidden"]["ceiling"]
    assert limits.tolist() == pytest.approx([11 / 18] * len(limits))
    figure = told_points(series, few, "Truth")
    assert len(figure.axes) == 2
    empty = told_points(series.iloc[:0], few, "Truth")
    texts = [*empty.texts, *(text for axis in empty.axes for text in axis.texts)]
    assert "no mechanism is learned" in " ".join(text.get_text() for text in texts)
