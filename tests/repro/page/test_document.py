"""The whole page: everything is on it, nothing is fetched, no text is markup."""

import re

import pytest

from repro import paths
from repro.findings.provenance import Provenance
from repro.page.document import page, policy
from repro.page.sections import Sources
from tests.repro.findings.made_trees import numbers, tree
from tests.repro.page.conftest import ROOT, made
from tests.repro.page.parsed import Parsed
from tests.repro.page.shown import FIGURES, TABLES

MOST_BYTES = 8_000_000
SIMULATED = "mosi__simulated"
HOSTILE = (
    "<script>window.hacked = 1</script>",
    "a|b",
    "100 % of $5",
    "two\nlines",
    "\u202egnp.exe",
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }}",
    "&lt;b&gt;",
    "</td></table></main>",
)


@pytest.fixture(scope="module")
def parsed(committed: str) -> Parsed:
    return Parsed(committed)


def test_every_table_and_figure_has_its_place(parsed: Parsed) -> None:
    wanted = [*TABLES, *FIGURES]
    assert [name for name in wanted if name not in parsed.ids] == []
    assert parsed.tags.count("img") == len(FIGURES)
    for name in TABLES:
        assert any(k.startswith(name) for k in parsed.tables), name


def test_places_are_one_each_and_links_lead_somewhere(parsed: Parsed) -> None:
    assert len(set(parsed.ids)) == len(parsed.ids)
    inner = [link for link in parsed.links if link.startswith("#")]
    assert len(inner) > len(TABLES) + len(FIGURES)
    assert {link[1:] for link in inner} <= set(parsed.ids)


def test_nothing_is_fetched(parsed: Parsed, committed: str) -> None:
    assert [one for one in parsed.loaded if not one.startswith("data:")] == []
    outer = [link for link in parsed.links if not link.startswith("#")]
    assert outer and all(link.startswith("https://arxiv.org/abs/") for link in outer)
    assert not {"iframe", "object", "embed", "base", "form"} & set(parsed.tags)
    parts = re.findall(r"<(style|script)>(.*?)</\1>", committed, re.DOTALL)
    assert [kind for kind, _ in parts] == ["style", "script"]
    for _, text in parts:
        for word in ("http", "@import", "url(", "fetch(", "XMLHttp", "import("):
            assert word not in text, word


def test_the_policy_allows_the_style_and_the_script_of_the_page(committed: str) -> None:
    style, script = re.search(
        r"<style>(.*?)</style>.*<script>(.*?)</script>", committed, re.DOTALL
    ).groups()
    told = policy(style, script)
    assert told.startswith("default-src 'none'; img-src data:;")
    assert told.replace("'", "&#39;") in committed
    assert "unsafe" not in told and " style=" not in committed


def test_the_page_is_small(committed: str) -> None:
    assert len(committed.encode()) < MOST_BYTES


def test_ours_stand_beside_the_printed(parsed: Parsed) -> None:
    rows = parsed.tables["btw_table3--mosei__simulated"][0]
    columns = rows[1][:2]
    assert columns == ["ours, simulated", "printed, real"]
    moe = next(row for row in rows if row[0] == "MoE")
    path = ROOT / "plots/btw/table3.md"
    told = [line for line in path.read_text().splitlines() if line[:6] == "| MoE "]
    assert moe[2] == told[0].split("|")[3].strip()  # after method and alpha
    assert moe[3] == told[1].split("|")[2].strip()


def test_what_is_simulated_says_so(parsed: Parsed, committed: str) -> None:
    blocks = committed.count('<section class="block simulated"')
    assert blocks == sum("__simulated" in name for name in parsed.ids) > 20
    real = committed.count('<section class="block real"')
    ids = [name for name in parsed.ids if "__" in name and "__simulated" not in name]
    ours = [name for name in ids if "__printed" not in name]
    assert real == len(ours), ours
    told = f"Our numbers in {blocks} of {blocks + real} blocks, each a data set in a"
    wanted = told if real else "All of our numbers are of simulated data"
    assert wanted in parsed.text
    shown = committed.count('<span class="tag simulated">')
    assert shown >= blocks + len(FIGURES) + 1


