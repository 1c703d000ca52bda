import hashlib
from pathlib import Path

import pytest

from repro.data import checksums


def test_sum_is_that_of_the_whole_file(tmp_path: Path):
    content = bytes(range(256)) * 5000
    (tmp_path / "a").write_bytes(content)
    assert checksums.sha256(tmp_path / "a") == hashlib.sha256(content).hexdigest()


def test_a_changed_public_file_warns_with_both_sums(tmp_path: Path):
    path = tmp_path / "aligned_50.pkl"
    path.write_bytes(b"other")
    found = hashlib.sha256(b"other").hexdigest()
    with pytest.warns(UserWarning, match=found) as caught:
        messages = checksums.sum_warnings(path)
    assert messages == (str(caught[0].message),)
    assert checksums.KNOWN["mosi", "aligned_50.pkl"] in messages[0]


def test_the_public_file_and_unknown_names_do_not_warn(tmp_path, monkeypatch):
    path = tmp_path / "aligned_50.pkl"
    path.write_bytes(b"public")
    known = {("mosi", path.name): hashlib.sha256(b"public").hexdigest()}
    monkeypatch.setattr(checksums, "KNOWN", known)
    assert checksums.sum_warnings(path) == ()
    assert checksums.sum_warnings(tmp_path / "mine.pkl") == ()
