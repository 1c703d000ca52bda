"""Files that params.yaml names: they exist, are files, and stay inside their root."""

import errno
import re
import stat
from pathlib import Path

# How other files begin, and what to do with them.
_FOREIGN = {
    b"PK\x03\x04": "a zip archive (.npz, or a file of torch); take out its arrays",
    b"\x1f\x8b": "packed by gzip; unpack it",
    b"BZh": "packed by bzip2; unpack it",
    b"\xfd7zXZ": "packed by xz; unpack it",
    b"\x28\xb5\x2f\xfd": "packed by zstd; unpack it",
    b"7z\xbc\xaf": "a 7z archive; unpack it",
    b"Rar!": "a rar archive; unpack it",
    b"\x89HDF": "an HDF5 file; convert it",
    b"version https://git-lfs": "a pointer of git-lfs; fetch the file itself",
    b"<!doctype": "a page of the web; download the file itself",
    b"<html": "a page of the web; download the file itself",
}
_NAME = re.compile(r"[A-Za-z0-9_-]{1,60}")
_REASONS = {
    errno.ENOENT: "no such file; put it there or correct its path",
    errno.ENOTDIR: "no such file; put it there or correct its path",
    errno.ELOOP: "a symbolic link that leads back to itself; put the file there",
    errno.EACCES: "not readable (permission denied); let this user read it",
}


def regular_file(path: Path) -> Path:
    """The path, once a regular file lies there.

    Raises:
        ValueError: nothing lies there, or a folder, a device or a link to nothing.
    """
    try:
        mode = path.stat().st_mode
    except OSError as error:
        reason = _REASONS.get(error.errno or 0, f"{error.strerror}; correct its path")
        raise ValueError(f"{path}: {reason}") from None
    except ValueError as error:  # a NUL in the name
        raise ValueError(f"{str(path)!r}: no path ({error}); correct it") from None
    if stat.S_ISDIR(mode):
        raise ValueError(f"{path}: is a folder; give the file in it")
    if not stat.S_ISREG(mode):
        raise ValueError(f"{path}: is no regular file; give a file")
    return path


def foreign(start: bytes) -> str:
    """What a file is that begins like another kind of file; else nothing.

    >>> foreign(b"BZh91AY")
    'packed by bzip2; unpack it'
    """
    pages = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    found = (
        w for k, w in _FOREIGN.items() if start.startswith(k) or pages.startswith(k)
    )
    return next(found, "")


def inside(root: Path, name: str) -> Path:
    """The path of a file of `root`, which does not leave it by `..` or a link.

    Raises:
        ValueError: the name is empty or absolute, or leads out of `root`.

    >>> inside(Path("data"), "audio.npy").as_posix()
    'data/audio.npy'
    """
    parts = Path(name).parts
    if not name.strip() or Path(name).is_absolute() or ".." in parts:
        raise ValueError(
            f"{name!r}: is not the name of a file inside {root}; give a relative path "
            "without .."
        )
    path = root / name
    try:
        is_inside = path.resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError, ValueError) as error:  # a circle of links, a NUL
        raise ValueError(f"{str(path)!r}: no path ({error}); correct it") from None
    if not is_inside:
        raise ValueError(f"{path}: is a link that leaves {root}; copy the file there")
    return path


def watched(field: str, value: str, folder: Path) -> None:
    """Stop at a file on this machine that DVC would not see changing.

    Raises:
        ValueError: it lies outside `folder`, which is a dependency of the stage.
    """
    if not Path(value).resolve().is_relative_to(folder.resolve()):
        raise ValueError(
            f"{field}={value!r}: lies outside {folder}, so DVC would not see it "
            "change; put it there (a copy or a hard link) and name it so"
        )


def check_name(name: str, where: str) -> None:
    """Stop when the name of a modality would not do as the name of a file.

    Raises:
        ValueError: it has other characters than letters, digits, _ and -.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{where} {name[:80]!r}: letters, digits, _ and - make the name of a "
            "modality, at most 60; rename it"
        )
