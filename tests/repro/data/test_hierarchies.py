"""The app of a screen, and files that are no hierarchy."""

import json
from pathlib import Path

import pytest

from repro.data.hierarchies import app_of


def written(folder: Path, content: object) -> Path:
    path = folder / "1.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def views(*names: object) -> dict:
    return {"children": [{"resource-id": name} for name in names]}


def test_the_most_frequent_package_that_is_not_the_system(tmp_path: Path):
    names = ["android:id/a", "android:id/b", "com.ad:id/x", "com.app:id/x"]
    assert app_of(written(tmp_path, views(*names, "com.app:id/y"))) == "com.app"


def test_a_tie_goes_by_the_alphabet(tmp_path: Path):
    assert app_of(written(tmp_path, views("org.b:id/x", "org.a:id/x"))) == "org.a"


def test_views_are_found_at_any_depth(tmp_path: Path):
    text = '{"children":[' * 400 + '{"resource-id":"a.b:id/c"}' + "]}" * 400
    assert app_of(written(tmp_path, text)) == "a.b"


@pytest.mark.parametrize(
    "content",
    [{}, views(), views("title"), views(7, None), {"children": None}],
)
def test_a_screen_may_name_no_app(tmp_path: Path, content: dict):
    assert app_of(written(tmp_path, content)) == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not the JSON of a screen"),
        ('{"children": [', "not the JSON of a screen"),
        ("[" * 200_000, "not the JSON of a screen"),
        ("[]", "holds a list, not the object of a screen"),
    ],
)
def test_what_is_no_hierarchy_is_refused_by_name(tmp_path: Path, text: str, said: str):
    with pytest.raises(ValueError, match=rf"1\.json: {said}"):
        app_of(written(tmp_path, text))


def test_bytes_of_another_encoding_are_refused(tmp_path: Path):
    (tmp_path / "1.json").write_bytes(b'{"text": "\xff"}')
    with pytest.raises(ValueError, match=r"1\.json: not the JSON"):
        app_of(tmp_path / "1.json")
