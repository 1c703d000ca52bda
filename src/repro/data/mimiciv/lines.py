"""A csv file as blocks of whole rows, and rows that are none, by their number."""

import gzip
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from io import BufferedIOBase
from pathlib import Path

import numpy as np

BLOCK = 8 << 20  # bytes read at once; larger ones are new memory each time
CACHED = 1 << 17  # bytes that stay in the cache of a processor
LONGEST_ROW = 256 << 20  # bytes; what is longer has a quote that nothing closes
LONGEST_HEADER = 1 << 20  # bytes; the longest of a release has some hundred
COMMA, QUOTE, BREAK, RETURN = b',"\n\r'
# Whether a byte may stand before the first, and after the last quote of a field.
_BEFORE, _AFTER = np.zeros(256, bool), np.zeros(256, bool)
_BEFORE[[COMMA, BREAK, QUOTE]] = _AFTER[[COMMA, BREAK, RETURN, QUOTE]] = True
UNREADABLE = (OSError, EOFError, zlib.error)  # what a damaged file is met with


@dataclass(frozen=True)
class Block:
    """Whole rows of a file, where their quotes stand, and what is wrong with one."""

    content: bytes
    quotes: np.ndarray
    fault: tuple[int, str] | None = None

    @classmethod
    def of(cls, content: bytes) -> "Block":
        """A block of these bytes.

        >>> Block.of(b'1,"a"\\n').quotes.tolist()
        [2, 4]
        """
        block = cls(content, _places(content, QUOTE))
        return replace(block, fault=misplaced_quote(block))

    @property
    def codes(self) -> np.ndarray:
        """The bytes as numbers."""
        return np.frombuffer(self.content, np.uint8)


def opened(path: Path) -> BufferedIOBase:
    """The bytes of a csv or csv.gz file; several gzip members are one file."""
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")


def first_line(handle: BufferedIOBase, path: Path) -> bytes:
    """The header of a table.

    Raises:
        ValueError: it does not end within the first megabyte.
    """
    line = handle.readline(LONGEST_HEADER)
    if len(line) == LONGEST_HEADER:
        raise ValueError(
            f"{path}: the first line has {LONGEST_HEADER} bytes or more; use the file "
            "as it was released"
        )
    return line


def blocks(path: Path, size: int = BLOCK) -> Iterator[Block]:
    """The rows after the header, inflated in a thread while the last ones are used.

    Every block ends with a row; only the last one may lack the line break.

    Raises:
        OSError, EOFError, zlib.error: the file is cut short or damaged.
        ValueError: the header does not end.
    """
    with opened(path) as handle, ThreadPoolExecutor(1) as thread:
        first_line(handle, path)
        following = thread.submit(_rows, handle, size)
        while (block := following.result()).content:
            following = thread.submit(_rows, handle, size)
            yield block


def _rows(handle: BufferedIOBase, size: int) -> Block:
    """Some bytes and what is left of their last row; a break in quotes ends none."""
    parts = [handle.read(size), handle.readline(LONGEST_ROW)]
    is_open, length = sum(map(_quotes, parts)) % 2, size
    while is_open and length < LONGEST_ROW and (line := handle.readline(LONGEST_ROW)):
        parts.append(line)
        is_open ^= _quotes(line) % 2
        length += len(line)
    return Block.of(b"".join(parts))


def _quotes(content: bytes) -> int:
    # To see that there is none is much faster than to count them.
    return content.count(b'"') if b'"' in content else 0


def misplaced_quote(block: Block) -> tuple[int, str] | None:
    """The row (0 is the first of the block) of a quote that is none of a field's ends.

    >>> misplaced_quote(Block.of(b'1,"a, b"\\n2,5" tall\\n'))
    (1, 'a quote stands inside a field')
    """
    codes, starts, ends = block.codes, block.quotes[::2], block.quotes[1::2]
    before = codes[np.maximum(starts - 1, 0)]
    after = codes[np.minimum(ends + 1, len(codes) - 1)]
    is_start = (starts == 0) | _BEFORE[before]
    is_end = (ends + 1 == len(codes)) | _AFTER[after]
    wrong = np.concatenate([starts[~is_start], ends[~is_end]])
    if len(wrong):
        return _row_at(block, int(wrong.min())), "a quote stands inside a field"
    if len(block.quotes) % 2:
        return _row_at(block, int(block.quotes[-1])), "a quote is not closed"
    return None


def commas(block: Block) -> int:
    """Commas between fields, counted in a fraction of the time that the rows take."""
    codes = block.codes
    is_comma = np.empty(CACHED, bool)  # one for all: new memory would take longer
    total = 0
    for at in range(0, len(codes), CACHED):
        part = codes[at : at + CACHED]
        found = np.equal(part, COMMA, out=is_comma[: len(part)])
        total += int(np.count_nonzero(found))
    starts, ends = block.quotes[::2], block.quotes[1::2]
    is_filled = ends - starts > 1  # most that are quoted are empty
    pairs = zip(starts[is_filled].tolist(), ends[is_filled].tolist(), strict=True)
    return total - sum(block.content.count(b",", start, end) for start, end in pairs)


def widths(block: Block) -> np.ndarray:
    """Fields of each row: commas that do not stand between quotes, and one.

    >>> widths(Block.of(b'1,2\\n"1,2"\\n')).tolist()
    [2, 1]
    """
    breaks = _outside(block, BREAK)
    if not block.content.endswith(b"\n"):
        breaks = np.append(breaks, len(block.content))
    starts = np.concatenate([[0], breaks[:-1] + 1])
    is_comma = (block.codes == COMMA).view(np.uint8)
    found = np.add.reduceat(is_comma, starts, dtype=np.int64)
    if len(block.quotes):
        opening = block.quotes[::2]
        inside = np.add.reduceat(is_comma, block.quotes, dtype=np.int64)[::2]
        rows = np.searchsorted(starts, opening, side="right") - 1
        np.subtract.at(found, rows, inside)
    return found + 1


def _places(content: bytes, code: int) -> np.ndarray:
    if code not in content:  # most files hold no quote, and this is fast
        return np.zeros(0, np.int64)
    return np.flatnonzero(np.frombuffer(content, np.uint8) == code)


def _outside(block: Block, code: int) -> np.ndarray:
    places = _places(block.content, code)
    return places[np.searchsorted(block.quotes, places) % 2 == 0]


def _row_at(block: Block, place: int) -> int:
    return int(np.searchsorted(_outside(block, BREAK), place))
