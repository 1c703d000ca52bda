"""Reported files of features: the layouts of MMSA, MulT and MAG, changed in one place.

A variant of a case is one change of a small file that would be read.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from repro.records import Dataset
from tests.repro.data.made_features import (
    SIZES,
    Change,
    at,
    filled,
    mag_sample,
    put,
    put_array,
    read,
)
from tests.repro.reported import Case

TEXTS: dict[str, tuple[Change, str]] = {
    "text a string": (
        put("raw_text", "four"),
        r"train\.raw_text: is 'four', not a col",
    ),
    "text a dict": (put("raw_text", dict.fromkeys("abcd")), "raw_text: is a dict, not"),
    "text of no axis": (
        put("raw_text", np.array("x")),
        "raw_text: is a number without",
    ),
    "text in Latin-1": (at("raw_text", 2, b"caf\xe9"), r"raw_text\[2\]: .* not UTF-8"),
    "a lone surrogate": (at("raw_text", 0, "\ud83d"), r"raw_text\[0\]: .* not UTF-8"),
}
LENGTHS: dict[str, tuple[Change, str]] = {
    "lengths None": (put("audio_lengths", None), r"train\.audio_lengths: is None"),
    "lengths too long": (
        put("audio_lengths", [5] * 5),
        r"train\.audio_lengths: .*4 sam",
    ),
    "lengths of words": (
        put("audio_lengths", ["x"] * 4),
        r"audio_lengths\[0\]: is 'x'",
    ),
    "lengths and a half": (
        put("audio_lengths", [4.5] * 4),
        r"audio_lengths\[0\]: is 4.5, not a whole",
    ),
    "lengths NaN": (put("audio_lengths", [np.nan] * 4), r"audio_lengths\[0\]: is nan"),
}
LABELS: dict[str, tuple[Change, str]] = {
    "labels None": (put("regression_labels", None), "regression_labels: is None, not"),
    "labels of words": (
        at("regression_labels", 1, "Neg"),
        r"labels\[1\]: is 'Neg', not",
    ),
    "a label None": (at("regression_labels", 1, None), r"labels\[1\]: is None, not"),
    "a complex label": (
        at("regression_labels", 1, 1j),
        r"labels\[1\]: is 1j, not a num",
    ),
    "ragged labels": (at("regression_labels", 0, [1, 2]), r"labels\[0\]: has 2 values"),
    "datetime labels": (
        put("regression_labels", np.zeros(4, "M8[s]")),
        r"numpy\.dtype 'M8'",
    ),
    "id None": (at("id", 3, None), r"train\.id\[3\]: has no name \(None\)"),
    "id a number": (at("id", 3, 7), r"train\.id\[3\]: is 7, not a text"),
    "id of another form": (at("id", 1, "v1_1"), r"1 ids that are not video\$_\$clip"),
    "id without video": (at("id", 1, " $_$1"), r"1 ids that are not video\$_\$clip"),
    "id without clip": (at("id", 1, "v$_$"), r"1 ids that are not video\$_\$clip"),
    "id of a megabyte": (at("id", 1, "v" * 10**6), r"id\[1\]: is a name of 1000000"),
    "complex audio": (put_array("audio", lambda a: a + 1j), r"numpy\.dtype 'c8'"),
    "audio of objects": (
        put_array("audio", lambda a: a.astype(object)),
        "holds object",
    ),
    "audio a list": (
        put_array("audio", lambda a: a.tolist()),
        r"train\.audio: is list",
    ),
    "no feature": (put_array("audio", lambda a: a[:, :, :0]), r"\(4, 5, 0\)"),
    "no row": (
        lambda c: [
            put_array("audio", lambda a: a[:, :0])(c),
            put_array("audio_lengths", lambda a: [0] * len(a))(c),
        ],
        "audio is absent in every sample of train",
    ),
    "a split None": (
        lambda c: c.update(valid=None),
        "valid: holds None, not a dict of c",
    ),
    "a split a list": (
        lambda c: c.update(valid=[1]),
        "valid: holds a list, not a dict",
    ),
}
MULT: dict[str, tuple[Change, str]] = {
    "id None": (put("id", None), r"train\.id: is None, not a column"),
    "id of empty rows": (put("id", [[]] * 4), r"train\.id\[0\]: is empty"),
    "id a dict": (at("id", 0, {"a": 1}), r"train\.id\[0\]: is a dict, not a text"),
    "first of it None": (at("id", 2, [None, "1"]), r"train\.id\[2\]: has no name"),
    "one of another form": (at("id", 2, "video"), "1 names that are neither video_3"),
    "videos without a start": (
        lambda c: [
            c[s].update(id=[f"{s}{i}" for i in range(n)]) for s, n in SIZES.items()
        ],
        "8 names that are neither",
    ),
    "emotions": (put("labels", np.zeros((4, 4, 2))), "labels has 32 values for 4 samp"),
    "labels a number": (put("labels", 3.0), r"train\.labels: is 3\.0, not a column"),
}
MAG: dict[str, tuple[Change, str]] = {
    "words a string": (
        mag_sample(words="so"),
        r"train\[0\]: words: is 'so', not a col",
    ),
    "words None": (mag_sample(words=None), r"train\[0\]: words: is None, not a column"),
    "words a dict": (mag_sample(words={"so": 1}), r"words: is a dict, not a column"),
    "words of two axes": (
        mag_sample(words=np.array([["a"]] * 3)),
        r"words are \(3, 1\)",
    ),
    "no label": (mag_sample(label=None), r"train\[0\]: label: is None, not a number"),
    "a segment of parts": (
        mag_sample(segment=("v", 1)),
        "segment: is a tuple, not a te",
    ),
    "a segment without clip": (
        mag_sample(segment="vid"),
        "'vid' is neither video_3 nor",
    ),
    "audio of rows": (
        mag_sample(audio=[[1.0], [1.0, 2.0], [3.0]]),
        "acoustic is no arr",
    ),
    "audio of words": (mag_sample(audio=[["a"]] * 3), r"acoustic is <U1 \(3, 1\)"),
    "a split None": (lambda c: c.update(dev=None), r"dev: is None, not a column"),
    "a split a number": (lambda c: c.update(dev=7), r"dev: is 7, not a column"),
    "a sample None": (lambda c: c["dev"].append(None), r"dev\[2\]: is not \(\(words"),
    "a sample of letters": (lambda c: c["dev"].append("abc"), r"dev\[2\]: is not \(\("),
}


def refusals(layout: str, table: Mapping[str, tuple[Change, str]]) -> dict[str, Case]:
    """Cases of changes that are refused."""
    return {name: changed(layout, *row) for name, row in table.items()}


def changed(
    layout: str,
    change: Change,
    refused: str = "",
    what: Callable[[Dataset], object] = lambda dataset: dataset,
    found: object = None,
) -> Case:
    """A case of one change; `what` of the data set is found unless it is refused."""

    def make(folder: Path) -> object:
        return what(read(folder, layout, change))

    return Case(make, refused, found)


def audio(dataset: Dataset) -> tuple[int, int]:
    """Rows of audio of the first sample, and how many notes tell of -inf."""
    told = sum("were -inf and are 0 now" in note for note in dataset.notes)
    return int(dataset.modalities["audio"].lengths[0]), told


def first(column: str) -> Callable[[Dataset], object]:
    """A column of the first sample."""
    return lambda dataset: dataset.samples[column].iloc[0]


def said(dataset: Dataset) -> tuple[str, bool]:
    """The first text, and whether a note tells of an absent one."""
    told = "text: absent in 1 samples" in dataset.notes
    return dataset.modalities["text"].values[0], told


def label(value: object) -> Change:
    """The first label of an MMSA file becomes another."""
    return at("regression_labels", 0, value)


SILENCE = {
    "mmsa": changed("mmsa", filled("audio", (0, 1, 1), -np.inf), "", audio, (5, 1)),
    "mult": changed("mult", filled("audio", (0, 1, 1), -np.inf), "", audio, (5, 1)),
    "mult, all": changed("mult", filled("audio", 0, -np.inf), "", audio, (0, 1)),
    "mag": changed(
        "mag", mag_sample(audio=np.full((3, 5), -np.inf)), "", audio, (0, 1)
    ),
    "video +inf": changed(
        "mmsa", filled("vision", (0, 1, 1), np.inf), "video has 1 infinite"
    ),
    "all audio of all": changed(
        "mmsa",
        put_array("audio", lambda a: np.full(a.shape, -np.inf)),
        "audio is absent in every sample of train",
    ),
}
WORDS = {
    repr(value): changed("mmsa", at("raw_text", 0, value), "", said, found)
    for value, found in (
        (None, ("", True)),
        (float("nan"), ("", True)),
        ("\u200b\u2060", ("", True)),
        ("\0", ("", True)),
        ("\ufeff \u00ad", ("", True)),
        ("\u200bso", ("\u200bso", False)),
        (b"so", ("so", False)),
        ("nan", ("nan", False)),
    )
} | {
    repr(value): changed("mmsa", at("raw_text", 0, value), r"train\.raw_text\[0\]: is ")
    for value in (["a", "token"], 5, {"a"}, 1j, np.array("x"), True)
}
NUMBERS = {
    repr(value): changed("mmsa", label(value), "", first("y"), found)
    for value, found in ((" 2 ", 2.0), (b"1.5", 1.5), ([[1.0]], 1.0), ("1e0", 1.0))
} | {
    repr(value): changed("mmsa", label(value), r"train\.regression_labels\[0\]: is ")
    for value in ("1_0", b"1_0", "\uff11", "\u0663", "1,5", "0x1p3", "", "true", 1j)
}
CASES = {
    "01-mmsa-minus-inf": SILENCE,
    "05-raw-text-no-strings": refusals("mmsa", TEXTS) | WORDS,
    "06-lengths-none": refusals("mmsa", LENGTHS)
    | {
        "nested": changed(
            "mmsa", put("audio_lengths", [[5]] * 4), "", audio, found=(5, 0)
        ),
        "text": changed("mmsa", put("audio_lengths", ["5"] * 4), "", audio, (5, 0)),
        "of another file": changed(
            "mmsa", put("audio_lengths", [6] * 4), "the stored lengths disagree"
        ),
    },
    "07-labels-none-or-scalar": refusals("mmsa", LABELS) | NUMBERS,
    "15-mult-layout": refusals("mult", MULT)
    | {
        "video[3]": changed("mult", at("id", 0, "v0[3]"), "", first("group"), "v0"),
        "underscores": changed(
            "mult", at("id", 0, [b"a_b_3", b"0", b"1"]), "", first("group"), "a_b"
        ),
        "start as a word": changed(
            "mult",
            lambda c: [
                c[s].update(id=[[f"{s}{i}", "soon"] for i in range(n)])
                for s, n in SIZES.items()
            ],
            "8 names that are neither",
        ),
    },
    "16-mag-layout": refusals("mag", MAG)
    | {
        "bytes": changed(
            "mag", mag_sample(words=[b"a", b"b", b"c"]), "", said, ("a b c", False)
        ),
        "missing": changed(
            "mag", mag_sample(words=["a", None, "c"]), "", said, ("a c", False)
        ),
        "emotions": changed("mag", mag_sample(label=np.zeros((1, 7))), "has 7 values"),
    },
    "attack/10-mmsa-text-nan": {
        "float32": changed(
            "mmsa", at("raw_text", 0, np.float32("nan")), "", said, ("", True)
        )
    },
    "attack/11-mmsa-text-none": {
        "every text": changed(
            "mmsa",
            put("raw_text", [None] * 4),
            "text is absent in every sample of train",
        )
    },
    "attack/12-mmsa-message-without-file": {
        "text": changed("mmsa", label("x"), r"train\.regression_labels\[0\]: is 'x'")
    },
}
