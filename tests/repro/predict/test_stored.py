"""Runs that are not whole, not known or cannot be applied: refused by name."""

import json
import shutil
from pathlib import Path

import pytest

from repro import paths
from repro.files import write_json
from tests.repro.predict.made_runs import predict


@pytest.fixture
def changed(
    tea: Path, runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A copy of runs/, in a working directory of its own."""
    shutil.copytree(runs / "runs", tmp_path / "work/runs")
    monkeypatch.chdir(tmp_path / "work")
    return Path("runs/own/tea")


def rewritten(run: Path, **values: object) -> None:
    file = run / "checkpoint.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


BAD_RUNS = {
    "version": (lambda r: rewritten(r, format=1), "format 1, this version reads 2"),
    "no version": (
        lambda r: rewritten(r, format=None),
        "format None, this version reads 2",
    ),
    "unknown field": (lambda r: rewritten(r, expert=1), "did you mean 'experts'"),
    "wrong value": (lambda r: rewritten(r, top_k="2"), "top_k = '2'"),
    "list": (
        lambda r: (r / "checkpoint.json").write_text("[]"),
        "holds no JSON object",
    ),
    "cut json": (
        lambda r: (r / "checkpoint.json").write_text('{"format": 2'),
        "not JSON",
    ),
    "cut checkpoint": (
        lambda r: cut(r / "checkpoint-instance.safetensors"),
        "checkpoint-instance.safetensors: is cut, or of another training",
    ),
    "cut unimodal": (
        lambda r: cut(r / "checkpoint-taste.safetensors"),
        "checkpoint-taste.safetensors: is cut",
    ),
    "no unimodal": (
        lambda r: (r / "checkpoint-taste.safetensors").unlink(),
        "checkpoint-taste.safetensors: no such file",
    ),
    "cut scales": (
        lambda r: cut(r / "scales.safetensors"),
        "scales.safetensors: is cut",
    ),
    "no description": (
        lambda r: (r / "checkpoint.json").unlink(),
        "keeps no checkpoint that new rows fit",
    ),
}


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


@pytest.mark.parametrize("case", BAD_RUNS)
def test_a_run_that_is_not_whole_is_refused(
    tea: Path, changed: Path, case: str
) -> None:
    change, said = BAD_RUNS[case]
    change(changed)
    with pytest.raises(ValueError, match=r".") as caught:
        predict("own/tea", tea)
    assert said in str(caught.value) and "runs/own/tea" in str(caught.value)
    assert not (tea.parent / "out.parquet").exists()


def report(run: Path, **setup: object) -> None:
    (run / "checkpoint.json").unlink()
    content = json.loads((run / "report.json").read_text())
    content["setup"] = content["setup"] | setup if setup else None
    (run / "report.json").write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("setup", "said"),
    [
        ({}, "has no network and keeps no checkpoint"),
        ({"tokens": {"query_times": 4}}, "is of a cohort of stays, whose events"),
        ({"finetune": True}, "trained its text encoder along"),
        ({"finetune": "last 2"}, "trained its text encoder along"),
    ],
)
def test_runs_that_rows_do_not_fit_say_why(
    tea: Path, changed: Path, setup: dict, said: str
) -> None:
    report(changed, **setup)
    with pytest.raises(ValueError, match=said):
        predict("own/tea", tea)


@pytest.mark.parametrize(
    ("dataset", "kinds", "said"),
    [
        (
            "adni",
            {"image": "fields", "genetic": "vector"},
            "is of adni, whose pictures",
        ),
        ("mortality", {"lab": "vector", "note": "text"}, "is of mortality, whose"),
        ("mortality", {"lab": "vector", "code": "vector"}, "set checkpoints: true"),
        ("mosi", {"text": "text", "audio": "vector"}, "set checkpoints: true"),
    ],
)
def test_what_no_setting_mends_is_not_offered(
    tea: Path, changed: Path, dataset: str, kinds: dict[str, str], said: str
) -> None:
    (changed / "checkpoint.json").unlink()
    content = json.loads((changed / "report.json").read_text())
    content["dataset"], content["data"]["modalities"] = dataset, list(kinds)
    (changed / "report.json").write_text(json.dumps(content))
    write_json(paths.prepared(dataset) / "meta.json", {"kinds": kinds})
    with pytest.raises(ValueError, match=said):
        predict("own/tea", tea)


def test_an_unknown_run_names_the_nearest(tea: Path) -> None:
    with pytest.raises(
        ValueError, match="run 'own/te' is unknown; did you mean 'own/t"
    ):
        predict("own/te", tea)
    for odd in ("../runs/own/tea", "", "own", "/"):
        with pytest.raises(ValueError, match="is unknown"):
            predict(odd, tea)


@pytest.mark.parametrize(
    ("run", "method", "said"),
    [
        ("own/tea", "shuffled", "its weights are those of other instances"),
        ("own/tea", "instanc", "did you mean 'instance'"),
        ("btw/leaky", "bi_level", "under switch transductive_mi it needs more"),
        ("btw/lone", "instance", "keeps a checkpoint of smell, taste, look alone"),
    ],
)
def test_methods_without_predictions_of_new_rows(
    tea: Path, run: str, method: str, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        predict(run, tea, "--method", method)


def test_a_run_without_checkpoints_says_what_to_set(tea: Path) -> None:
    with pytest.raises(ValueError, match="set checkpoints: true"):
        predict("own/bare", tea)
