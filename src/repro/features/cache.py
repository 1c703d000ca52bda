"""Decoded or embedded objects, kept by the content of their files.

An object is computed once for each content and encoder. Shards are only ever added,
each written whole: a run that was killed goes on after its last shard, and two runs may
share the folder.
"""

import hashlib
import multiprocessing
import os
import stat
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from jaxtyping import Bool, Shaped, UInt8

from repro import files
from repro.data.mimiciv.release import listed, refuse_other
from repro.process import die_with_parent

SHARD = 512  # objects per file; at most so many are lost when a run is killed
AHEAD = 4  # objects under way for each worker
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Failure:
    """An object that could not be read."""

    path: str
    reason: str


@dataclass(frozen=True)
class Cached:
    """One row per object that could be read, which ones those are, and the others.

    `unlisted` counts the files that the list of sums of the root lacks; None without
    such a list.
    """

    values: Shaped[np.ndarray, "objects ..."]
    kept: Bool[np.ndarray, " paths"]
    failures: tuple[Failure, ...]
    unlisted: int | None = None


def cached(
    paths: Sequence[str],
    root: Path,
    encoder_id: str,
    compute: Callable[[Path], Shaped[np.ndarray, "..."]],
    folder: Path,
    workers: int = 1,
    *,
    suffixes: Sequence[str] = ("",),
    threads: bool = False,
    shard: int = SHARD,
) -> Cached:
    """`compute(root / path)` of every path, in order, from the cache where it is known.

    `compute` gives arrays of one shape and type and says ValueError for an object that
    cannot be read; that object is skipped and listed, and tried again in the next run.
    An object consists of the files `path + suffix`. `encoder_id` names everything else
    that the result depends on, weights and sizes included. Where the root has a list
    of sums, each file is compared with it as it is read.

    It runs in `workers` forked processes, or in as many threads. A model belongs in
    threads: some decode while others compute, and its weights are shared.

    Raises:
        ValueError: the folder `root` does not exist, no object at all can be read, a
            file is not the listed one, or one of the cache is damaged.
    """
    if not root.is_dir():
        raise ValueError(f"{root}: no such folder; correct the root of the objects")
    files_read = {path + suffix for path in paths for suffix in suffixes}
    sums = listed(root, files_read)
    content_sum = partial(_content_sum, root, suffixes, sums or {})
    keys = list(prefetched(content_sum, paths, workers, threads=True))
    items = {
        key: path
        for key, path in zip(keys, paths, strict=True)
        if not isinstance(key, Failure)
    }
    known = cached_items(
        items,
        encoder_id,
        partial(_attempt, compute, root),
        folder,
        workers,
        threads=threads,
        shard=shard,
    )
    found = _in_order(paths, root, keys, known)
    unlisted = None if sums is None else len(files_read - sums.keys())
    return replace(found, unlisted=unlisted)


def cached_items(
    items: Mapping[str, Item],
    encoder_id: str,
    compute: Callable[[Item], Shaped[np.ndarray, "..."] | Failure],
    folder: Path,
    workers: int = 1,
    *,
    threads: bool = False,
    shard: int = SHARD,
) -> dict[str, Shaped[np.ndarray, "..."] | Failure]:
    """`compute` of each item by its key, a SHA-256, from the cache where it is known.

    A `Failure` is passed on and not kept.

    Raises:
        ValueError: a file of the cache is damaged.
    """
    place = folder / hashlib.sha256(encoder_id.encode()).hexdigest()[:16]
    known = _stored(place, set(items))
    missing = [key for key in items if key not in known]
    tasks = [items[key] for key in missing]
    results = prefetched(compute, tasks, workers, threads=threads)
    found: dict[str, Shaped[np.ndarray, ...] | Failure] = dict(known)
    fresh: dict[str, Shaped[np.ndarray, ...]] = {}
    for key, result in zip(missing, results, strict=True):
        found[key] = result
        if not isinstance(result, Failure):
            fresh[key] = result
        if len(fresh) == shard:
            _write_shard(place, fresh)
            fresh = {}
    if fresh:
        _write_shard(place, fresh)
    return found


