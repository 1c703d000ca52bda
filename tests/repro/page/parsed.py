"""A page as its places, links and tables."""

from html.parser import HTMLParser


class Parsed(HTMLParser):
    """What a reader of the page is given: ids, targets, rows of cells, all text.

    `tables` hold lists of rows of cell texts under the last id before them.
    """

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.tags: list[str] = []
        self.tables: dict[str, list[list[list[str]]]] = {}
        self.text = ""
        self._stack: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep places and targets, open tables, rows and cells."""
        named = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        self._stack.append(tag)
        if "id" in named:
            self.ids.append(named["id"])
        if tag == "a":
            self.links.append(named["href"])
        self.loaded += [named[n] for n in ("src", "srcset", "data") if n in named]
        self.loaded += [named["href"]] if tag == "link" else []
        if tag == "table":
            self.tables.setdefault(self.ids[-1], []).append([])
        elif tag == "tr":
            self.tables[self.ids[-1]][-1].append([])
        elif tag in ("td", "th"):
            self.tables[self.ids[-1]][-1][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        """Close what is open."""
        while self._stack and self._stack.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        """Text outside style and script; that of a cell also into the cell."""
        if {"style", "script"} & set(self._stack):
            return
        self.text += data
        if {"td", "th"} & set(self._stack):
            row = self.tables[self.ids[-1]][-1][-1]
            row[-1] = f"{row[-1]}{data}"
