"""What stands around the numbers of a table: notes, remarks, and runs refused."""

from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from repro import params as parameters
from repro.params import Params
from repro.params.cells import recipes
from repro.tables.btw_checks import noise
from repro.tables.rendering import block_title
from repro.tables.rows import Block, Entry, frame
from repro.tables.writing import merged
from tests.repro.made_runs import change_report, change_table, only
from tests.repro.written import rows_of, write

REAL: dict[str, Any] = {"data": {"source": "mmsa", "simulated": False}}


def only_mosi(params: Params) -> Params:
    """Params with the cells of mosi alone."""
    return only(params, ["mosi"])


def test_not_converged_is_said(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    falling, noisy = [-0.02, -0.03, -0.02], [-0.06, 0.05, -0.02]
    for trends, expected in ((falling, True), (noisy, False)):
        change_report("base/mosi", methods={"moe": {"trends": trends}})
        rows = rows_of("table3", only_mosi(study.params))
        said = rows.loc[rows["remark"] == "not converged", "name"]
        assert set(said) == ({"MoE"} if expected else set())
        text = write("table3", only_mosi(study.params))["md"]
        assert ("| MoE, not converged" in text) is expected


def test_not_converged_stands_in_the_row_but_not_among_names(
    study: SimpleNamespace,
) -> None:
    params = only_mosi(study.params)
    study.write_runs(params, **REAL)
    change_report("btw/mosi", methods={"bi_level": {"trends": [-0.02] * 3}})
    text = write("table3", params)["md"]
    # Once: our row, and not the printed one.
    assert text.count("| BTW, not converged") == 1
    assert "(MoE, BTW-global (KL), BTW-global (MI), BTW-local (KL), BTW):" in text


def test_intervals_say_what_is_in_them(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    scores, seconds = (write(name, study.params) for name in ("table3", "table10"))
    for kind in ("md", "tex"):
        text = scores[kind]
        assert text.count("seeds and test groups (videos) both drawn") == 2
        assert text.count("seed SE: sd over seeds of the difference") == 2
        assert "test groups" not in seconds[kind] and "seed SE" not in seconds[kind]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("training", {"epochs": 13, "batch": 64}),
        ("tokens", {"width": 65}),
        ("weighting", {"scale": "sum_one"}),
        ("preset", "tiny"),
        ("seeds", [0, 1, 3]),
        ("experts", 8),
        ("top_k", 1),
        ("text_weights", "bert-base-uncased"),
    ],
)
def test_runs_of_other_settings_are_refused(
    study: SimpleNamespace, field: str, value: object
) -> None:
    params = only_mosi(study.params)
    study.write_runs(params)
    change_report("btw/mosi", setup={field: value})
    message = rf"runs/base/mosi and runs/btw/mosi: .*{field}: .*run dvc repro"
    for table in ("table3", "table10"):
        with pytest.raises(ValueError, match=message):
            rows_of(table, params)


def test_runs_of_another_precision_are_refused(study: SimpleNamespace) -> None:
    params = only_mosi(study.params)
    study.write_runs(params)
    change_report("btw/mosi", precision="bfloat16")
    with pytest.raises(ValueError, match=r"precision: float32 and bfloat16 cannot"):
        rows_of("table3", params)


def test_one_fusion_has_one_size(study: SimpleNamespace) -> None:
    params = only_mosi(study.params)
    study.write_runs(params)
    change_report("btw/mosi", methods={"instance": {"settings": {"layers": 2}}})
    with pytest.raises(ValueError, match=r"runs/btw/mosi: .*settings of moe: .*2"):
        rows_of("table3", params)


def test_baselines_have_no_settings_to_differ_in(study: SimpleNamespace) -> None:
    params = only_mosi(study.params)
    study.write_runs(params)
    change_report("baselines/mosi", methods={"ridge": {"settings": {"penalty": 3}}})
    assert len(rows_of("table3", params)) > 0


