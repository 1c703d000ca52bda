"""What stands around the numbers of a table: notes, remarks, and runs refused."""

from types import SimpleNamespace

import pytest

from repro import paths
from repro.files import read_json, read_table, write_json, write_table
from repro.params import Params
from repro.tables.noise import noise
from repro.tables.sentiment import table3, table6
from repro.tables.timing import table10
from repro.tables.writing import write_merged

REAL = {"data": {"source": "mmsa", "simulated": False}}


def only_mosi(params: Params) -> Params:
    """Params without mosei and its cells."""
    cells = {
        group: {k: c for k, c in members.items() if c.dataset == "mosi"}
        for group, members in params.cells.items()
    }
    datasets = {"mosi": params.datasets["mosi"]}
    return params.model_copy(update={"datasets": datasets, "cells": cells})


def change_report(folder: str, **changes: object) -> None:
    """Overwrite fields of a report of mosi."""
    path = paths.run("mosi", folder) / "report.json"
    write_json(path, {**read_json(path), **changes})


def test_not_converged_is_said(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    methods = read_json(paths.run("mosi", "moe") / "report.json")["methods"]
    for epochs, expected in (([12, 12, 3], True), ([12, 3, 4], False)):
        methods["moe"] = {**methods["moe"], "epochs": epochs}
        change_report("moe", methods=methods)
        rows = table3(only_mosi(study.params))
        said = rows.loc[rows["remark"] == "not converged", "name"]
        assert set(said) == ({"MoE"} if expected else set())
        write_merged("table3", rows)
        text = paths.plot("table3", "md").read_text()
        assert ("| MoE, not converged" in text) is expected


def test_not_converged_stands_in_the_row_but_not_among_names(
    study: SimpleNamespace,
) -> None:
    params = only_mosi(study.params)
    study.write_runs(params, **REAL)
    methods = read_json(paths.run("mosi", "bi_level") / "report.json")["methods"]
    methods["bi_level"]["epochs"] = [12, 12, 3]
    change_report("bi_level", methods=methods)
    write_merged("table3", table3(params))
    text = paths.plot("table3", "md").read_text()
    # Once: our row, and not the printed one.
    assert text.count("| BTW, not converged") == 1
    assert "(MoE, BTW-global (KL), BTW-global (MI), BTW-local (KL), BTW):" in text


def test_intervals_say_what_is_not_in_them(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    write_merged("table3", table3(study.params))
    write_merged("table10", table10(study.params))
    for kind in ("md", "tex"):
        text = paths.plot("table3", kind).read_text()
        assert text.count("over test groups (videos), for these trained models") == 2
        assert "noise of training itself (another seed, another run)" in text
        assert "over test groups" not in paths.plot("table10", kind).read_text()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("training", {"epochs": 13, "batch": 64}),
        ("model", {"expert_hidden": 65}),
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
    change_report("instance", **{field: value})
    message = rf"runs/mosi/unimodal and runs/mosi/instance: .*{field}: .*run dvc repro"
    with pytest.raises(ValueError, match=message):
        table3(params)
    with pytest.raises(ValueError, match=rf"runs/mosi/instance: .*{field}: "):
        table10(params)


def test_baselines_have_no_settings_to_differ_in(study: SimpleNamespace) -> None:
    params = only_mosi(study.params)
    study.write_runs(params)
    change_report("baselines", preset="tiny", experts=1, seeds=[0])
    assert len(table3(params)) > 0


def test_setup_names_the_encoder_only_where_there_is_text(
    study: SimpleNamespace,
) -> None:
    params = only_mosi(study.params)
    study.write_runs(params)
    assert "preset default, text encoder bert (random, frozen)" in setup_note(params)
    study.write_runs(params, data={"modalities": ["audio", "video"]}, preset="tiny")
    found = setup_note(params)
    assert "preset tiny (seconds of training: the numbers mean nothing)" in found
    assert "encoder" not in found


def setup_note(params: Params) -> str:
    """The notes of Table 3 in one string."""
    return str(table3(params)["notes"].iloc[0])


def test_keys_tell_the_published_protocol(study: SimpleNamespace) -> None:
    params = only_mosi(study.params)
    published = params.model_copy(update={"protocol": "published"})
    study.write_runs(published, protocol="published")
    for make in (table3, table6, table10, noise):
        assert set(make(published)["block"]) == {"mosi__simulated__published"}
    assert set(noise(published)["row"]) == {"noise_1", "noise_3", "noise_5"}


def test_notes_of_the_data_reach_every_table(study: SimpleNamespace) -> None:
    params = only_mosi(study.params)
    note = "group 7 stands in train and test"
    study.write_runs(params, data={"notes": [note], "excluded": 2})
    write_merged("table3", table3(params))
    text = paths.plot("table3", "md").read_text()
    assert f"- {note}\n" in text and "2 samples without any modality" in text


def test_mixed_sources_or_samples_stop(study: SimpleNamespace) -> None:
    params = only_mosi(study.params)
    study.write_runs(params)
    data = read_json(paths.run("mosi", "instance") / "report.json")["data"]
    change_report("instance", data={**data, "simulated": False})
    with pytest.raises(ValueError, match="sources or protocols differ"):
        table3(params)
    study.write_runs(params)
    path = paths.run("mosi", "instance") / "predictions.parquet"
    table = read_table(path)
    write_table(path, table.iloc[:-1])
    with pytest.raises(ValueError, match="does not hold the same samples once"):
        table3(params)
    write_table(path, table[table["seed"] != 2])
    with pytest.raises(ValueError, match=r"has seeds \[0, 1\], moe \[0, 1, 2\]"):
        table3(params)
    write_table(path, table.assign(method="other"))
    with pytest.raises(ValueError, match="no rows of method='instance'"):
        table3(params)
