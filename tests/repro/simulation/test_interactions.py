from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chisquare

from btw import discrete_information
from repro import files, params, paths
from repro.data import checking, table
from repro.params.mechanisms import InteractionSet, expert_mechanisms
from repro.simulation import interactions as simulated
from tests.settings import copied_settings

ROOT = Path(__file__).parents[3]
PARAMETERS = params.load(ROOT / "params.yaml")
SIMULATION = PARAMETERS.interaction_simulation
SETS = list(SIMULATION.sets)
ROWS = 30_000


def drawn(name: str, rows: int = ROWS, redrawn: float = 0.0) -> simulated.Drawn:
    generator = np.random.default_rng(0)
    return simulated.drawn(SIMULATION.sets[name], redrawn, rows, generator)


@pytest.mark.parametrize("name", SETS)
def test_no_code_gives_the_mechanism_away(name: str):
    found, planned = drawn(name), SIMULATION.sets[name]
    for number in range(len(planned.mechanisms)):
        rows = found.codes[found.mechanism == number]
        for m in range(planned.modalities):
            counts = np.bincount(rows[:, m], minlength=planned.classes)
            assert chisquare(counts).pvalue > 1e-4
    shares = np.bincount(found.mechanism) / ROWS
    expected = [planned.shares[mechanism] for mechanism in planned.mechanisms]
    assert shares == pytest.approx(expected, abs=0.01)


def told(found: simulated.Drawn, rows: np.ndarray, classes: int) -> tuple[float, ...]:
    """Information of the first code, the second and both on the label, in log C."""
    a, b = found.codes[rows, 0], found.codes[rows, 1]
    parts = (a, b, a * classes + b)
    y = found.y[rows]
    return tuple(discrete_information(x, y) / np.log(classes) for x in parts)


@pytest.mark.parametrize(
    ("mechanism", "expected"),
    [
        ("unique_m1", (1, 0, 1)),
        ("unique_m2", (0, 1, 1)),
        ("synergy", (0, 0, 1)),
        ("redundancy", (1, 1, 1)),
    ],
)
@pytest.mark.parametrize("redrawn", [0.0, 0.3])
def test_each_mechanism_tells_in_one_way_only(
    mechanism: str, expected: tuple[int, ...], redrawn: float
):
    planned = SIMULATION.sets["planted_uniform"]
    found = drawn("planted_uniform", redrawn=redrawn)
    rows = found.mechanism == planned.mechanisms.index(mechanism)
    p = np.full(3, redrawn / 3)
    p[0] += 1 - redrawn
    most = 1 + (p[p > 0] * np.log(p[p > 0])).sum() / np.log(3)
    wanted = [most * part for part in expected]
    assert told(found, rows, 3) == pytest.approx(wanted, abs=0.02)


def test_three_modalities_and_pairs():
    planned = SIMULATION.sets["planted_three"]
    found = drawn("planted_three")
    rows = found.mechanism == planned.mechanisms.index("synergy")
    assert told(found, rows, 2) == pytest.approx((0, 0, 0), abs=0.01)
    assert ((found.codes[rows].sum(axis=1) - found.y[rows]) % 2 == 0).all()
    rows = found.mechanism == planned.mechanisms.index("synergy_m1_m2")
    assert told(found, rows, 2) == pytest.approx((0, 0, 1), abs=0.01)
    rows = found.mechanism == planned.mechanisms.index("redundancy_m1_m2")
    assert told(found, rows, 2) == pytest.approx((1, 1, 1), abs=0.01)
    third = discrete_information(found.codes[rows, 2], found.y[rows])
    assert third == pytest.approx(0, abs=0.01)
    assert planned.mechanisms[:5] == expert_mechanisms(3)


def test_the_best_predictor_of_a_mechanism_is_right_as_often_as_said():
    found, planned = drawn("planted_uniform", redrawn=0.3), 3
    for number in range(4):
        rows = found.mechanism == number
        cells = np.zeros((planned,) * 3)
        np.add.at(cells, (*found.codes[rows].T, found.y[rows]), 1)
        right = cells.max(axis=2).sum() / rows.sum()
        assert right == pytest.approx(0.7 + 0.1, abs=0.015)


def test_visible_tags_name_the_mechanism_and_hidden_ones_nothing():
    seen, hidden = drawn("planted_uniform"), drawn("planted_hidden")
    assert (seen.tags == seen.mechanism[:, None]).all()
    for m in range(2):
        information = discrete_information(hidden.tags[:, m], hidden.mechanism)
        assert information == pytest.approx(0, abs=0.002)
    assert discrete_information(*hidden.tags.T) == pytest.approx(0, abs=0.002)


def test_tags_are_right_as_often_as_said():
    planned = SIMULATION.sets["planted_uniform"].model_copy(update={"visible": 0.6})
    found = simulated.drawn(planned, 0.0, ROWS, np.random.default_rng(1))
    right = (found.tags == found.mechanism[:, None]).mean(axis=0)
    assert right == pytest.approx([0.6 + 0.4 / 4] * 2, abs=0.01)


def test_rotations_are_orthogonal_and_differ():
    one, other = (simulated.rotation(SIMULATION.seed, m, 12) for m in (0, 1))
    for turned in (one, other):
        assert turned @ turned.T == pytest.approx(np.eye(12), abs=1e-12)
    assert np.abs(one - other).max() > 0.1