def test_setup_names_the_encoder_only_where_there_is_text(
    study: SimpleNamespace,
) -> None:
    params = only_mosi(study.params)
    study.write_runs(params)
    assert "preset default, text encoder bert (random, frozen)" in setup_note(params)
    study.write_runs(
        params, data={"modalities": ["audio", "video"]}, setup={"preset": "tiny"}
    )
    found = setup_note(params)
    assert "preset tiny (seconds of training: the numbers mean nothing)" in found
    assert "encoder" not in found


def setup_note(params: Params) -> str:
    """The notes of Table 3 in one string."""
    return str(rows_of("table3", params)["notes"].iloc[0])


def test_keys_tell_the_published_protocol(study: SimpleNamespace) -> None:
    params = only_mosi(study.params)
    published = params.model_copy(update={"protocol": "published"})
    attribution = params.cells["attribution"]
    assert attribution["controls"].protocol == "leak_free"
    study.write_runs(published, protocol="published")
    for name in ("table3", "table6", "table10", "noise"):
        assert set(rows_of(name, published)["block"]) == {"mosi__simulated__published"}
    assert "noise_0" not in set(noise(published)["row"])


def test_notes_of_the_data_reach_every_table(study: SimpleNamespace) -> None:
    params = only_mosi(study.params)
    note = "group 7 stands in train and test"
    study.write_runs(params, data={"notes": [note], "excluded": 2})
    text = write("table3", params)["md"]
    assert f"- {note}\n" in text and "2 samples without any modality" in text


def test_mixed_sources_or_samples_stop(study: SimpleNamespace) -> None:
    params = only_mosi(study.params)
    study.write_runs(params)
    change_report("btw/mosi", data={"simulated": False})
    with pytest.raises(ValueError, match="sources or protocols differ"):
        rows_of("table3", params)
    study.write_runs(params)
    change_table("fusions/mosi", lambda table: table.iloc[:-1])
    with pytest.raises(ValueError, match="does not hold the same samples once"):
        rows_of("table3", params)
    change_table("fusions/mosi", lambda table: table[table["seed"] != 2])
    with pytest.raises(ValueError, match=r"has seeds \[0, 1\], moe \[0, 1, 2\]"):
        rows_of("table3", params)
    change_table("btw/mosi", lambda table: table.assign(method="other"))
    with pytest.raises(ValueError, match="no rows of method='averaged_instance'"):
        rows_of("table3", params)


def test_presets_of_real_data_stand_apart_in_any_order() -> None:
    params, made = parameters.load(), []
    for preset in ("default", "paper"):
        block = Block("mosi", "mmsa", "leak_free", False, "text", "", preset=preset)
        rows = [Entry(row, row, "mae", mean=1.0, n=3) for row in ("moe", "bi_level")]
        made.append(frame(block, rows))
    default, paper = made
    every = merged(default, paper)
    pd.testing.assert_frame_equal(every, merged(paper, default))
    assert list(every["block"].map(len)) == [10, 10, 24, 24]
    assert "preset" not in block_title(default, params)
    assert block_title(paper, params).endswith("; protocol leak free; preset paper)")


@pytest.mark.parametrize("controls", [[], ["oracle"], ["posterior"]])
def test_planted_reliability_is_explained_where_a_row_has_it(
    study: SimpleNamespace, controls: list[str]
) -> None:
    params = only_mosi(study.params)
    trains = ["instance", "bi_level", "uniform", *controls]
    cell = params.cells["btw"]["mosi"].model_copy(update={"trains": trains})
    cells = {**params.cells, "btw": {"mosi": cell}}
    own = params.model_copy(update={"cells": cells, "recipes": recipes(cells)})
    study.write_runs(own)
    (notes,) = set(rows_of("table3", own)["notes"])
    assert ("planted reliability = 1 or 0" in notes) == bool(controls)