def test_what_is_real_says_so(written) -> None:
    text = written(made({"MoE": 1.5}, simulated=False))
    assert 'class="block real"' in text and "real data</span>" in text
    assert "Our numbers in 1 of 1 blocks are of real files" in Parsed(text).text
    (rows,) = Parsed(text).tables["btw_table3--mosi__mmsa"]
    assert rows[1] == ["ours, real", "printed, real", "ours − printed"]
    assert rows[2] == ["MoE", "1.500 ± 0.250", "1.000 ± 0.500", "+0.500 higher"]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_name_and_a_note_show_as_text(written, params, text: str) -> None:
    known = params.datasets.files["mosi"].model_copy(update={"title": text})
    files = {**params.datasets.files, "mosi": known}
    datasets = params.datasets.model_copy(update={"files": files})
    chosen = params.model_copy(update={"datasets": datasets})
    names = {**params.names, "bi_level": text}
    chosen = chosen.model_copy(update={"names": names})
    made_of = written(made({text: 1.5, "MoE": 1.0}, notes=text), chosen)
    plain = written(made({"x": 1.5, "MoE": 1.0}, notes="x"))
    found = Parsed(made_of)
    shown = text.replace("\u202e", "[U+202E]")
    (rows,) = found.tables["btw_table3--mosi__simulated"]
    assert rows[2][0] == shown
    assert found.text.count(shown) >= 3  # row, note, title of the data set
    assert found.tags == Parsed(plain).tags
    assert "\u202e" not in made_of


def test_the_page_is_the_same_bytes_again(committed, params, monkeypatch) -> None:
    monkeypatch.chdir(ROOT)
    first, second = (page(Sources(params, {}, {})) for _ in range(2))
    assert first == second


def test_findings_of_real_data_come_with_their_provenance(written, params) -> None:
    rows = made({"MoE": 1.5}, simulated=False)
    written(rows)
    trees = {"btw_table3": {"mosi__mmsa": tree(numbers(0.05, 0.01))[SIMULATED]}}
    silent = Parsed(page(Sources(params, trees, {}))).text
    assert "Not stated: no metrics/provenance/mosi__mmsa.json" in silent
    assert "BTW is worse" not in silent
    told = Provenance(
        source="files of 2018",
        checksums={"a.pkl": "00ff"},
        parameters={"seeds": [0]},
        commit="0123abc",
        seconds=60,
    )
    text = Parsed(page(Sources(params, trees, {"mosi__mmsa": told}))).text
    assert "Made from files of 2018 at commit 0123abc in 60 seconds" in text
    assert "a.pkl 00ff" in text and "BTW is worse than MoE by 0.050 MAE" in text


def test_a_paper_without_a_title_is_named(written, folder) -> None:
    place = folder / paths.printed("btw")
    place.write_text(place.read_text().replace("  paper: 'BTW", "  other: 'BTW", 1))
    with pytest.raises(ValueError, match=r"btw.yaml: meta.paper is None; write"):
        written(made({"MoE": 1.5}))


def test_what_was_not_made_is_told(written) -> None:
    text = Parsed(written(made({"MoE": 1.5}))).text
    assert "Not made here:" in text and "btw_figure1" in text and "btw_table4" in text
    assert "Not measured on this machine" in text


def test_the_page_of_the_tiny_preset_says_that_it_means_nothing(
    written, params
) -> None:
    tiny = params.model_copy(update={"preset": "tiny"})
    assert "the numbers mean nothing" in Parsed(written(made({"MoE": 1.5}), tiny)).text


def test_seconds_and_sums_are_told(written, folder, params) -> None:
    timing = folder / paths.timing("base/mosi")
    timing.parent.mkdir(parents=True)
    timing.write_text(
        '{"seconds": {"base/mosi": {"moe": 7.5}}, "peak_memory_bytes": 0}'
    )
    raw = folder / params.datasets.files["mosi"].path
    raw.parent.mkdir(parents=True)
    raw.write_bytes(b"abc")
    found = Parsed(written(made({"MoE": 1.5})))
    assert ["base/mosi", "7.5", "0"] in found.tables["seconds"][0]
    assert found.tables["data"][0][1][3].startswith("ba7816bf8f01cfea")


def test_printed_numbers_alone_are_no_data_of_ours(written) -> None:
    text = written(made({"MoE": None}, simulated=False))
    assert 'class="block alone"' in text and 'class="block real"' not in text
    assert "nothing is trained on these data here" in text
    assert "of 1 blocks" not in Parsed(text).text
