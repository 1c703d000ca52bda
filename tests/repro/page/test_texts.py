"""Text that steers nothing, and anchors that are one each."""

import pytest

from repro.page.texts import anchor, refuse_same, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain 50 % | <b> & שלום", "plain 50 % | <b> & שלום"),
        ("\u202egnp.exe", "[U+202E]gnp.exe"),
        ("a\u200fb\u2067c\u061cd", "a[U+200F]b[U+2067]c[U+061C]d"),
        ("zero\u200bwidth\ufeff\x07", "zero[U+200B]width[U+FEFF][U+0007]"),
        ("half \ud800", "half [U+D800]"),
        ("two\nlines\tand more", "two\nlines\tand more"),
    ],
)
def test_marks_that_steer_are_spelled_out(text: str, shown: str) -> None:
    assert visible(text) == shown
    assert visible(shown) == shown


def test_an_anchor_holds_letters_digits_and_dashes() -> None:
    assert anchor('a"><b>', "x y") == "a-b---x-y"


def test_two_places_of_one_anchor_are_refused() -> None:
    refuse_same(iter(["a", "b"]))
    with pytest.raises(ValueError, match=r"anchor 'a'; rename"):
        refuse_same(iter(["a", "b", "a"]))
