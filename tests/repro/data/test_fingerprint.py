"""What a fingerprint of many files sees, without opening one."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from repro.data.fingerprint import fingerprint


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two films in folders of their own."""
    for name, text in (("p1/a.jpg", "film"), ("p2/b.jpg", "films")):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)
        os.utime(tmp_path / name, (1, 1))
    return tmp_path


def test_it_counts_and_repeats(root: Path) -> None:
    found = fingerprint(root)
    assert (found["files"], found["bytes"]) == (2, 9)
    assert fingerprint(root) == found


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "p1/a.jpg").write_text("filM"),  # same size
        lambda root: (root / "p1/a.jpg").rename(root / "p1/c.jpg"),
        lambda root: (root / "p1/a.jpg").unlink(),
        lambda root: (root / "p3").symlink_to(root / "p1"),
        lambda root: os.utime(root / "p2/b.jpg", (2, 2)),
    ],
    ids=["written", "renamed", "removed", "linked", "touched"],
)
def test_a_change_is_seen(root: Path, change: Callable[[Path], object]) -> None:
    before = fingerprint(root)
    change(root)
    assert fingerprint(root)["sha256"] != before["sha256"]


def test_a_link_back_ends(root: Path) -> None:
    (root / "p1/up").symlink_to(root)
    (root / "p1/gone").symlink_to(root / "nothing")
    assert fingerprint(root)["files"] == 2


def test_a_missing_root_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="none: no such folder; correct the path"):
        fingerprint(tmp_path / "none")
