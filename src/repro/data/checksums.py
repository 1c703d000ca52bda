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


def sum_warnings(path: Path) -> tuple[str, ...]:
    """Warn when a file has the name of a public one but not its sum.

    The warning is also returned, for the tables. A file with another name has no
    known sum and gives no warning.
    """
    known = {data: total for (data, name), total in KNOWN.items() if name == path.name}
    if not known:
        return ()
    found = sha256(path)
    if found in known.values():
        return ()
    expected = " or ".join(f"{total} ({data})" for data, total in known.items())
    message = f"{path}: SHA-256 is {found}, the public file has {expected}"
    warnings.warn(message, UserWarning, stacklevel=2)
    return (message,)