def test_codes_can_be_read_from_the_features_with_few_errors():
    """Turned back, the nearest code is wrong in about 4 % (two competitors)."""
    samples, arrays, truth = simulated.simulate(
        SIMULATION, "planted_uniform", (3000, 1, 1)
    )
    assert len(samples) == len(truth) == 3002
    for m, name in enumerate(("m1", "m2")):
        marks = arrays[name] @ simulated.rotation(SIMULATION.seed, m, 12)
        wrong = (marks[:, :3].argmax(axis=1) != truth[f"code_{name}"]).mean()
        assert 0.02 < wrong < 0.06
        noise = marks[:, 3 + 4 :]
        assert noise.std() == pytest.approx(SIMULATION.noise, abs=0.01)
        assert np.abs(noise.mean(axis=0)).max() < 0.05


def written(folder: Path, name: str) -> dict[str, bytes]:
    found = simulated.simulate(SIMULATION, name, (30, 9, 12))
    simulated.write(folder, *found)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_set_is_the_same_bytes_again_and_others_are_not(tmp_path: Path):
    first = written(tmp_path / "one", "planted_uniform")
    assert written(tmp_path / "two", "planted_uniform") == first
    other = written(tmp_path / "three", "planted_hidden")
    assert all(other[name] != first[name] for name in ("m1.npy", "samples.csv"))
    assert set(first) == {"samples.csv", "m1.npy", "m2.npy", "truth.parquet"}


def test_the_table_reader_knows_it_by_its_ids(tmp_path: Path):
    written(tmp_path, "planted_three")
    given = PARAMETERS.datasets.planted["planted_three"]
    assert given.table is not None
    dataset = table.read(tmp_path, given.table, classes=2)
    checked = checking.check(dataset, "here", "refuse")
    assert (checked.simulated, checked.source) == (True, "simulated")
    assert (checked.task, checked.classes, checked.warnings) == (
        "classification",
        2,
        (),
    )
    assert list(checked.modalities) == ["m1", "m2", "m3"]
    assert (checked.samples["split"] == "valid").sum() == 9
    truth = files.read_table(tmp_path / "truth.parquet")
    assert truth["id"].tolist() == checked.samples["id"].tolist()
    assert truth["y"].tolist() == checked.samples["y"].tolist()
    # One id of another kind, and the rows are somebody's own.
    rows = pd.read_csv(tmp_path / "samples.csv")
    rows.loc[3, "id"] = "mine"
    rows.to_csv(tmp_path / "samples.csv", index=False)
    dataset = table.read(tmp_path, given.table, classes=2)
    assert (dataset.simulated, dataset.source) == (False, "table")


def test_a_crash_leaves_no_samples_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Samples come last: without them the reader refuses the folder."""

    def fail(*_: object) -> None:
        raise OSError(28, "disk full")

    monkeypatch.setattr(files, "write_table", fail)
    with pytest.raises(OSError, match="disk full"):
        written(tmp_path, "planted_uniform")
    assert not (tmp_path / "samples.csv").exists()


@pytest.mark.parametrize("sizes", [(3, 3), (3, 0, 3)])
def test_bad_sizes_are_refused(sizes: tuple[int, ...]):
    with pytest.raises(ValueError, match="one positive count per split"):
        simulated.simulate(SIMULATION, "planted_uniform", sizes)


def test_an_unknown_set_is_refused():
    with pytest.raises(ValueError, match="has no 'planted'"):
        simulated.simulate(SIMULATION, "planted", (3, 3, 3))


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ({"unique_m3": 1.0}, "'unique_m3' is no mechanism of 2 modalities"),
        ({"synergy": 0.5}, "sum to 0.5"),
        ({"synergy_m1_m2": 1.0}, "'synergy_m1_m2' is no mechanism"),
    ],
)
def test_bad_shares_are_refused(shares: dict[str, float], message: str):
    with pytest.raises(ValueError, match=message):
        InteractionSet(modalities=2, classes=2, visible=1.0, shares=shares)


MISFITS = {  # file, what stands there, what is written instead: what is said
    (
        paths.PARAMS,
        "    planted_hidden: {title",
        "    planted_hidden: {path: data/raw/other, title",
    ): "not what the simulator writes",
    (
        paths.PARAMS,
        "    planted_hidden: {title",
        "    planted_hiden: {title",
    ): "planted_hiden",
    (
        paths.SIMULATORS,
        "  width: 12 ",
        "  width: 6 ",
    ): "does not hold the 3 codes and 4 tags",
    (
        paths.PARAMS,
        "modalities: [m1, m2, m3]}",
        "modalities: [m1]}",
    ): "m1, m2, m3",
    (
        paths.PARAMS,
        "[zero, one], modalities",
        "[a, b, c], modalities",
    ): "3 titles, the simulator has 2",
}


@pytest.mark.parametrize(("change", "message"), MISFITS.items())
def test_params_that_do_not_fit_the_simulator_are_refused(
    change: tuple[str, str, str], message: str, tmp_path: Path
):
    copied_settings(tmp_path)
    name, old, new = change
    text = (tmp_path / name).read_text()
    assert old in text
    (tmp_path / name).write_text(text.replace(old, new))
    with pytest.raises(ValueError, match=message):
        params.load(tmp_path / paths.PARAMS)


def test_params_know_which_data_are_planted():
    assert PARAMETERS.plants_interactions("planted_uniform")
    assert not PARAMETERS.plants_interactions("mosi")
    assert not PARAMETERS.plants("planted_uniform")
    assert set(PARAMETERS.datasets.planted) == set(SETS)
    assert paths.simulated("mosi") == paths.simulated_pickle("mosi").parent
