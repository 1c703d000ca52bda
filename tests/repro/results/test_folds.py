"""What cross-validation changes: small folds, pooled reports, and tables of them."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from repro import params as parameters
from repro import paths
from repro.baselines.boosted import BINS, binned_columns, haim
from repro.files import read_json, write_json
from repro.metrics.classification import one_versus_rest_auroc
from repro.params import Params
from repro.results.clinical_results import OF_ONE_MODEL, class_metrics
from repro.results.folds import pooled_report
from repro.results.runs import read_run
from repro.tables.clinical import table4
from repro.tables.named import MERGED
from repro.tables.rows import not_converged
from repro.tables.writing import write_merged
from tests.repro.clinical_runs import report, samples, write_clinical_runs

ROOT = Path(__file__).parents[2]
DIFFERENCE = "macro_f1_vs_fusemoe"


@pytest.fixture(scope="module")
def whole_folded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with printed numbers and cross-validated runs of every cohort."""
    folder = tmp_path_factory.mktemp("folded")
    (folder / paths.PUBLISHED.parent).mkdir(parents=True)
    shutil.copy(ROOT / paths.PUBLISHED, folder / paths.PUBLISHED)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_clinical_runs(cross_validated())
    return folder


@pytest.fixture
def folded(whole_folded: Path, monkeypatch: pytest.MonkeyPatch) -> Params:
    """Their params, in that folder; a test may write plots and metrics."""
    monkeypatch.chdir(whole_folded)
    return cross_validated()


def cross_validated() -> Params:
    """Params without sentiment, with few resamples and with folds."""
    loaded = parameters.load(ROOT / paths.PARAMS)
    few = loaded.statistics.model_copy(update={"resamples": 300})
    source = loaded.clinical.model_copy(update={"evaluation": "grouped_cv"})
    update = {"statistics": few, "datasets": {}, "clinical": source}
    return loaded.model_copy(update=update)


def test_cross_validated_tables_claim_nothing(folded: Params) -> None:
    note = "grouped cross-validation over 240 stays of 120 patients: too few for claims"
    for name in ("table2", "table4", "table9"):
        write_merged(name, MERGED[name](folded))
        text = paths.plot(name, "md").read_text()
        blocks = text.count("\n## ")
        assert text.count(f"- {note}\n") == blocks, name
    assert "| test " not in paths.plot("table2", "md").read_text()
    rows = table4(folded).set_index(["row", "metric"])
    # Every stay is tested once, by the majority of its own fold.
    majority = read_run("icu_complete", "baselines").predictions("majority")
    assert sorted(majority.id) == sorted(samples("icu_complete")["id"])
    share = (majority.prediction[0].argmax(axis=1) == majority.y).mean()
    assert rows.loc[("majority", "accuracy"), "mean"] == pytest.approx(100 * share)


def test_differences_have_an_interval_but_no_p(folded: Params) -> None:
    rows = table4(folded)
    assert rows["p"].isna().all() and rows["p_holm"].isna().all()
    compared = rows[rows["metric"] == DIFFERENCE]
    assert len(compared) == 9 and compared["lower"].notna().all()
    write_merged("table4", rows)
    for kind in ("md", "tex"):
        text = paths.plot("table4", kind).read_text()
        assert "Holm" not in text and "*" not in text.replace("table*", "")
        assert "macro-F1 minus FuseMoE [interval]" in text
        found = compared.set_index("row").loc["haim"]
        shown = "{mean:+.2f} [{lower:+.2f}, {upper:+.2f}]".format(**found)
        assert shown in text
        assert "240 test stays of 120 patients" in text
    tree = read_json(paths.table_metrics("table4"))["icu_complete__simulated"]
    assert set(tree["haim"][DIFFERENCE]) == {"mean", "n", "lower", "upper"}


def test_held_out_tables_keep_p_and_its_heading(clinical: Params) -> None:
    write_merged("table4", table4(clinical))
    text = paths.plot("table4", "md").read_text()
    assert "macro-F1 minus FuseMoE [interval], Holm p" in text
    assert "\\* = differs from FuseMoE" in text
    tree = read_json(paths.table_metrics("table4"))["icu_complete__simulated"]
    assert {"p", "p_holm"} < set(tree["haim"][DIFFERENCE])
    assert tree["majority"]["auroc"]["mean"] == 0.5


