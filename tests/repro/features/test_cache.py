import hashlib
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from repro.data.mimiciv.release import SUMS
from repro.features.cache import cached, cached_items, text_key
from repro.features.objects import about_skipped

NAMES = [f"{i:03}.bin" for i in range(40)]


def length_and_sum(path: Path, log: Path | None = None) -> np.ndarray:
    if log is not None:
        with log.open("a") as handle:
            handle.write(f"{path.name}\n")
    content = path.read_bytes()
    if content.startswith(b"bad"):
        raise ValueError(f"{path}: bad content")
    return np.array([len(content), sum(content)], np.int16)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    for i, name in enumerate(NAMES):
        (folder / name).write_bytes(bytes([i]) * (i + 1))
    return folder


EXPECTED = [[i + 1, i * (i + 1)] for i in range(40)]


@pytest.mark.parametrize("threads", [False, True])
@pytest.mark.parametrize("workers", [1, 2])
def test_rows_are_in_order_and_computed_once(root, tmp_path, workers, threads):
    log, again, store = tmp_path / "log", tmp_path / "again", tmp_path / "store"
    compute = partial(length_and_sum, log=log)
    first = cached(NAMES, root, "e", compute, store, workers, threads=threads, shard=16)
    assert first.values.tolist() == EXPECTED and first.values.dtype == np.int16
    assert first.kept.all() and first.failures == ()
    assert sorted(log.read_text().split()) == NAMES
    assert len(list(store.rglob("*.safetensors"))) == 3
    compute = partial(length_and_sum, log=again)
    second = cached(NAMES[::-1], root, "e", compute, store, workers, threads=threads)
    assert second.values.tolist() == EXPECTED[::-1]
    assert not again.exists()


def computed(root: Path, paths: list[str], encoder: str, store: Path) -> list[str]:
    """Names of the objects that this call had to compute."""
    log = store.parent / "calls"
    log.unlink(missing_ok=True)
    cached(paths, root, encoder, partial(length_and_sum, log=log), store)
    return log.read_text().split() if log.exists() else []


def test_only_a_changed_file_is_computed_again(root, tmp_path):
    store = tmp_path / "store"
    assert len(computed(root, NAMES, "e", store)) == 40
    (root / NAMES[7]).write_bytes(b"new content")
    assert computed(root, NAMES, "e", store) == [NAMES[7]]
    assert computed(root, NAMES, "e", store) == []
    assert len(computed(root, NAMES[:5], "other", store)) == 5
    (root / "copy.bin").write_bytes(b"new content")  # known by its content
    assert computed(root, ["copy.bin"], "e", store) == []


def test_only_objects_asked_for_are_computed(root, tmp_path):
    assert computed(root, NAMES[3:6], "e", tmp_path / "store") == NAMES[3:6]


def test_unreadable_objects_are_listed_and_tried_again(root, tmp_path):
    store, paths = tmp_path / "store", ["000.bin", "gone.bin", "002.bin", "003.bin"]
    (root / "002.bin").write_bytes(b"bad")
    result = cached(paths, root, "e", length_and_sum, store)
    assert result.kept.tolist() == [True, False, False, True]
    assert result.values.tolist() == [EXPECTED[0], EXPECTED[3]]
    gone, bad = result.failures
    assert gone.path == "gone.bin" and "No such file" in gone.reason
    assert (bad.path, bad.reason) == ("002.bin", "002.bin: bad content")
    assert computed(root, paths, "e", store) == ["002.bin"]


def test_objects_of_several_files(root, tmp_path):
    def both(path: Path) -> np.ndarray:
        return np.array(
            [(path.parent / f"{path.name}{s}").stat().st_size for s in "ab"]
        )

    (root / "xa").write_bytes(b"1")
    (root / "xb").write_bytes(b"22")
    call = partial(cached, ["x"], root, "e", both, tmp_path / "s", suffixes=("a", "b"))
    assert call().values.tolist() == [[1, 2]]
    (root / "xb").write_bytes(b"333")
    assert call().values.tolist() == [[1, 3]]
    (root / "xa").unlink()
    with pytest.raises(ValueError, match=r"none of 1 objects.*xa: No such file"):
        call()


def listed(root: Path, names: list[str]) -> None:
    """A list of sums in the root, as a release of images has it."""
    sums = (hashlib.sha256((root / name).read_bytes()).hexdigest() for name in names)
    lines = [f"{total}  {name}\n" for total, name in zip(sums, names, strict=True)]
    (root / SUMS).write_text("".join([*lines, f"{'0' * 64}  files/other.bin\n"]))


