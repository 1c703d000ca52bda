"""Files are written whole or not at all: a temporary name, then a rename."""

import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors import SafetensorError
from safetensors.numpy import load_file

_COMPUTED = ("=", "+", "-", "@")  # how a cell begins that a spreadsheet computes
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
# Types of numpy and their names in safetensors, in its order.
_TYPES = (
    *(("b1", "BOOL"), ("u1", "U8"), ("i1", "I8"), ("i2", "I16"), ("u2", "U16")),
    *(("f2", "F16"), ("i4", "I32"), ("u4", "U32"), ("f4", "F32")),
    *(("f8", "F64"), ("i8", "I64"), ("u8", "U64")),
)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary name beside `path` and rename it to `path` on success.

    The temporary name carries the process id; it is removed when the block fails,
    so a full disk or an exception leaves neither a partial nor a final file.

    Raises:
        OSError: the file could not be written; the message names `path`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with temporary.open("rb") as handle:
            os.fsync(handle.fileno())
        temporary.replace(path)
    except OSError as error:
        raise OSError(
            error.errno,
            f"{path}: not written ({error.strerror or error}); "
            "free disk space or raise the file-size limit and run again",
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write bytes to `path`, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Write UTF-8 text to `path`, whole or not at all."""
    write_bytes(path, content.encode())


def write_json(path: Path, content: object) -> None:
    """Write strict JSON with sorted keys.

    Raises:
        ValueError: a number is NaN or infinite; the message names its field.
    """
    for field, value in _not_finite(content):
        raise ValueError(
            f"{path}: not written: {field} is {value}; check the data and settings "
            "that it is computed from"
        )
    text = json.dumps(content, indent=2, sort_keys=True, allow_nan=False)
    write_text(path, text + "\n")


def _not_finite(content: object, field: str = "") -> Iterator[tuple[str, float]]:
    """Numbers that JSON has no form for, by the place where they stand."""
    if isinstance(content, float) and not math.isfinite(content):
        yield field or "the whole content", content
    named = enumerate(content) if isinstance(content, list | tuple) else ()
    for key, value in content.items() if isinstance(content, Mapping) else named:
        yield from _not_finite(value, f"{field}.{key}" if field else str(key))


def write_csv(path: Path, table: pd.DataFrame) -> None:
    """Write a frame as CSV whose texts are no formula and no markup to anyone."""
    texts = table.select_dtypes(include=["object", "string"]).columns
    plain = table.assign(**{name: table[name].map(_inert) for name in texts})
    write_text(path, plain.to_csv(index=False))


def _inert(value: object) -> object:
    """A cell of text as it may be opened anywhere; others as they are.

    >>> _inert("=1+1"), _inert("a</script>b"), _inert("<3 days"), _inert(-1.0)
    ("'=1+1", 'a‹/script>b', '<3 days', -1.0)
    """
    if not isinstance(value, str):
        return value
    line = _TAG.sub("‹", " ".join(value.splitlines()))
    return f"'{line}" if line.lstrip().startswith(_COMPUTED) else line


def read_text(path: Path) -> str:
    """Read UTF-8 text.

    Raises:
        ValueError: the file is missing or is not UTF-8.
    """
    try:
        return _existing(path).read_text("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8 ({error}); make it again") from error


def read_json(path: Path) -> dict:
    """Read a JSON object.

    Raises:
        ValueError: the file is missing or is not JSON, which has no NaN.
    """

    def refuse(word: str) -> None:
        raise ValueError(f"{path}: holds {word}, which is no number; make it again")

    try:
        content = json.loads(read_text(path), parse_constant=refuse)
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}: not JSON ({error}); make it again") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path}: holds no JSON object; make it again")
    return content


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a frame as Parquet: no index, no timestamps, stable bytes."""
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    buffer = pa.BufferOutputStream()
    pq.write_table(arrow.replace_schema_metadata(None), buffer)
    write_bytes(path, buffer.getvalue().to_pybytes())


def read_table(path: Path) -> pd.DataFrame:
    """Read a Parquet file written by `write_table`.

    Raises:
        ValueError: the file is missing, cut short or not Parquet.
    """
    try:
        return pq.read_table(_existing(path)).to_pandas()
    except (pa.ArrowInvalid, OSError) as error:
        raise ValueError(
            f"{path}: not a complete Parquet file ({error}); make it again"
        ) from error


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write named arrays as one safetensors file, without a second copy in memory.

    Source: the format of safetensors; the bytes are those of its own `save`.
    Raises:
        ValueError: an array holds neither numbers nor truth values.
    """
    # Unlike ascontiguousarray, this keeps a number a number (no dimension added).
    contiguous = {
        name: np.asarray(a, a.dtype.newbyteorder("<"), order="C")
        for name, a in sorted(arrays.items())
    }
    names = sorted(contiguous, key=lambda n: -_rank(contiguous[n].dtype))
    entries, end = {}, 0
    for name in names:
        array, start = contiguous[name], end
        end += array.nbytes
        entries[name] = {
            "dtype": _TYPES[_rank(array.dtype)][1],
            "shape": list(array.shape),
            "data_offsets": [start, end],
        }
    header = json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode()
    header += b" " * (-len(header) % 8)
    with replacing(path) as temporary, temporary.open("wb") as handle:
        handle.write(len(header).to_bytes(8, "little") + header)
        for name in names:
            handle.write(contiguous[name].reshape(-1).view(np.uint8).data)


def _rank(dtype: np.dtype) -> int:
    """Place of a type in the order of safetensors, whose file begins with the last."""
    kinds = [kind for kind, _ in _TYPES]
    if dtype.str[1:] not in kinds:
        raise ValueError(f"arrays of {dtype} are not written; make them numbers")
    return kinds.index(dtype.str[1:])


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read a safetensors file.

    Raises:
        ValueError: the file is missing, cut short or not safetensors.
    """
    try:
        return load_file(_existing(path))
    except SafetensorError as error:
        raise ValueError(
            f"{path}: not a complete safetensors file ({error}); make it again"
        ) from error


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise ValueError(f"{path}: no such file; run the stage that writes it first")
    return path