def test_probabilities_of_different_folds_are_not_ranked(folded: Params) -> None:
    majority = read_run("icu_complete", "baselines").predictions("majority")
    # One probability per fold: ranks over all folds tell them apart.
    auroc = one_versus_rest_auroc(majority.prediction[0], majority.y.astype(np.int64))
    assert auroc != 0.5
    assert set(class_metrics(majority)) >= OF_ONE_MODEL
    kept = class_metrics(majority, is_cross_validated=True)
    assert set(class_metrics(majority)) - set(kept) == OF_ONE_MODEL
    write_merged("table4", table4(folded))
    tree = read_json(paths.table_metrics("table4"))["icu_complete__simulated"]
    for row, metrics in tree.items():
        assert not OF_ONE_MODEL & set(metrics), row
        assert "recall_1" in metrics, row
    text = paths.plot("table4", "md").read_text()
    assert f"{auroc:.3f}" not in text and "AUROC ↑" not in text
    assert "- AUROC and calibration error are left out: each fold has" in text


def test_a_small_fold_splits_and_large_data_keep_the_leaf_of_scikit_learn() -> None:
    y = np.tile([0, 1, 2, 3], 7)[:26]
    split = np.repeat(["train", "valid", "test"], [14, 6, 6])
    columns = y[:, None].astype(np.float32)
    chosen = haim(columns, y, split).probabilities[0].argmax(axis=1)
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
        class_weight="balanced",
        early_stopping=False,
    )
    own.fit(binned[split == "train"], y[split == "train"])
    ours = haim(columns, y, split, trees=((3, 0.1),), iterations=(5,))
    np.testing.assert_array_equal(own.predict_proba(binned), ours.probabilities[0])


def write_fold(folder: str, fold: int, **changes: object) -> None:
    """Write the report of one fold of the complete cohort."""
    content = report("icu_complete", folder, [])
    data = content["data"] | changes.pop("data", {})  # type: ignore[operator]
    where = paths.run(paths.part("icu_complete", fold), folder) / "report.json"
    write_json(where, content | changes | {"data": data})


def test_the_pooled_report_of_trained_methods(clinical: Params) -> None:
    shifts = {"text": {"mean": 0.2, "ks": 0.4}}, {"text": {"mean": 0.0, "ks": 0.4}}
    for k, epochs in enumerate(([1, 6], [6, 6])):
        told = {
            "epochs": epochs,
            "last_epoch": 6,
            "parameters": 9,
            "error": {"test": [0.5, 0.25 + 0.5 * k]},
            "weight_shift": shifts[k],
        }
        sizes = {"train": 10, "valid": 4, "test": 5 + k}
        data = {"sizes": sizes, "notes": ["same", f"fold {k}"], "warnings": [f"w{k}"]}
        write_fold("btw", k, methods={"instance": told}, data=data)
    pooled = pooled_report("icu_complete", "btw", 2)
    assert pooled["methods"]["instance"] == {
        "last_epoch": 6,
        "parameters": 9,
        "epochs": [1, 6, 6, 6],
        "mean_over_folds": {
            "error": {"test": [0.5, 0.5]},
            "weight_shift": {"text": {"mean": 0.1, "ks": 0.4}},
        },
    }
    assert (pooled["dataset"], pooled["folds"]) == ("icu_complete", 2)
    assert pooled["data"]["sizes"] == {"test": 11}
    assert pooled["data"]["classes"] == 4
    assert pooled["data"]["notes"] == ["same", "fold 0", "fold 1"]
    assert pooled["data"]["warnings"] == ["w0", "w1"]
    assert pooled["preset"] == "default" and pooled["alpha"] == 0.5
    place = paths.run("icu_complete", "btw")
    write_json(place / "report.json", pooled | {"folds": 0})
    assert not_converged(read_run("icu_complete", "btw"), "instance")


def test_the_pooled_report_of_baselines(clinical: Params) -> None:
    for k in range(2):
        haim = {"seeds": [0], "max_depth": 3 + 2 * k, "columns": 40}
        haim["valid_macro_f1"] = 20.0 + 10 * k
        counts = {"train": [9, 9, 9, 9], "valid": [1, 1, 1, 0], "test": [2, 1, k, 0]}
        data = {"classes": counts, "dims": {"text": 7 + k, "cxr": 5}}
        write_fold("baselines", k, methods={"haim": haim}, data=data)
    pooled = pooled_report("icu_complete", "baselines", 2)
    # The folds chose other trees, which only their own reports tell.
    assert pooled["methods"]["haim"] == {
        "seeds": [0],
        "columns": 40,
        "mean_over_folds": {"valid_macro_f1": 25.0},
    }
    assert pooled["data"]["classes"] == {"test": [4, 2, 1, 0]}
    assert pooled["data"]["dims"] == {"cxr": 5}
