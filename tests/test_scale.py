"""docs/scale.md counts the fits that the cells ask for."""

import re

import pytest
from ruamel.yaml import YAML

from repro import params
from repro.params import Params
from repro.params.cells import Recipe
from repro.params.switches import MODEL_SWITCHES, switches
from tests.pipeline_graph import ROOT

MODALITIES = {"mosi": 3, "mosei": 3, "icu_all": 4, "icu_complete": 4}
OF_I2MOE = ("experts", "coupling", "interactions")
TABLE3 = ("instance", "averaged_instance", "modality", "bi_level", "mult", "mmim")
SEEDS, FOLDS = 6, 5  # of presets/paper.yaml
PAGE = (ROOT / "docs/scale.md").read_text()


@pytest.fixture(scope="module")
def study() -> Params:
    """The study as it is in git."""
    return params.load(ROOT / "params.yaml")


def fits(recipe: Recipe, folds: int) -> int:
    """Models that a run trains for each seed."""
    own = switches(recipe.switches)
    count = MODALITIES[recipe.dataset] - len(recipe.without)
    each = 1 if "in_sample_unimodal" in own else 1 + folds
    trained = len(recipe.fusions) + len(recipe.weightings) + len(recipe.controls)
    if recipe.uses and own & MODEL_SWITCHES:  # what it uses was trained without them
        trained += count * each + 1
    elif "unimodal" in recipe.trains:
        trained += (recipe.noise + (0 if recipe.uses else count)) * each
    return trained + (folds if recipe.multimodal_train == "cross_fitted" else 0)


def counted(study: Params, *datasets: str) -> int:
    """Models of the first paper on some data sets, for each seed."""
    return sum(
        fits(recipe, FOLDS)
        for address, recipe in study.recipes.items()
        if recipe.dataset in datasets and not address.startswith(OF_I2MOE)
    )


def row(start: str) -> list[str]:
    """Cells of a line of the table behind its name."""
    (line,) = [line for line in PAGE.splitlines() if line.startswith(f"| {start}")]
    return [cell.strip() for cell in line.strip("|").split("|")[1:]]


@pytest.mark.parametrize(
    ("start", "datasets"),
    [("MOSI", ["mosi"]), ("MOSEI", ["mosei"]), ("stays", ["icu_all", "icu_complete"])],
)
def test_fits_are_those_of_the_cells(study, start, datasets) -> None:
    assert int(row(start)[0]) == counted(study, *datasets)


def test_seeds_and_folds_are_those_of_the_study(study) -> None:
    preset = YAML(typ="safe").load((ROOT / "presets/paper.yaml").read_text())
    assert preset["last_state"]["training"]["folds"] == FOLDS
    assert len(study.seeds) == SEEDS


def test_fits_of_table_3_are_those_of_its_rows(study) -> None:
    base = fits(study.recipe("base/mosi"), FOLDS)
    assert int(row("of these Table 3")[0]) == base + len(TABLE3)


def test_steps_and_hours_follow_from_the_fits() -> None:
    for start in ("MOSI", "of these Table 3", "MOSEI", "stays"):
        count, steps, total, slow, fast = row(start)[:5]
        each = int(steps.replace(",", ""))
        millions = int(count) * each * SEEDS / 1e6
        told = float(total.removesuffix(" million"))
        assert told == pytest.approx(millions, abs=0.01)
        if slow != "not measured":
            hours = millions * 1e6 / 3600
            assert float(slow) == pytest.approx(0.150 * hours, rel=0.05)
            assert float(fast) == pytest.approx(0.030 * hours, rel=0.05)


def test_the_longest_cell_is_named(study) -> None:
    base, folds = fits(study.recipe("base/mosei"), FOLDS), 3 * FOLDS
    (found,) = re.findall(r"\((\d+) fits a seed, (\d+) of them cross-fitting", PAGE)
    assert found == (str(base), str(folds))
