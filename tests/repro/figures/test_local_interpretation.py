"""Single rows explained: which row, its numbers by hand, and no private words."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from repro import paths
from repro.figures.canvas import styled, write_figure
from repro.figures.i2moe import FIGURES, LOCAL
from repro.figures.local_interpretation import (
    FIRST,
    Explained,
    explained,
    genre_panels,
    genre_series,
    row_panels,
    row_series,
)
from repro.files import read_table, write_table
from repro.records import decoded
from tests.repro.made_data import SEEDS, generator, samples
from tests.repro.made_runs import change_table

EXPERTS = ("unique_text", "unique_image", "synergy", "redundancy")


def write_experts() -> None:
    """Experts of the films that know what half of the rows have, the others less."""
    test = samples("mmimdb").query("split == 'test'")
    true = decoded(test["y"].to_numpy(), 23)
    tables = []
    for method in ("interpretcc", "concat_transformer"):
        for seed in SEEDS:
            draw = generator("films", method, seed)
            weights = draw.dirichlet(np.ones(4), size=len(test))
            for e, expert in enumerate(EXPERTS):
                noise = np.where(np.arange(len(test)) % 2, 0.5, 6.0)[:, None]
                logits = 4 * (2 * true - 1) + noise * draw.normal(size=true.shape)
                about = {"method": method, "seed": seed, "split": "test"}
                table = pd.DataFrame({"id": test["id"]} | about)
                table["expert"], table["weight"] = expert, weights[:, e]
                tables.append(
                    table.assign(**{f"logit_{k}": v for k, v in enumerate(logits.T)})
                )
    whole = pd.concat(tables, ignore_index=True)
    write_table(paths.run(LOCAL) / "experts.parquet", whole)


@pytest.fixture
def films(study: SimpleNamespace) -> SimpleNamespace:
    study.write_runs(study.params)
    write_experts()
    return study


def small(true: list[list[int]], logits: list, weights: list) -> Explained:
    """Rows b, c, ... of three labels."""
    ids = np.array(["b", "c", "d"][: len(true)], dtype=object)
    return Explained(
        *("mmimdb", True, 0, ["Drama", "War", "News"], ["unique_text", "synergy"], ids),
        np.array(true, dtype=bool),
        np.array(logits, dtype=float),
        np.array(weights, dtype=float),
    )


def example() -> Explained:
    """By hand: b misses War, c is right, d is right and later, nobody gets News."""
    return small(
        [[1, 1, 0], [1, 0, 0], [0, 1, 0]],
        [
            [[4.0, -2.0, -1.0], [0.0, 1.0, -1.0]],
            [[2.0, -1.0, -1.0], [-1.0, 0.5, -1.0]],
            [[-1.0, 3.0, -1.0], [-1.0, -1.0, -2.0]],
        ],
        [[0.5, 0.5], [0.75, 0.25], [0.5, 0.5]],
    )


def test_the_first_right_row_and_its_numbers_by_hand() -> None:
    found = row_series(example())
    assert found["id"].tolist() == ["c", "c"]
    assert found["genre"].tolist() == ["Drama", "Drama"]
    assert found["logit"].tolist() == [2.0, -1.0]
    assert found["weight"].tolist() == [0.75, 0.25]
    assert found["part"].tolist() == [1.5, -0.25]
    assert found["prediction_logit"].tolist() == [1.25, 1.25]
    assert found["label"].tolist() == ["Drama, unique to text", "Drama, synergy"]


def test_another_row_shows_what_it_misses_and_what_is_wrongly_said() -> None:
    found = row_series(example(), "b").drop_duplicates("genre").set_index("genre")
    assert found["true"].to_dict() == {"Drama": True, "War": True}
    assert found["predicted"].to_dict() == {"Drama": True, "War": False}
    wrong = small([[1, 0, 0]], [[[1, 1, -1], [1, 1, -1]]], [[0.5, 0.5]])
    told = row_series(wrong, "b").drop_duplicates("genre").set_index("genre")
    assert told["true"].to_dict() == {"Drama": True, "War": False}


def test_a_row_without_labels_is_nobodys_example() -> None:
    bare = small([[0, 0, 0]], [[[-1, -1, -1], [-1, -1, -1]]], [[0.5, 0.5]])
    assert not bare.right.any()
    assert row_series(bare).empty


def test_every_genre_has_the_first_row_that_rightly_gets_it() -> None:
    found = genre_series(example())
    first = found.drop_duplicates("genre").set_index("genre")["id"]
    assert first.to_dict() == {"Drama": "b", "War": "d"}  # b is wrong on War alone
    assert found.groupby("genre")["part"].sum().to_dict() == {"Drama": 2.0, "War": 1.0}


def test_an_unknown_id_is_named() -> None:
    with pytest.raises(ValueError, match=r"explained_row = 'x': no test row .* 'b'"):
        row_series(example(), "x")


def test_parts_of_a_run_add_up_to_its_mixture(films: SimpleNamespace) -> None:
    found = explained(films.params, LOCAL)
    assert found.experts == list(EXPERTS)
    assert found.seed == SEEDS[0]
    table = read_table(paths.run(LOCAL) / "experts.parquet")
    table = table.query("method == 'concat_transformer' and seed == 0")
    name = found.ids[5]
    own = table[table["id"] == name].set_index("expert").loc[list(EXPERTS)]
    wanted = own["weight"] @ own[[f"logit_{k}" for k in range(23)]].to_numpy()
    assert found.parts[5].sum(axis=0) == pytest.approx(wanted)
    y = samples("mmimdb").set_index("id").loc[name, "y"]
    assert found.true[5].tolist() == decoded(np.array([y]), 23)[0].tolist()
    row = row_series(found)
    place = found.ids.tolist().index(row["id"].iloc[0])
    assert found.right[place]
    assert not found.right[:place].any()


def test_a_row_that_experts_lack_or_hold_twice_is_told(films: SimpleNamespace) -> None:
    for change in (lambda t: t[t["id"] != t["id"][0]], lambda t: pd.concat([t, t])):
        write_experts()
        change_table(LOCAL, change, "experts")
        with pytest.raises(ValueError, match="once for each expert; train the cell"):
            explained(films.params, LOCAL)


def test_a_run_of_another_task_is_refused(films: SimpleNamespace) -> None:
    with pytest.raises(ValueError, match="give a run of a data set with several"):
        explained(films.params, "experts/enrico/i2moe")


@pytest.mark.parametrize("name", ["figure3", "genres"])
def test_files_are_the_same_bytes_twice_and_say_simulated(
    films: SimpleNamespace, name: str
) -> None:
    contents = []
    for _ in range(2):
        with styled():
            series, figure = FIGURES[name](films.params)
            write_figure(f"i2moe_{name}", series, figure)
        kinds = (paths.plot(f"i2moe_{name}", kind) for kind in ("csv", "svg", "pdf"))
        contents.append([path.read_bytes() for path in kinds])
    assert contents[0] == contents[1]
    assert b"MM-IMDB (simulated data)" in contents[0][1]


def test_bars_are_the_numbers_of_the_series(films: SimpleNamespace) -> None:
    series = row_series(explained(films.params, LOCAL))
    figure = row_panels(series, films.params, "Title")
    logits, weights, parts, words = figure.axes
    heights = [bar.get_height() for bar in logits.patches]
    assert heights == pytest.approx(series["logit"].to_list())
    heights = [bar.get_height() for bar in weights.patches]
    assert heights == pytest.approx(series["weight"][:4].to_list())
    assert len(parts.patches) == len(series) // 4 * 5  # and the sums
    said = [text.get_text() for text in words.texts]
    assert any(series["id"].iloc[0] in line for line in said)


def test_another_row_is_asked_for_in_params(films: SimpleNamespace) -> None:
    other = explained(films.params, LOCAL).ids[-1]
    params = films.params.model_copy(update={"explained_row": other})
    series, _ = FIGURES["figure3"](params)
    assert set(series["id"]) == {other}


def test_a_real_film_shows_its_id_and_nothing_else(study: SimpleNamespace) -> None:
    study.write_runs(study.params, data={"source": "mmimdb", "simulated": False})
    write_experts()
    _, figure = FIGURES["figure3"](study.params)
    said = [text.get_text() for text in figure.axes[3].texts]
    assert said[0] == "MM-IMDB"
    assert "title, plot, poster: not shown" in said


def test_without_a_right_row_the_figures_speak(films: SimpleNamespace) -> None:
    none = small([[1, 1, 0]], [[[-1, -1, 1], [-1, -1, 1]]], [[0.5, 0.5]])
    (text,) = row_panels(row_series(none), films.params, "Title").axes[0].texts
    assert "no test row has all its labels" in text.get_text()
    assert row_series(none, FIRST).empty
    empty = genre_panels(genre_series(none), films.params, "Title", none.labels)
    assert "no label of any test row" in empty.axes[0].texts[0].get_text()


def test_a_genre_that_nobody_gets_says_so(films: SimpleNamespace) -> None:
    of = example()
    figure = genre_panels(genre_series(of), films.params, "Title", of.labels)
    said = [[t.get_text() for t in axis.texts] for axis in figure.axes]
    assert said[2] == ["never rightly\npredicted"]
    assert figure.axes[0].get_title() == "Drama, b"


def test_nobody_is_shown_a_row_of_a_real_patient(study: SimpleNamespace) -> None:
    study.write_runs(study.params, data={"simulated": False})
    for name in ("mortality", "adni"):
        with pytest.raises(ValueError, match=f"{name} is of real patients, and a row"):
            explained(study.params, f"experts/{name}/i2moe")
