"""What cross-validation changes: small folds, pooled reports, and tables of them."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from repro import params as parameters
from repro import paths
from repro.baselines.boosted import BINS, binned_columns, haim
from repro.metrics.classification import one_versus_rest_auroc
from repro.metrics.scores import CLASSIFICATION
from repro.params import Params
from repro.report import Method, Report, read_report
from repro.results.folds import pooled_report, write_folds
from repro.results.runs import read_run, seed_metrics
from repro.tables.blocks import not_converged
from tests.repro.conftest import COHORTS, few_resamples
from tests.repro.made_data import samples
from tests.repro.made_runs import only, report_of, write_study
from tests.repro.written import numbers, rows_of, write

ROOT = Path(__file__).parents[3]
DIFFERENCE = "macro_f1_vs_fusemoe"
OF_ONE_MODEL = {m.name for m in CLASSIFICATION.metrics if m.of_one_model}


@pytest.fixture(scope="module")
def whole_folded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with printed numbers and cross-validated runs of every cohort."""
    folder = tmp_path_factory.mktemp("folded")
    shutil.copytree(ROOT / "data/published", folder / "data/published")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_study(cross_validated())
    return folder


@pytest.fixture
def folded(whole_folded: Path, monkeypatch: pytest.MonkeyPatch) -> Params:
    """Their params, in that folder; a test may write plots and metrics."""
    monkeypatch.chdir(whole_folded)
    return cross_validated()


def cross_validated() -> Params:
    """Params of the cohorts with few resamples and with folds."""
    loaded = few_resamples(parameters.load(ROOT / paths.PARAMS), 300)
    source = loaded.clinical.model_copy(update={"evaluation": "grouped_cv"})
    return only(loaded.model_copy(update={"clinical": source}), COHORTS)


def test_cross_validated_tables_claim_nothing(folded: Params) -> None:
    note = "grouped cross-validation over 240 stays of 120 patients: too few for claims"
    for name in ("table2", "table4", "table9"):
        text = write(name, folded)["md"]
        blocks = text.count("\n## ")
        assert text.count(f"- {note}\n") == blocks, name
    assert "| test " not in paths.plot("btw_table2", "md").read_text()
    rows = rows_of("table4", folded).set_index(["row", "metric"])
    # Every stay is tested once, by the majority of its own fold.
    majority = read_run("baselines/icu_complete").predictions("majority")
    assert sorted(majority.id) == sorted(samples("icu_complete")["id"])
    share = (majority.prediction[0].argmax(axis=1) == majority.y).mean()
    assert rows.loc[("majority", "accuracy"), "mean"] == pytest.approx(100 * share)


def test_differences_have_an_interval_but_no_p(folded: Params) -> None:
    rows = rows_of("table4", folded)
    assert rows["p"].isna().all() and rows["p_holm"].isna().all()
    compared = rows[rows["metric"] == DIFFERENCE]
    assert len(compared) == 13 and compared["lower"].notna().all()
    texts = write("table4", folded)
    for text in (texts["md"], texts["tex"]):
        assert "Holm" not in text and "*" not in text.replace("table*", "")
        assert "macro-F1 minus FuseMoE [interval] seed SE" in text
        found = compared.set_index("row").loc["haim"]
        shown = "{mean:+.2f} [{lower:+.2f}, {upper:+.2f}] {se_seeds:.2f}".format(
            **found
        )
        assert shown in text
        assert "240 test stays of 120 patients" in text
    tree = numbers("table4", "icu_complete__simulated")
    assert set(tree["haim"][DIFFERENCE]) == {
        *("mean", "n"),
        *("lower", "upper", "se_seeds"),
    }


def test_held_out_tables_keep_p_and_its_heading(clinical: Params) -> None:
    text = write("table4", clinical)["md"]
    assert "macro-F1 minus FuseMoE [interval] seed SE, Holm p" in text
    assert "\\* = differs from FuseMoE" in text
    tree = numbers("table4", "icu_complete__simulated")
    assert {"p", "p_holm"} < set(tree["haim"][DIFFERENCE])
    assert tree["majority"]["auroc"]["mean"] == 0.5


def test_probabilities_of_different_folds_are_not_ranked(folded: Params) -> None:
    majority = read_run("baselines/icu_complete").predictions("majority")
    # One probability per fold: ranks over all folds tell them apart.
    auroc = one_versus_rest_auroc(majority.prediction[0], majority.y.astype(np.int64))
    assert auroc != 0.5
    every = seed_metrics(CLASSIFICATION, majority)
    kept = seed_metrics(CLASSIFICATION, majority, is_cross_validated=True)
    assert set(every) >= OF_ONE_MODEL and set(every) - set(kept) == OF_ONE_MODEL
    text = write("table4", folded)["md"]
    tree = numbers("table4", "icu_complete__simulated")
    for row, metrics in tree.items():
        assert not OF_ONE_MODEL & set(metrics), row
        assert ("recall_1" in metrics) != row.startswith("attainable"), row
    assert f"{auroc:.3f}" not in text and "AUROC ↑" not in text
    assert "- AUROC and calibration error are left out: each fold has" in text