def prefetched(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    workers: int,
    *,
    threads: bool,
) -> Iterator[Result]:
    """Results in order, computed a few items ahead of who takes them.

    One worker that is no thread is this process itself.

    Raises:
        OSError: a process was ended from outside, most often for want of memory.

    >>> list(prefetched(abs, [-2, 3], 2, threads=True))
    [2, 3]
    """
    if workers == 1 and not threads:
        yield from map(function, items)
        return
    with _pool(workers, threads) as pool:
        waiting: deque = deque()
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > AHEAD * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool as error:
            raise OSError(
                f"one of {workers} decoding processes was ended from outside; free "
                "memory, or use fewer workers and run again"
            ) from error


def _pool(workers: int, threads: bool) -> Executor:
    if threads:
        return ThreadPoolExecutor(workers)
    context = multiprocessing.get_context("fork")
    return ProcessPoolExecutor(workers, context, die_with_parent, (os.getpid(),))


def text_key(text: str) -> str:
    """The key of a text: SHA-256 of its UTF-8 bytes."""
    return hashlib.sha256(text.encode()).hexdigest()


def _content_sum(
    root: Path, suffixes: Sequence[str], sums: Mapping[str, str], path: str
) -> str | Failure:
    """SHA-256 over the sums of the files of an object, each as its list has it."""
    total = hashlib.sha256()
    for name in (path + suffix for suffix in suffixes):
        try:
            if stat.S_ISFIFO((root / name).stat().st_mode):  # reading it never ends
                return Failure(path, f"{name}: a pipe, no file")
            with (root / name).open("rb") as handle:
                found = hashlib.file_digest(handle, "sha256")
        except OSError as error:
            return Failure(path, f"{name}: {error.strerror or error}")
        refuse_other(root / name, found.hexdigest(), sums.get(name, found.hexdigest()))
        total.update(found.digest())
    return total.hexdigest()


def _attempt(
    compute: Callable[[Path], Shaped[np.ndarray, "..."]], root: Path, path: str
) -> Shaped[np.ndarray, "..."] | Failure:
    try:
        return compute(root / path)
    except ValueError as error:
        return Failure(path, str(error).replace(f"{root}/", ""))


def _in_order(
    paths: Sequence[str],
    root: Path,
    keys: Sequence[str | Failure],
    known: Mapping[str, Shaped[np.ndarray, "..."] | Failure],
) -> Cached:
    rows: list[Shaped[np.ndarray, ...]] = []
    failures = []
    kept = np.zeros(len(paths), bool)
    for place, (path, key) in enumerate(zip(paths, keys, strict=True)):
        result = key if isinstance(key, Failure) else known[key]
        if isinstance(result, Failure):
            failures.append(Failure(path, result.reason))
        else:
            rows.append(result)
            kept[place] = True
    if failures and not rows:
        raise ValueError(
            f"{root}: none of {len(paths)} objects can be read ({failures[0].reason}); "
            "correct the root of the objects"
        )
    values = np.stack(rows) if rows else np.zeros((0, 0), np.float32)
    return Cached(values, kept, tuple(failures))


def _write_shard(folder: Path, rows: Mapping[str, Shaped[np.ndarray, "..."]]) -> None:
    """Add a file; equal objects give an equal name, so writers cannot disagree."""
    names = sorted(rows)
    keys = np.frombuffer(bytes.fromhex("".join(names)), np.uint8).reshape(-1, 32)
    path = folder / f"{hashlib.sha256(keys.tobytes()).hexdigest()[:16]}.safetensors"
    values = np.stack([rows[name] for name in names])
    files.write_arrays(path, {"keys": keys, "values": values})


def _stored(
    folder: Path, wanted: set[str]
) -> dict[str, Shaped[np.ndarray, "..."] | Failure]:
    """Rows of the cache that are wanted."""
    found: dict[str, Shaped[np.ndarray, ...] | Failure] = {}
    for path in sorted(folder.glob("*.safetensors")):
        try:
            arrays = files.read_arrays(path)
        except ValueError as error:
            raise ValueError(
                f"{path}: damaged file of the cache; delete it and run again"
            ) from error
        for key, row in zip(_names(arrays["keys"]), arrays["values"], strict=True):
            if key in wanted:
                found[key] = row.copy()
    return found


def _names(keys: UInt8[np.ndarray, "objects 32"]) -> list[str]:
    return [key.tobytes().hex() for key in keys]