def test_files_are_those_of_the_list_of_their_root(root, tmp_path):
    store = tmp_path / "store"
    assert cached(NAMES, root, "e", length_and_sum, store).unlisted is None
    listed(root, NAMES[3:])
    found = cached(NAMES, root, "e", length_and_sum, store, 2)
    assert found.unlisted == 3 and found.kept.all()
    table = pd.DataFrame({"id": NAMES})
    assert about_skipped(table, found)["not_in_sums"] == 3


@pytest.mark.parametrize("suffixes", [("",), ("", ".more")])
def test_a_file_that_is_not_the_listed_one_is_refused(root, tmp_path, suffixes):
    names = [f"{name}{suffix}" for name in NAMES for suffix in suffixes]
    for name in names:
        (root / name).write_bytes(name.encode())
    listed(root, names)
    cached(NAMES, root, "e", length_and_sum, tmp_path / "s", suffixes=suffixes)
    (root / names[-1]).write_bytes(b"other")  # known to the cache or not
    message = rf"{names[-1]}: its SHA-256 is \w{{64}}, SHA256SUMS\.txt .* download"
    with pytest.raises(ValueError, match=message):
        cached(NAMES, root, "e", length_and_sum, tmp_path / "s", 2, suffixes=suffixes)


def test_a_pipe_is_no_object(root, tmp_path):
    os.mkfifo(root / "pipe")
    found = cached(["000.bin", "pipe"], root, "e", length_and_sum, tmp_path / "s")
    assert found.failures[0].reason == "pipe: a pipe, no file"


def test_a_missing_root_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no such folder"):
        cached(["a"], tmp_path / "gone", "e", length_and_sum, tmp_path / "store")


def test_other_errors_are_not_swallowed(root, tmp_path):
    def broken(path: Path) -> np.ndarray:
        raise ZeroDivisionError(path)

    with pytest.raises(ZeroDivisionError):
        cached(NAMES, root, "e", broken, tmp_path / "store", 2, threads=True)


def test_no_objects_give_no_rows(root, tmp_path):
    result = cached([], root, "e", length_and_sum, tmp_path / "store")
    assert len(result.values) == 0 and result.failures == ()


def test_damaged_cache_names_the_file(root, tmp_path):
    cached(NAMES, root, "e", length_and_sum, tmp_path / "store")
    (shard,) = (tmp_path / "store").rglob("*.safetensors")
    shard.write_bytes(shard.read_bytes()[:-30])
    with pytest.raises(ValueError, match=rf"{shard.name}: damaged.*delete it"):
        cached(NAMES, root, "e", length_and_sum, tmp_path / "store")


def test_two_runs_write_identical_files(root, tmp_path):
    contents = []
    for name, workers in (("one", 1), ("two", 2)):
        cached(NAMES, root, "e", length_and_sum, tmp_path / name, workers, shard=16)
        paths = sorted((tmp_path / name).rglob("*.safetensors"))
        contents.append([(path.name, path.read_bytes()) for path in paths])
    assert contents[0] == contents[1]


def test_texts_are_known_by_their_key(tmp_path):
    calls = []

    def vector(text: str) -> np.ndarray:
        calls.append(text)
        return np.array([len(text)])

    items = {text_key(text): text for text in ("a", "bbb")}
    for _ in range(2):
        found = cached_items(items, "e", vector, tmp_path)
    assert [int(found[text_key(text)][0]) for text in ("a", "bbb")] == [1, 3]
    assert calls == ["a", "bbb"]


SLOW = """
import sys, time
from functools import partial
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from test_cache import NAMES, length_and_sum
from repro.features.cache import cached

def slow(path):
    time.sleep(0.03)
    return length_and_sum(path)

cached(NAMES, Path(sys.argv[1]), "e", slow, Path(sys.argv[2]), 2, shard=8)
"""


def test_a_killed_run_goes_on_after_its_last_shard(root, tmp_path):
    store = tmp_path / "store"
    command = [sys.executable, "-c", SLOW, root, store, Path(__file__).parent]
    process = subprocess.Popen(command)
    limit = time.monotonic() + 20
    while len(list(store.rglob("*.safetensors"))) < 2 and time.monotonic() < limit:
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    saved = 8 * len(list(store.rglob("*.safetensors")))
    assert 16 <= saved < 40
    assert len(computed(root, NAMES, "e", store)) == 40 - saved
    result = cached(NAMES, root, "e", length_and_sum, store)
    assert result.values.tolist() == EXPECTED
