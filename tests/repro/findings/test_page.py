"""The page and the README: headings, controls after claims, no drift in git."""

from pathlib import Path

import pytest

from repro import paths
from repro.files import read_json, write_json
from repro.findings.chosen import HEADLINES, STATED, Headline
from repro.findings.comparisons import row_name
from repro.findings.page import BEGIN, END, headlines, page, stated, with_headlines
from repro.findings.provenance import Provenance, known_figures, known_provenance
from repro.tables import i2moe
from repro.tables.btw import TABLES
from repro.tables.labels import GAIN, is_difference
from tests.repro.findings.made_trees import SCORE, numbers, tree

ROOT = Path(__file__).parents[3]


def lines_of(text: str) -> list[str]:
    """The sentences of a page."""
    return [line for line in text.split("\n## ", 1)[1].splitlines() if line[:2] == "- "]


def test_headings_tell_simulated_from_real(params) -> None:
    content = tree(numbers(0.05, 0.01))
    content["mosi__mmsa"] = content["mosi__simulated"]
    text = page({"btw_table3": content}, params)
    assert "## Table 3. Sentiment regression. MOSI, simulated data\n" in text
    assert "## Table 3. Sentiment regression. MOSI, real data (mmsa files)\n" in text


def test_real_data_are_stated_with_their_provenance_only(params) -> None:
    content = {
        "btw_table3": {"mosi__mmsa": tree(numbers(0.05, 0.01))["mosi__simulated"]}
    }
    wanted = [Headline("btw_table3", "mosi", "bi_level", "mae_vs_moe")]
    silent = page(content, params)
    assert "Not stated: no metrics/provenance/mosi__mmsa.json" in silent
    assert "BTW is worse" not in silent
    assert "BTW is worse" not in headlines(content, params, wanted)
    known = {"mosi__mmsa": provenance()}
    told = page(content, params, known)
    assert "Provenance: files of 2018; 1 checksums, commit 0123abc, 60 seconds." in told
    assert "BTW is worse" in told
    assert "BTW is worse" in headlines(content, params, wanted, known)


