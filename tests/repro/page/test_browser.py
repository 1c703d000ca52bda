"""The page in a browser: nothing is fetched, tables sort, schemes, keys, a phone."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.repro.page.conftest import made
from tests.repro.page.shown import FIGURES, TABLES

driver = pytest.importorskip(
    "playwright.sync_api", reason="no playwright: pip install -r requirements.txt"
)
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)
pytestmark = [
    pytest.mark.skipif(BROWSER is None, reason="no chromium: apt-get install chromium"),
    pytest.mark.xdist_group("browser"),
]
SORTED = "#btw_table3--mosi__simulated ~ .box table"
TABLE = f"{SORTED} >> nth=0"
PATIENCE = 240_000.0  # milliseconds, on a machine that does much else


@pytest.fixture(scope="module")
def browser() -> Iterator:
    with driver.sync_playwright() as started:
        # As root, for instance in a container, chromium runs without its sandbox.
        found = started.chromium.launch(
            executable_path=BROWSER,
            args=["--no-sandbox", "--disable-gpu"],
            timeout=PATIENCE,
        )
        yield found
        found.close()


class Opened:
    """A page that a browser shows, what it asked for and what it complained of."""

    def __init__(self, browser, file: Path, **options) -> None:
        self.context = browser.new_context(**options)
        self.context.set_default_timeout(PATIENCE)
        self.tab = self.context.new_page()
        self.asked: list[str] = []
        self.said: list[str] = []
        self.tab.on("request", lambda request: self.asked.append(request.url))
        self.tab.on("console", lambda message: self.said.append(message.text))
        self.tab.on("pageerror", lambda error: self.said.append(str(error)))
        self.address = file.resolve().as_uri()
        self.tab.goto(self.address)

    def column(self, table: str, place: int) -> list[str]:
        """Texts of a column, from top to bottom."""
        cells = f"rows => rows.map(row => row.cells[{place}].textContent.trim())"
        return self.tab.locator(table).locator("tbody tr").evaluate_all(cells)

    def background(self) -> str:
        """Color of the page."""
        return self.tab.evaluate("getComputedStyle(document.body).backgroundColor")


@pytest.fixture(scope="module")
def whole(committed: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the numbers in git, as a file."""
    file = tmp_path_factory.mktemp("page") / "index.html"
    file.write_text(committed)
    return file


@pytest.fixture
def opened(browser, whole: Path) -> Iterator[Opened]:
    """The same in a light wide window."""
    found = Opened(browser, whole, viewport={"width": 1280, "height": 900})
    yield found
    found.context.close()


@pytest.fixture
def small(browser, written, tmp_path: Path) -> Iterator[Opened]:
    """A page of one table whose numbers have ties, an empty one and no text order."""
    means = {"a": 10.0, "b": 9.0, "c": 2.0, "d": 2.0, "e": None, "f": -1.0}
    hostile = {"<script>window.hacked = 1</script>": 100.0}
    file = tmp_path / "index.html"
    file.write_text(written(made({**means, **hostile})))
    found = Opened(browser, file)
    yield found
    found.context.close()


def test_no_error_no_request_and_everything_is_shown(opened: Opened) -> None:
    assert opened.said == []
    assert opened.asked == [opened.address]
    for name in (*TABLES, *FIGURES):
        assert opened.tab.locator(f"#{name}").is_visible(), name
    pictures = "all => all.map(one => one.complete && one.naturalWidth)"
    widths = opened.tab.locator("img").evaluate_all(pictures)
    assert len(widths) == len(FIGURES) and all(widths)
    assert opened.tab.locator("table").count() > len(TABLES)


def test_the_contents_lead_to_a_table(opened: Opened) -> None:
    opened.tab.click("nav a[href='#btw_table7']")
    top = "document.getElementById('btw_table7').getBoundingClientRect().top"
    assert 0 <= opened.tab.evaluate(top) < 100


