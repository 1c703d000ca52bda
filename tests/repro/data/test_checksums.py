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
        messages = checksums.sum_warnings(path, "mosi")
    assert messages == (str(caught[0].message),)
    assert checksums.KNOWN["mosi", "aligned_50.pkl"] in messages[0]
    assert checksums.KNOWN["mosei", "aligned_50.pkl"] not in messages[0]
    with pytest.warns(UserWarning, match=checksums.KNOWN["mosei", "aligned_50.pkl"]):
        checksums.sum_warnings(path, "mine")


@pytest.fixture
def public(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with the sum of `aligned_50.pkl` of mosi."""
    path = tmp_path / "aligned_50.pkl"
    path.write_bytes(b"public")
    known = dict.fromkeys(checksums.KNOWN, "0" * 64)
    known["mosi", path.name] = hashlib.sha256(b"public").hexdigest()
    monkeypatch.setattr(checksums, "KNOWN", known)
    return path


def test_the_public_file_and_unknown_names_do_not_warn(public: Path):
    assert checksums.sum_warnings(public, "mosi") == ()
    assert checksums.sum_warnings(public, "mine") == ()
    renamed = public.rename(public.with_name("mine.pkl"))
    assert checksums.sum_warnings(renamed, "mosi") == ()
    renamed.write_bytes(b"other")
    assert checksums.sum_warnings(renamed, "mosi") == ()


@pytest.mark.parametrize(
    ("name", "dataset"),
    [
        ("aligned_50.pkl", "mosei"),
        ("mine.pkl", "mosei"),
        ("unaligned_50.pkl", "mosi"),
        ("unaligned_50.pkl", "mine"),
    ],
)
def test_a_public_file_in_the_place_of_another_warns(
    public: Path, name: str, dataset: str
):
    path = public.rename(public.with_name(name))
    message = rf"{name}: stands for data set {dataset}, but .* aligned_50\.pkl of mosi"
    with pytest.warns(UserWarning, match=message) as caught:
        messages = checksums.sum_warnings(path, dataset)
    assert messages == (str(caught[0].message),)