def test_figures_of_real_data_are_linked_where_their_provenance_is_known(
    params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = ("mosi__mmsa", "mosi__table")
    for name in ("btw_figure3", "btw_figure1"):
        for block in blocks:
            place = paths.plot(name, "svg", block)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch()
    figures = known_figures()
    assert figures == {block: ["btw_figure1", "btw_figure3"] for block in blocks}
    text = page({}, params, {"mosi__mmsa": provenance()}, figures)
    assert (
        "## Figures of real data\n\n- MOSI, real data (mmsa files): "
        "[btw_figure1](../plots/real/mosi__mmsa/btw_figure1.svg), "
    ) in text
    assert "mosi__table" not in text
    assert "Figures of real" not in page({}, params, {}, figures)


def test_real_data_come_first_and_only_with_rows_that_they_have(params) -> None:
    content = tree(numbers(0.05, 0.01))
    block = "mosi__table__preset_paper"
    content[block] = dict(content["mosi__simulated"])
    wanted = [
        Headline("btw_table3", "mosi", row, "mae_vs_moe") for row in ("instance", "moe")
    ]
    remark = "Comparable with each other."
    known = {block: provenance(device="2 cores", remark=remark)}
    lines = headlines({"btw_table3": content}, params, wanted[1:], known).splitlines()
    assert "real data (table files), preset paper: MoE: not tested" in lines[1]
    assert "simulated data: MoE: not tested" in lines[2]
    lines = headlines({"btw_table3": content}, params, wanted[:1], known).splitlines()
    assert len(lines) == 3 and "simulated data" in lines[1]
    content["mosi__table"] = content[block]
    known |= {"mosi__table": provenance()}
    lines = headlines({"btw_table3": content}, params, wanted[1:], known).splitlines()
    kinds = ("(table files), preset paper:", "(table files):", "simulated data:")
    assert all(kind in line for kind, line in zip(kinds, lines[1:], strict=False))
    told = headlines({"btw_table3": content}, params, known=known)
    (real, *_) = told.splitlines()[1:]
    assert real.endswith("No oracle row: this table has no positive control.")
    told = page({"btw_table3": content}, params, known)
    assert f"60 seconds on 2 cores.\n\n{remark}\n" in told


@pytest.mark.parametrize("is_known", [True, False])
def test_simulated_data_can_give_way_to_real_ones(params, is_known) -> None:
    content = tree(numbers(0.05, 0.01))
    content["mosi__table"] = content["mosi__simulated"]
    wanted = [Headline("btw_table3", "mosi", "bi_level", "mae_vs_moe", real_first=True)]
    known = {"mosi__table": provenance()} if is_known else {}
    told = headlines({"btw_table3": content}, params, wanted, known).splitlines()[1:-1]
    kind = "real data (table files)" if is_known else "simulated data"
    assert len(told) == 1 and kind in told[0]


def provenance(**changes: object) -> Provenance:
    """A complete record, but for the changes."""
    told: dict = {
        "source": "files of 2018",
        "checksums": {"a.pkl": "00"},
        "parameters": {"seeds": [0, 1]},
        "commit": "0123abc",
        "seconds": 60,
    }
    return Provenance.model_validate(told | changes)


def test_provenance_is_read_by_block_and_refused_by_field(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    place = Path("metrics/provenance/mosi__mmsa.json")
    write_json(place, provenance().model_dump())
    assert known_provenance() == {"mosi__mmsa": provenance()}
    write_json(place, provenance().model_dump() | {"commit": "later", "seeds": 3})
    with pytest.raises(ValueError, match=r"mosi__mmsa.json: .*commit = 'later'.*seeds"):
        known_provenance()


@pytest.mark.parametrize("own", [numbers(0.05, 0.01), numbers(0.001, 0.9)])
def test_a_negative_claim_is_followed_by_its_control(params, own) -> None:
    found = lines_of(page({"btw_table3": tree(own, numbers(-0.08, 0.001))}, params))
    assert found[0].startswith(("- BTW is worse", "- No difference seen"))
    assert found[1].startswith("- Control (planted reliability): the oracle gains")
    assert len(found) == 2
    wanted = [Headline("btw_table3", "mosi", "bi_level", "mae_vs_moe")]
    told = headlines({"btw_table3": tree(own, numbers(-0.08, 0.001))}, params, wanted)
    (line,) = told.splitlines()[1:-1]
    assert (
        line.startswith("- Table 3. Sentiment regression, MOSI, simulated data: ")
        and "the oracle gains 0.080" in line
    )


def test_a_table_whose_oracle_gains_nothing_says_so(params) -> None:
    content = {"btw_table7": tree(numbers(-0.05, 0.01), numbers(0.01, 0.4), SCORE)}
    assert "cannot tell a good weighting from a bad one" in page(content, params)
    without = {"btw_table7": tree(numbers(-0.05, 0.01), metric=SCORE)}
    assert "No oracle row: this table has no positive control." in page(without, params)


def test_a_probe_names_its_own_control(params) -> None:
    metric = "leaning_vs_untrained"
    rows = {"untrained": {}, "i2moe": {metric: numbers(0.4, 0.001)}}
    block = "planted_uniform__simulated"
    text = page({"i2moe_probe": {block: rows}}, params)
    assert "the control is I2MoE, untrained" in text
    assert "this table has no positive control" not in text
    without = {"no_interaction": {}, "i2moe": {"leaning_vs_no_interaction": {}}}
    without["i2moe"]["leaning_vs_no_interaction"] = numbers(0.4, 0.001)
    text = page({"i2moe_probe": {block: without}}, params)
    assert "this table has no positive control" in text


def test_a_claim_against_a_row_without_a_control_says_so(params) -> None:
    metric = "auroc_vs_fusemoe"
    rows = {"fusemoe": {}, "fusemoe_zero": {}, "oracle": {metric: numbers(0.1, 0.001)}}
    rows["bi_level_zero"] = {metric: numbers(-0.1, 0.001)}
    text = page({"btw_table7": {"icu_all__simulated": rows}}, params)
    assert "- No control against FuseMoE, absent = zero: no oracle row there." in text


def test_a_better_headline_needs_no_control(params) -> None:
    wanted = [Headline("btw_table3", "mosi", "bi_level", "mae_vs_moe")]
    content = {"btw_table3": tree(numbers(-0.05, 0.01), numbers(-0.08, 0.001))}
    assert "Control" not in headlines(content, params, wanted)


def test_a_control_of_another_reference_is_no_control(params) -> None:
    content = tree(numbers(0.05, 0.01))
    (block,) = content
    content[block]["ridge"] = {}
    content[block]["oracle"] = {"mae_vs_ridge": numbers(-0.08, 0.001)}
    wanted = [Headline("btw_table3", "mosi", "bi_level", "mae_vs_moe")]
    (told,) = headlines({"btw_table3": content}, params, wanted).splitlines()[1:-1]
    assert told.endswith("No control against MoE: no oracle row there.")


def test_a_missing_number_is_told(params) -> None:
    wanted = [Headline("btw_table3", "mosi", "bi_level", "mae_vs_moe")]
    rows = {"btw_table3": {"mosi__simulated": {"moe": {}}}}
    told = headlines(rows, params, wanted)
    assert "BTW: not tested (no metric MAE minus MoE)." in told
    assert "BTW: not tested (no metric MAE minus MoE)." in headlines({}, params, wanted)


def test_the_block_of_the_readme_is_replaced_alone() -> None:
    text = f"before\n{BEGIN}\n- old\n{END}\nafter\n"
    new = f"{BEGIN}\n- new\n{END}"
    assert with_headlines(text, new) == f"before\n{new}\nafter\n"
    for broken in (text.replace(END, ""), text + BEGIN, text.replace(BEGIN, END)):
        with pytest.raises(ValueError, match=r"README\.md: needs"):
            with_headlines(broken, new)


def test_the_committed_prose_is_what_the_committed_numbers_give(params) -> None:
    """docs/results.md and the README never drift from metrics/."""
    files = sorted((ROOT / paths.METRICS).glob("*.json"))
    trees = {path.stem: read_json(path) for path in files}
    assert trees
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        known, drawn = known_provenance(), known_figures()
    told = page(trees, params, known, drawn), headlines(trees, params, known=known)
    assert (ROOT / paths.RESULTS).read_text() == told[0], "run dvc repro results"
    assert told[1] in (ROOT / paths.README).read_text(), "run dvc repro results"


def test_the_readme_has_a_few_findings_of_each_paper() -> None:
    text = (ROOT / paths.README).read_text()
    block = text.partition(BEGIN)[2].partition(END)[0]
    lines = [line for line in block.splitlines() if line.startswith("- ")]
    is_of_second = ["- Interpretation" in line for line in lines]
    assert 3 <= len(lines) - sum(is_of_second) <= 6
    assert 1 <= sum(is_of_second) <= 4


def test_the_list_names_tables_and_rows_that_exist(params) -> None:
    tables = {f"btw_{item}" for item in TABLES}
    tables |= {f"i2moe_{item}" for item in i2moe.TABLES}
    assert set(STATED) | {h.table for h in HEADLINES} <= tables
    for headline in HEADLINES:
        method = headline.metric.removesuffix(GAIN)
        code = headline.row if method == headline.metric else method
        named = row_name(code, params).split(", ")
        assert set(named) & set(params.names.values()), headline
        assert headline.dataset in params.datasets.every()
        assert is_difference(headline.metric)


def test_a_claim_at_a_site_has_the_control_of_that_site(params) -> None:
    metric = "mae_vs_unweighted"
    gains = {"embedding": -0.08, "contribution": -0.05}
    rows = {f"moe_{s}_oracle": {metric: numbers(g, 0.001)} for s, g in gains.items()}
    rows |= {"moe": {}, "moe_embedding_bi_level": {metric: numbers(0.02, 0.4)}}
    wanted = [Headline("btw_sites", "mosi", "moe_embedding_bi_level", metric)]
    told = headlines({"btw_sites": {"mosi__simulated": rows}}, params, wanted)
    assert "the oracle gains 0.080" in told and "0.050 MAE" not in told


@pytest.mark.parametrize(("sign", "word"), [(-1.0, "worse"), (1.0, "better")])
def test_opposite_numbers_turn_the_sentences_of_experts(params, sign, word) -> None:
    """Tables of I2MoE: accuracy is better when higher, an error when lower."""
    wide = {"lower": sign * 3 - 0.5, "upper": sign * 3 + 0.5, "se_seeds": 0.2}
    rows = {
        "switchgate": {},
        "i2moe": {},
        "switchgate_i2moe": {
            "accuracy_vs_without_experts": numbers(sign * 3, 0.01, **wide)
        },
        "no_interaction": {
            "accuracy_vs_i2moe": numbers(sign * 3, 0.01, **wide),
            "mae_vs_i2moe": numbers(-sign * 0.1, 0.01),
        },
    }
    block = "mosi__simulated"
    told = stated("i2moe_table4", block, {block: rows}, params)
    assert told is not None
    text = "\n".join(told.sentences)
    subject = "SwitchGate, I2MoE"
    assert f"{subject} is {word} than SwitchGate by 3.00 accuracy" in text
    assert f"No-Interaction is {word} than I2MoE by 3.00 accuracy" in text
    assert f"No-Interaction is {word} than I2MoE by 0.100 MAE" in text


def test_the_readme_states_few_findings_of_the_second_paper() -> None:
    assert sum(one.table.startswith("i2moe") for one in HEADLINES) <= 4
