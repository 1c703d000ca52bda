"""What a user names is shown as it is, in every file that a table has."""

from pathlib import Path

import pandas as pd
import pytest

from repro.figures.canvas import panels, rendered, styled
from repro.files import write_csv
from repro.metrics.scores import SCORES
from repro.params import load
from repro.params.strict import Shown, Strict
from repro.tables.rendering import latex_table, markdown_table, notes, plain
from tests.pipeline_graph import ROOT

HOSTILE = (
    "a|b",
    "<script>alert(1)</script>",
    "<!-- -->",
    "[click](http://example.org)",
    "![x](http://example.org/x.png)",
    "two\nlines",
    "`code` *bold*",
    "back\\slash",
    "100 % of $5 & #1_x^2~{y}",
    "<3 days",
)
FORMULAS = ("=1+1", "+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1")


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_has_the_same_cells_and_no_markup(text: str) -> None:
    table = markdown_table(pd.DataFrame({"method": [text], text: ["1.0*"]}))
    lines = table.splitlines()
    assert len(lines) == 3
    for line in lines:
        assert line.replace("\\|", "").count("|") == 3
    for markup in ("<s", "</", "<!", "](", "\n\n"):
        assert markup not in table
    assert "1.0*" in table


@pytest.mark.parametrize("text", HOSTILE)
def test_latex_has_no_command_of_a_name(text: str) -> None:
    table = latex_table(pd.DataFrame({text: [text]}), text, "x")
    for sign in "%$#_&^~":
        for place in (i for i, c in enumerate(table) if c == sign and sign in text):
            before, after = table[:place], table[place + 1 :]
            is_math = before.endswith("$<") or after.startswith(("<$", ">$"))
            is_math = is_math or before.endswith("$>")
            assert before.endswith("\\") or is_math or sign in "^~", table
    assert "back\\slash" not in table


def test_a_bracket_is_no_option_of_a_row() -> None:
    table = latex_table(pd.DataFrame({"method": ["x", "[2pt] y"]}), "t", "x")
    assert "{[}2pt] y" in table


@pytest.mark.parametrize("text", FORMULAS)
def test_csv_holds_no_formula(tmp_path: Path, text: str) -> None:
    path = tmp_path / "t.csv"
    write_csv(path, pd.DataFrame({"name": [text], "x": [-1.5]}))
    back = pd.read_csv(path)
    assert back["name"][0].startswith("'") and back["x"][0] == -1.5
    write_csv(path, back)  # kept blocks are written again
    assert back.equals(pd.read_csv(path))


def test_csv_ends_no_script_of_a_page(tmp_path: Path) -> None:
    write_csv(tmp_path / "t.csv", pd.DataFrame({"n": ["</script><b>", "<3 days"]}))
    text = (tmp_path / "t.csv").read_text()
    assert "</" not in text and "<b" not in text and "<3 days" in text


def test_figures_take_dollars_and_tags_as_text() -> None:
    with styled():
        figure, axes = panels(1, 1, 2.0)
        axes[0, 0].set_title("$broken \\frac{ <script> & --> </svg>")
        drawn = rendered(figure, "svg", {"Date": None}).decode()
    assert "<script" not in drawn and drawn.count("</svg>") == 1


class Named(Strict):
    """A block with a text that tables show."""

    title: Shown


@pytest.mark.parametrize(
    "text", ["MOSI", "<3 days", "a < b", "µ (x), 5 %", "x|y", "שלום"]
)
def test_titles_may_hold_anything_that_is_one_line(text: str) -> None:
    assert Named(title=text).title == text


@pytest.mark.parametrize(
    "text",
    [
        *("", " a", "a ", "a\nb", "</script>", "<b>", "a<!--", "x" * 81, "a\tb"),
        *("a\u202eb", "\u200fa", "a\u2066b", "a\u200bb", "a\x07b"),
    ],
)
def test_markup_and_lines_are_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Named(title=text)


def test_plain_is_idempotent_for_ordinary_text() -> None:
    for text in ("BTW-local (KL)", "p < 0.05", "gain ↑ [interval], Holm p", "<10"):
        assert plain(text) == text


@pytest.mark.parametrize(
    ("dataset", "task"),
    [("mosi", "regression"), ("enrico", "classification"), ("mmimdb", "multilabel")],
)
def test_a_table_is_explained_by_the_task_of_its_data(dataset: str, task: str) -> None:
    """Tasks share names of metrics, which then mean other things."""
    names = [metric.name for metric in SCORES[task].metrics]
    numbers = ("mean", "sd", "lower", "se_seeds", "p_holm")
    empty = {name: float("nan") for name in numbers}
    texts = dict.fromkeys(("verdict", "condition", "notes", "warnings"), "")
    block = pd.DataFrame({"metric": names}).assign(dataset=dataset, **empty, **texts)
    found = notes(block, load(ROOT / "params.yaml"))
    said = [score.about for score in SCORES.values()]
    told = [about for about in said if any(note.startswith(about) for note in found)]
    assert told == [SCORES[task].about]