def test_columns_sort_as_numbers_stable_and_the_empty_last(small: Opened) -> None:
    script = small.column(TABLE, 0)[-1]
    button = small.tab.locator(TABLE).get_by_role("button", name="ours, simulated")
    heading = button.locator("xpath=..")
    button.click()
    assert heading.get_attribute("aria-sort") == "ascending"
    assert small.column(TABLE, 0) == ["f", "c", "d", "b", "a", script, "e"]
    button.click()
    assert heading.get_attribute("aria-sort") == "descending"
    assert small.column(TABLE, 0) == [script, "a", "b", "c", "d", "f", "e"]
    button.click()
    assert heading.get_attribute("aria-sort") == "none"
    assert small.column(TABLE, 0) == ["a", "b", "c", "d", "e", "f", script]


def test_one_column_at_a_time_is_sorted(small: Opened) -> None:
    for name in ("ours, simulated", "method"):
        small.tab.locator(TABLE).get_by_role("button", name=name).click()
    orders = "all => all.map(one => one.getAttribute('aria-sort'))"
    found = small.tab.locator(TABLE).locator("th[aria-sort]").evaluate_all(orders)
    assert found == ["ascending", "none", "none"]
    assert small.column(TABLE, 0)[1:] == ["a", "b", "c", "d", "e", "f"]
    told = small.tab.locator("#sorted").text_content()
    assert told.startswith("Table 3.") and told.endswith("method, ascending")


def test_every_column_of_a_committed_table_sorts(opened: Opened) -> None:
    table = "#btw_table3--mosei__simulated ~ .box table >> nth=0"
    buttons = opened.tab.locator(table).locator("th button")
    places = "all => all.map(one => Number(one.parentElement.dataset.column))"
    columns = buttons.evaluate_all(places)
    cells = opened.tab.locator(table).locator("tbody tr >> nth=0").locator("th, td")
    assert sorted(columns) == list(range(cells.count()))
    for number, place in enumerate(columns[2:8], 2):
        buttons.nth(number).click()
        found = [float(text.split()[0]) for text in opened.column(table, place) if text]
        assert len(found) > 3 and found == sorted(found)


def test_a_name_runs_nothing(small: Opened) -> None:
    assert small.said == [] and small.asked == [small.address]
    assert small.tab.evaluate("window.hacked") is None
    assert "<script>window.hacked = 1</script>" in small.column(TABLE, 0)


def test_schemes_follow_the_system_until_chosen(browser, whole: Path) -> None:
    seen = {}
    for scheme in ("light", "dark"):
        found = Opened(browser, whole, color_scheme=scheme)
        toggle = found.tab.get_by_role("button", name="Dark")
        before = toggle.get_attribute("aria-pressed"), found.background()
        toggle.click()
        seen[scheme] = (
            before,
            (toggle.get_attribute("aria-pressed"), found.background()),
        )
        found.context.close()
    assert seen["light"] == seen["dark"][::-1]
    assert [pressed for pressed, _ in seen["light"]] == ["false", "true"]
    assert seen["light"][0][1] != seen["light"][1][1]


def test_keys_reach_and_sort_a_table(small: Opened) -> None:
    keys = small.tab.keyboard
    keys.press("Tab")
    focused = "document.activeElement.textContent"
    assert small.tab.evaluate(focused) == "Skip to the tables"
    assert small.tab.locator(".skip").bounding_box()["y"] >= 0
    keys.press("Enter")
    assert small.tab.evaluate("document.activeElement.id") == "main"
    small.tab.locator(f"{SORTED} >> xpath=.. >> nth=0").focus()  # scrolls by arrows
    keys.press("Tab")
    assert small.tab.evaluate(focused) == "method"
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert small.tab.evaluate(outline) != "none"
    keys.press("Tab")
    keys.press("Enter")
    assert small.column(TABLE, 0)[0] == "f"
    keys.press("Space")
    assert small.column(TABLE, 0)[1] == "a"


@pytest.mark.parametrize("width", [320, 390, 768])
def test_a_phone_scrolls_tables_not_the_page(browser, whole: Path, width: int) -> None:
    found = Opened(browser, whole, viewport={"width": width, "height": 800})
    assert found.tab.evaluate("document.documentElement.scrollWidth") <= width
    box = "document.querySelector('#btw_table3 ~ .block .box')"
    assert found.tab.evaluate(f"{box}.scrollWidth > {box}.clientWidth")
    assert not found.tab.locator("nav a").first.is_visible()
    found.tab.locator("nav summary").click()
    assert found.tab.locator("nav a").first.is_visible()
    found.context.close()
