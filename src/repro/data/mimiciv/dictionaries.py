"""What the items of a raw table are called, by the dictionary of the release."""

from typing import Any

import polars as pl

from repro.data.mimiciv.books import Book
from repro.data.mimiciv.cells import WHOLE, Cell, read
from repro.data.mimiciv.layout import Source
from repro.data.mimiciv.reading import whole


def item_labels(source: Source) -> tuple[dict[int, str], dict[str, Any]]:
    """Label of each item of a dictionary, maybe empty, and the counts of its rows."""
    book = Book(source)
    frame = whole(book, ("itemid", "label"))
    frame = read(frame, {"itemid": Cell(WHOLE)}, book)
    named = frame.drop_nulls("itemid")
    book.fates["used"] = named.height
    book.fates["no_item"] = frame.height - named.height
    labels = named.select("itemid", pl.col("label").fill_null(""))
    return dict(labels.iter_rows()), book.closed()
