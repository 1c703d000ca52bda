"""SHA-256 sums of the public files, and a warning when a file differs."""

import hashlib
import warnings
from pathlib import Path

# Source: the README of MMSA.
KNOWN = {
    ("mosi", "unaligned_50.pkl"): (
        "78e0f8b5ef8ff71558e7307848fc1fa929ecb078203f565ab22b9daab2e02524"
    ),
    ("mosi", "aligned_50.pkl"): (
        "d3994fd25681f9c7ad6e9c6596a6fe9b4beb85ff7d478ba978b124139002e5f9"
    ),
    ("mosei", "unaligned_50.pkl"): (
        "ad8b23d50557045e7d47959ce6c5b955d8d983f2979c7d9b7b9226f6dd6fec1f"
    ),
    ("mosei", "aligned_50.pkl"): (
        "45eccfb748a87c80ecab9bfac29582e7b1466bf6605ff29d3b338a75120bf791"
    ),
}


def sha256(path: Path) -> str:
    """SHA-256 of a file in hexadecimal digits, read piece by piece."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def sum_warnings(path: Path, dataset: str) -> tuple[str, ...]:
    """Warn when a file is not the public one of its name and data set.

    That is a file with a public name but no public sum, or with the sum of another
    public file or data set. The warning is also returned, for the tables. A data set
    with a name of its own may hold any of the public ones.
    """
    found = sha256(path)
    owner = next((key for key, total in KNOWN.items() if total == found), None)
    message = _unknown(path, dataset, found)
    if owner is not None:
        message = _misplaced(path, dataset, owner)
    if not message:
        return ()
    warnings.warn(message, UserWarning, stacklevel=2)
    return (message,)


def _unknown(path: Path, dataset: str, found: str) -> str:
    expected = {
        data: total for (data, name), total in KNOWN.items() if name == path.name
    }
    if not expected:
        return ""
    own = {data: total for data, total in expected.items() if data == dataset}
    public = " or ".join(
        f"{total} ({data})" for data, total in (own or expected).items()
    )
    return f"{path}: SHA-256 is {found}, the public file has {public}"


def _misplaced(path: Path, dataset: str, owner: tuple[str, str]) -> str:
    data, name = owner
    is_other_data = data != dataset and any(dataset == known for known, _ in KNOWN)
    is_other_file = name != path.name and any(path.name == known for _, known in KNOWN)
    if not is_other_data and not is_other_file:
        return ""
    return (
        f"{path}: stands for data set {dataset}, but by its SHA-256 it is {name} of "
        f"{data}; give the right file"
    )
