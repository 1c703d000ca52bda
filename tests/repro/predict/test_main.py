"""What is refused, each by name, with nothing written; and what comes out."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from repro.predict import __main__ as command
from tests.repro.predict.made_runs import ROWS, chosen, predict


def edited(samples: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    table = pd.read_csv(samples, dtype=str)
    change(table).to_csv(samples, index=False)


def array(samples: Path, name: str, change: Callable[[np.ndarray], np.ndarray]) -> None:
    file = samples.parent / f"{name}.npy"
    np.save(file, change(np.load(file)))


def first(value: float) -> Callable[[np.ndarray], np.ndarray]:
    """The array with one value changed."""

    def change(values: np.ndarray) -> np.ndarray:
        values[1, 0, 0] = value
        return values

    return change


BAD_ROWS = {
    "missing column": (
        lambda s: edited(s, lambda t: t.rename(columns={"cup": "cups"})),
        "has no column cup among",
    ),
    "extra column": (
        lambda s: edited(s, lambda t: t.assign(kinds=1)),
        "column 'kinds' is unknown; did you mean 'kind'",
    ),
    "ids twice": (
        lambda s: edited(s, lambda t: t.assign(cup="c1")),
        "column cup has 5 ids again, first 'c1'",
    ),
    "empty id": (
        lambda s: edited(s, lambda t: t.assign(cup=" ")),
        "column cup is empty in 6 rows",
    ),
    "no row": (
        lambda s: edited(s, lambda t: t.iloc[:0]),
        "has no row below the header",
    ),
    "cut csv": (lambda s: s.write_text('cup\n"c'), "not a UTF-8 CSV file"),
    "absent modality": (
        lambda s: (s.parent / "taste.npy").unlink(),
        "taste.npy: no such file",
    ),
    "other width": (
        lambda s: array(s, "smell", lambda a: a[..., :4]),
        "smell has 4 features, own/tea was trained on 5",
    ),
    "sequences": (
        lambda s: array(s, "look", lambda a: np.ones((6, 2, 6))),
        "look has sequences, own/tea was trained on one vector",
    ),
    "vectors": (
        lambda s: array(s, "smell", lambda a: a[:, 0]),
        "smell has one vector per row, own/tea was trained on sequences",
    ),
    "other count": (
        lambda s: array(s, "smell", lambda a: a[:4]),
        "smell.npy: has 4 rows, the samples have 6",
    ),
    "nan": (
        lambda s: array(s, "smell", first(np.nan)),
        "smell has 1 NaN values in 1 samples",
    ),
    "infinite": (lambda s: array(s, "smell", first(np.inf)), "smell has 1 infinite"),
    "too large": (
        lambda s: array(s, "smell", lambda a: a.astype(float) * 1e300),
        "too large for float32",
    ),
    "partly nan": (
        lambda s: array(
            s, "look", lambda a: np.where(np.arange(6) > 2, np.nan, 1 + 0 * a)
        ),
        "vectors are NaN in some features only",
    ),
    "objects": (
        lambda s: np.save(s.parent / "look.npy", np.array([{}] * 6, object)),
        "not a complete .npy file of numbers",
    ),
}


@pytest.mark.parametrize("case", BAD_ROWS)
def test_rows_that_do_not_fit_are_refused(tea: Path, case: str) -> None:
    change, said = BAD_ROWS[case]
    change(tea)
    before = sorted(tea.parent.iterdir())
    with pytest.raises(ValueError, match=r".") as caught:
        predict("own/tea", tea)
    assert said in str(caught.value) and str(tea.parent) in str(caught.value)
    assert sorted(tea.parent.iterdir()) == before


def test_a_row_without_anything_is_refused(tea: Path) -> None:
    for name in ("smell", "taste"):
        array(tea, name, lambda a: np.where(np.arange(6)[:, None, None] == 2, 0, a))
    array(tea, "look", lambda a: np.where(np.arange(6)[:, None] == 2, np.nan, a))
    with pytest.raises(ValueError, match=r"1 rows \(first ids c62\) have no modality"):
        predict("own/tea", tea)


def test_a_row_may_lack_a_modality_where_the_model_was_taught_to(tea: Path) -> None:
    array(tea, "smell", lambda a: np.where(np.arange(6)[:, None, None] == 2, 0, a))
    found = predict("own/tea", tea)
    assert np.isfinite(found.filter(like="p_").to_numpy()).all()
    with pytest.raises(ValueError, match="have no smell, but no train row was without"):
        predict("own/token", tea)


def test_text_is_needed_where_a_fusion_needs_it(runs: Path, tmp_path: Path) -> None:
    samples = chosen(runs / "rows/mosi/samples.csv", ROWS, tmp_path)
    edited(samples, lambda t: t.assign(text=["", *t["text"][1:]]))
    with pytest.raises(ValueError, match="have no text, but ithp needs it everywhere"):
        predict("own/all", samples)
    assert len(predict("own/all", samples, "--method", "mult")) == 2 * len(ROWS)


def test_columns_in_another_order_and_unread_ones_change_nothing(tea: Path) -> None:
    before = predict("own/tea", tea)
    edited(
        tea,
        lambda t: t.assign(split="x", kind="?", pot="")[
            ["kind", "cup", "pot", "split"]
        ],
    )
    pd.testing.assert_frame_equal(predict("own/tea", tea), before)


def test_what_is_left_out_is_told(tea: Path, caplog: pytest.LogCaptureFixture) -> None:
    found = predict("own/tea", tea)
    assert "shuffled: left out: its weights" in caplog.text
    assert set(found["method"]) == {
        "moe",
        "averaged_instance",
        "modality",
        "instance",
        "bi_level",
    }
    with pytest.raises(ValueError, match="no model on all modalities can be applied"):
        predict("btw/lone", tea)


def test_the_table_has_a_row_per_method_seed_and_id(tea: Path) -> None:
    found = predict("own/tea", tea)
    assert list(found) == [
        "id",
        "method",
        "seed",
        "p_0",
        "p_1",
        "p_2",
        "w_smell",
        "w_taste",
        "w_look",
    ]
    assert found.groupby(["method", "seed"]).size().tolist() == [len(ROWS)] * 10
    np.testing.assert_allclose(found[["p_0", "p_1", "p_2"]].sum(axis=1), 1)
    weightless = found["method"] == "moe"
    assert found.loc[weightless, "w_look"].isna().all()
    assert found.loc[~weightless, "w_look"].notna().all()


def test_the_mean_over_seeds_is_that_of_the_rows(tea: Path) -> None:
    every, mean = predict("own/tea", tea), predict("own/tea", tea, "--mean")
    assert set(mean["seed"]) == {"mean"}
    columns = ["p_0", "p_2", "w_taste"]
    expected = every.groupby(["method", "id"])[columns].mean()
    found = mean.set_index(["method", "id"])[columns].loc[expected.index]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_csv_holds_the_same_numbers_and_goes_to_the_screen(
    tea: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parquet, out = predict("own/tea", tea), tea.parent / "out.csv"
    command.main(["own/tea", str(tea), "--out", str(out)])
    pd.testing.assert_frame_equal(pd.read_csv(out), parquet)
    command.main(["own/tea", str(tea)])
    assert capsys.readouterr().out == out.read_text()


def test_places_that_nothing_is_written_to(tea: Path) -> None:
    (tea.parent / "folder.csv").mkdir()
    before = tea.read_bytes()
    for name, said in (
        ("out.txt", "ends in .csv or .parquet"),
        ("samples.csv/out.csv", "samples.csv is a file; name another folder"),
        ("folder.csv", "is a folder"),
        ("samples.csv", "is the file that is read"),
    ):
        with pytest.raises(ValueError, match=said):
            command.main(["own/tea", str(tea), "--out", str(tea.parent / name)])
    assert tea.read_bytes() == before


def test_the_command_ends_with_a_table_or_one_sentence(runs: Path, tea: Path) -> None:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "repro.predict", *words]
        return subprocess.run(
            command, cwd=runs, capture_output=True, text=True, check=False
        )

    done = run("own/tea", str(tea), "--method", "moe")
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 1 + 2 * len(ROWS)
    done = run("own/te", str(tea))
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("error: run 'own/te' is unknown")
    assert len(done.stderr.splitlines()) == 1
