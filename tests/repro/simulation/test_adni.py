"""The simulated tree of ADNI: what is planted, who shows it, and its dirt."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import RidgeCV

from repro import files
from repro.data import adni_fields
from repro.data.adni import read
from repro.data.adni_tables import table_of
from repro.data.checking import check
from repro.data.plink import COMPLEMENT
from repro.data.preparing import presence
from repro.features.fields import field_features
from repro.params import load
from repro.records import Dataset, Fields
from repro.simulation.adni import ABSENT, MODALITIES, drawn_plan, write_tree
from repro.simulation.adni_genetics import LINKED, SNPS, drawn_copies
from tests.pipeline_graph import ROOT

PARAMS = load(ROOT / "params.yaml")
CLASSES = PARAMS.datasets.folders["adni"].classes
PLANTED = PARAMS.adni_simulation
COUNT = PARAMS.active.pictures.subjects


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("adni") / "raw"
    write_tree(PLANTED, CLASSES, COUNT, root)
    return root


@pytest.fixture(scope="module")
def dataset(tree: Path) -> Dataset:
    found = read(tree, CLASSES, "baseline", simulated=True)
    return check(found, str(tree), "refuse", CLASSES)


@pytest.fixture(scope="module")
def truth(tree: Path, dataset: Dataset) -> pd.DataFrame:
    table = files.read_table(tree / "truth.parquet").set_index("id")
    return table.loc[dataset.samples["id"]].reset_index(drop=True)


def table(tree: Path, family: str) -> pd.DataFrame:
    return table_of(next(tree.glob(f"{family}_*.csv")), {})[0]


def test_two_runs_write_the_same_bytes_and_not_too_many(tmp_path: Path, tree: Path):
    write_tree(PLANTED, CLASSES, COUNT, tmp_path / "again")
    names = sorted(path.name for path in tree.iterdir())
    assert names == sorted(path.name for path in (tmp_path / "again").iterdir())
    for name in names:
        again = (tmp_path / "again" / name).read_bytes()
        assert (tree / name).read_bytes() == again, name
    assert sum(path.stat().st_size for path in tree.iterdir()) < 3e6


def test_the_reader_finds_the_planted_diagnoses(dataset: Dataset, truth: pd.DataFrame):
    """Those entered wrong at first and those of a year later included."""
    assert dataset.simulated and dataset.source == "simulated"
    assert dataset.samples["y"].tolist() == truth["y"].tolist()
    assert 0.95 * COUNT < len(truth) < COUNT
    sizes = dataset.samples["split"].value_counts(normalize=True)
    assert sizes.round(2).to_dict() == pytest.approx(
        {"train": 0.7, "valid": 0.15, "test": 0.15}, abs=0.02
    )


def test_genotypes_are_the_planted_ones_whatever_a_set_states(
    tree: Path, dataset: Dataset
):
    plan = drawn_plan(PLANTED, COUNT, np.random.default_rng([PLANTED.seed, 0]))
    generator = np.random.default_rng([PLANTED.seed, 2])
    copies = drawn_copies(plan.seen("genetic"), generator)
    fields = dataset.modalities["genetic"]
    assert isinstance(fields, Fields)
    names = [name.split("_")[0] for name in fields.names]
    assert names == [f"rs{1000 + k}" for k in range(SNPS + LINKED)]
    own = pd.Index(plan.ids).get_indexer(pd.Index(dataset.samples["id"]))
    drawn = np.where(copies < 0, np.nan, copies)[own]
    # The set read first counts the other allele of some, on either strand.
    as_drawn = alleles(tree / "ADNI_GO_2_Forward_Bin.bim")
    as_read = alleles(tree / "ADNI3_PLINK_Final.bim")
    is_other = [
        as_read[name][0] not in (as_drawn[name][0], COMPLEMENT[as_drawn[name][0]])
        for name in names
    ]
    assert SNPS / 5 < sum(is_other) < SNPS / 2
    there = presence(fields)
    expected = np.where(is_other, 2 - drawn, drawn)[there]
    np.testing.assert_array_equal(fields.numbers[there], expected)


def alleles(path: Path) -> dict[str, list[str]]:
    """Both alleles of every SNP of a .bim, by name."""
    lines = [line.split() for line in path.read_text().splitlines()]
    return {fields[1]: fields[4:] for fields in lines}


def test_modalities_are_absent_as_often_as_planted(dataset: Dataset):
    for name, share in zip(MODALITIES, ABSENT, strict=True):
        absent = 1 - presence(dataset.modalities[name]).mean()
        assert absent == pytest.approx(share, abs=0.05), name


def test_each_modality_shows_its_own_latents_and_those_of_all(
    dataset: Dataset, truth: pd.DataFrame
):
    is_train = (dataset.samples["split"] == "train").to_numpy()
    for name in MODALITIES:
        ragged, _ = field_features(dataset.samples, dataset.modalities[name])  # type: ignore
        there = ragged.lengths > 0
        train = is_train[there]
        for latent in ("unique", "shared"):
            seen = truth[f"seen_{latent}_{name}"].to_numpy()[there]
            model = RidgeCV(np.logspace(-1, 4, 12)).fit(
                ragged.values[train], seen[train]
            )
            assert model.score(ragged.values[~train], seen[~train]) > 0.5, name
        for foreign in set(MODALITIES) - {name}:
            seen = truth[f"unique_{foreign}"].to_numpy()[there]
            model = RidgeCV(np.logspace(-1, 4, 12)).fit(
                ragged.values[train], seen[train]
            )
            assert model.score(ragged.values[~train], seen[~train]) < 0.1, name


def test_the_tree_holds_what_must_not_be_read(tree: Path, dataset: Dataset):
    demography = table(tree, "PTDEMOG")
    assert set(adni_fields.LEAKING) <= set(demography)
    assert table(tree, "RECCMEDS")["CMMED"].str.contains("Aricept").sum() > 50
    clinical = dataset.modalities["clinical"]
    assert isinstance(clinical, Fields)
    assert not clinical.words["CMMED"].str.contains("aricept").any()
    for family in ("DXSUM", "UCSFFSX7", "VITALS"):
        assert (table(tree, family)["VISCODE2"] == "m12").any()


def test_subjects_of_stable_diagnoses_alone_as_published(tree: Path, dataset: Dataset):
    latest = read(tree, CLASSES, "published", simulated=True)
    assert len(latest.samples) < len(dataset.samples)
    assert any("whose diagnosis changes, as published" in n for n in latest.notes)


def test_sizes_that_do_not_fit_are_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="2 classes and 100 simulated subjects"):
        write_tree(PLANTED, ["a", "b"], 100, tmp_path)
    with pytest.raises(ValueError, match="3 classes and 10000 simulated subjects"):
        write_tree(PLANTED, CLASSES, 10_000, tmp_path)
