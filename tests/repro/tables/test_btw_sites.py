"""Sites, fresh draws, the convex check and paired contrasts, from fabricated runs."""

from types import SimpleNamespace

import pytest

from repro import paths
from repro.files import read_table
from repro.tables.btw_contrasts import contrasts
from repro.tables.btw_sites import convex, draws, sites
from tests.repro.written import rows_of


def mae(address: str, method: str) -> float:
    """Test MAE of a method of a run, mean over seeds."""
    table = read_table(paths.run(address) / "predictions.parquet")
    table = table[(table["split"] == "test") & (table["method"] == method)]
    return float((table["prediction"] - table["y"]).abs().mean())


def test_every_fusion_has_both_sites(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    rows = sites(study.params)
    rows = rows[rows["dataset"] == "mosi"].set_index(["row", "metric"])
    for fusion in ("moe", "late_fusion", "low_rank", "concat_transformer", "mult"):
        plain = mae("base/mosi" if fusion == "moe" else "fusions/mosi", fusion)
        for site in ("embedding", "contribution"):
            run = f"sites/mosi/{fusion}_{site}"
            if (fusion, site) == ("moe", "embedding"):
                run = "btw/mosi"
            for method in ("instance", "bi_level", "uniform", "shuffled", "oracle"):
                row = f"{fusion}_{site}_{method}"
                found = rows.loc[(row, "mae_vs_unweighted"), "mean"]
                assert found == pytest.approx(mae(run, method) - plain), row
    assert "corr" not in set(rows.index.get_level_values("metric"))


def test_every_draw_is_set_against_its_own_model(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    rows = draws(study.params).set_index(["row", "metric"])
    for name in ("visible_1", "hidden_3"):
        plain = mae(f"draws/{name}/embedding", "moe")
        for site in ("embedding", "contribution"):
            found = rows.loc[(f"moe_{name}_{site}_oracle", "mae_vs_unweighted"), "mean"]
            expected = mae(f"draws/{name}/{site}", "oracle") - plain
            assert found == pytest.approx(expected)


def test_the_convex_check_is_against_ridge(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    rows = convex(study.params).set_index(["row", "metric"])
    expected = mae("convex/mosi", "bi_level") - mae("convex/mosi", "ridge")
    assert rows.loc[("bi_level", "mae_vs_ridge"), "mean"] == pytest.approx(expected)


def test_contrasts_by_hand(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    rows = contrasts(study.params)
    rows = rows[rows["dataset"] == "mosi"].set_index(["row", "metric"])
    metric, far = "mae_vs_reference", "sites/mosi/moe_contribution"
    expected = {
        "embedding_bi_level_minus_embedding_uniform": mae("btw/mosi", "bi_level")
        - mae("btw/mosi", "uniform"),
        "contribution_instance_minus_contribution_shuffled": mae(far, "instance")
        - mae(far, "shuffled"),
        "contribution_bi_level_minus_embedding_bi_level": mae(far, "bi_level")
        - mae("btw/mosi", "bi_level"),
    }
    for row, value in expected.items():
        assert rows.loc[(row, metric), "mean"] == pytest.approx(value), row
        assert (row, "mae") not in rows.index
    assert rows.loc[("embedding_uniform", "mae"), "mean"] > 0


def test_sites_are_of_the_cells_that_a_study_has(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    runs = ["base/mosi", "btw/mosi", "sites/mosi/moe_contribution"]
    rows, whole = sites(study.params.only(runs)), sites(study.params)
    assert set(rows["dataset"]) == {"mosi"} < set(whole["dataset"])
    assert {"moe", "moe_embedding_bi_level", "moe_contribution_bi_level"} <= {
        *rows["row"]
    }


def test_contrasts_are_of_the_cells_that_a_study_has(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    whole = contrasts(study.params)
    near, far = "btw/mosi", "sites/mosi/moe_contribution"
    for runs, site in (((near,), "embedding"), ((far,), "contribution")):
        rows = contrasts(study.params.only(["base/mosi", "fusions/mosi", *runs]))
        assert set(rows["dataset"]) == {"mosi"} < set(whole["dataset"])
        found = rows[rows["row"] == f"{site}_bi_level"].set_index("metric")["mean"]
        assert found["mae"] == pytest.approx(mae(runs[0], "bi_level"))
        assert rows["row"].str.startswith(site).all()


def test_a_study_without_other_fusions_has_its_tables(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    cells = {k: own for k, own in study.params.cells.items() if k != "fusions"}
    recipes = {a: r for a, r in study.params.recipes.items() if a != "fusions/mosi"}
    params = study.params.model_copy(update={"cells": cells, "recipes": recipes})
    for name in ("table3", "sites"):
        rows = rows_of(name, params)
        found = set(rows[(rows["dataset"] == "mosi") & rows["mean"].notna()]["row"])
        assert "moe" in found and not {"mult", "late_fusion"} & found
        assert any("bi_level" in row for row in found)