def test_a_small_fold_splits_and_large_data_keep_the_leaf_of_scikit_learn() -> None:
    y = np.tile([0, 1, 2, 3], 7)[:26]
    split = np.repeat(["train", "valid", "test"], [14, 6, 6])
    columns = y[:, None].astype(np.float32)
    chosen = haim(columns, y, split, 4).predictions[0].argmax(axis=1)
    np.testing.assert_array_equal(chosen, y)
    random = np.random.default_rng(0)
    y, split = np.tile(y, 12), np.tile(split, 12)[np.argsort(random.random(312))]
    split[:200] = "train"
    columns = (y[:, None] + random.normal(size=(312, 3))).astype(np.float32)
    binned = binned_columns(columns, split == "train")
    own = HistGradientBoostingClassifier(
        max_depth=3,
        max_iter=5,
        max_bins=BINS,
        early_stopping=False,
    )
    own.fit(binned[split == "train"], y[split == "train"])
    ours = haim(columns, y, split, 4, trees=((3, 0.1),), iterations=(5,))
    np.testing.assert_array_equal(own.predict_proba(binned), ours.predictions[0])


def folds_of(params: Params, *changes: dict) -> list[Report]:
    """Reports of the folds of a run that differ in their data or methods."""
    report = report_of(params, "btw/icu_complete")
    found = []
    for k, change in enumerate(changes):
        data = report.data.model_copy(update=change["data"])
        update = {
            "address": f"btw/icu_complete/fold_{k}",
            "dataset": f"icu_complete/fold_{k}",
            "methods": change["methods"],
            "data": data,
        }
        found.append(report.model_copy(update=update))
    return found


def test_the_pooled_report_of_trained_methods(clinical: Params) -> None:
    shifts = {"text": {"mean": 0.2, "ks": 0.4}}, {"text": {"mean": 0.0, "ks": 0.4}}
    changes = []
    for k, epochs in enumerate(([1, 6], [6, 6])):
        told = Method(
            fusion="fusemoe",
            trained=True,
            settings={"layers": 1},
            epochs=epochs,
            trends=[-0.02, -0.03],
            parameters=9,
            error={"test": [0.5, 0.25 + 0.5 * k]},
            weight_shift=shifts[k],
        )
        sizes = {"train": 10, "valid": 4, "test": 5 + k}
        data = {"sizes": sizes, "notes": ["same", f"fold {k}"], "warnings": [f"w{k}"]}
        changes.append({"methods": {"instance": told}, "data": data})
    pooled = pooled_report("btw/icu_complete", folds_of(clinical, *changes))
    assert pooled.methods["instance"] == Method(
        fusion="fusemoe",
        trained=True,
        settings={"layers": 1},
        epochs=[1, 6, 6, 6],
        trends=[-0.02, -0.03, -0.02, -0.03],
        parameters=9,
        mean_over_folds={
            "error": {"test": [0.5, 0.5]},
            "weight_shift": {"text": {"mean": 0.1, "ks": 0.4}},
        },
    )
    assert (pooled.address, pooled.dataset) == ("btw/icu_complete", "icu_complete")
    assert pooled.folds == 2 and pooled.data.sizes == {"test": 11}
    assert pooled.data.classes == 4
    assert pooled.data.notes == ["same", "fold 0", "fold 1"]
    assert pooled.data.warnings == ["w0", "w1"]
    assert pooled.setup is not None and pooled.setup.preset == "default"
    assert pooled.alpha == 0.5
    pooled.write()
    assert read_report("btw/icu_complete") == pooled
    pooled.model_copy(update={"folds": 0}).write()
    assert not_converged(read_run("btw/icu_complete"), "instance")


def test_the_pooled_report_of_baselines(clinical: Params) -> None:
    changes = []
    for k in range(2):
        haim = {"seeds": [0], "max_depth": 3 + 2 * k, "columns": 40}
        method = Method(settings=haim | {"valid_log_loss": 1.0 + 0.5 * k})
        data = {"dims": {"text": 7 + k, "cxr": 5}, "excluded": k}
        changes.append({"methods": {"haim": method}, "data": data})
    pooled = pooled_report("baselines/icu_complete", folds_of(clinical, *changes))
    # The folds chose other trees, which only their own reports tell.
    assert pooled.methods["haim"] == Method(
        settings={"seeds": [0], "columns": 40},
        mean_over_folds={"valid_log_loss": 1.25},
    )
    assert pooled.data.dims == {"cxr": 5} and pooled.data.excluded == 0


def test_the_report_above_the_folds_is_made_of_theirs(clinical: Params) -> None:
    made = Method(trained=True, epochs=[2])
    changes = [{"methods": {"instance": made}, "data": {"excluded": k}} for k in (0, 1)]
    reports = folds_of(clinical, *changes)
    for report in reports:
        report.write()
    write_folds("btw/icu_complete", len(reports))
    found = read_report("btw/icu_complete")
    assert found == pooled_report("btw/icu_complete", reports)
    assert found.folds == 2 and found.methods["instance"].epochs == [2, 2]
