"""A csv file as blocks of whole rows, and rows that are none, by their number."""

import gzip
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path

import numpy as np

BLOCK = 32 << 20  # bytes read at once
LONGEST_ROW = 256 << 20  # bytes; what is longer has a quote that nothing closes
COMMA, QUOTE, BREAK, RETURN = b',"\n\r'
UNREADABLE = (OSError, EOFError, zlib.error)  # what a damaged file is met with


@dataclass(frozen=True)
class Block:
    """Whole rows of a file, and where their quotes stand."""

    content: bytes
    quotes: np.ndarray

    @classmethod
    def of(cls, content: bytes) -> "Block":
        """A block of these bytes.

        >>> Block.of(b'1,"a"\\n').quotes.tolist()
        [2, 4]
        """
        return cls(content, _places(content, QUOTE))

    @property
    def codes(self) -> np.ndarray:
        """The bytes as numbers."""
        return np.frombuffer(self.content, np.uint8)


def opened(path: Path) -> BufferedIOBase:
    """The bytes of a csv or csv.gz file; several gzip members are one file."""
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")


def blocks(path: Path, size: int = BLOCK) -> Iterator[Block]:
    """The rows after the header, inflated in a thread while the last ones are used.

    Every block ends with a row; only the last one may lack the line break.

    Raises:
        OSError, EOFError, zlib.error: the file is cut short or damaged.
    """
    with opened(path) as handle, ThreadPoolExecutor(1) as thread:
        handle.readline()
        following = thread.submit(handle.read, size)
        rest = b""
        while more := following.result():
            following = thread.submit(handle.read, size)
            content = rest + more if rest else more
            found = Block.of(content)
            end = _end_of_rows(found)
            if end == 0 and len(content) > LONGEST_ROW:
                end = len(content)
            rest = content[end:]
            if end:
                before = np.searchsorted(found.quotes, end)
                yield Block(content[:end], found.quotes[:before])
        if rest:
            yield Block.of(rest)


def misplaced_quote(block: Block) -> tuple[int, str] | None:
    """The row (0 is the first of the block) of a quote that is none of a field's ends.

    >>> misplaced_quote(Block.of(b'1,"a, b"\\n2,5" tall\\n'))
    (1, 'a quote stands inside a field')
    """
    codes, starts, ends = block.codes, block.quotes[::2], block.quotes[1::2]
    before = codes[np.maximum(starts - 1, 0)]
    after = codes[np.minimum(ends + 1, len(codes) - 1)]
    is_start = (starts == 0) | np.isin(before, (COMMA, BREAK, QUOTE))
    is_end = (ends + 1 == len(codes)) | np.isin(after, (COMMA, BREAK, RETURN, QUOTE))
    wrong = np.concatenate([starts[~is_start], ends[~is_end]])
    if len(wrong):
        return _row_at(block, int(wrong.min())), "a quote stands inside a field"
    if len(block.quotes) % 2:
        return _row_at(block, int(block.quotes[-1])), "a quote is not closed"
    return None


def commas(block: Block, step: int = 1 << 18) -> int:
    """All commas, counted in a fraction of the time that the rows take."""
    codes = block.codes
    # In steps that stay in the cache of a processor.
    parts = (codes[at : at + step] == COMMA for at in range(0, len(codes), step))
    return sum(int(np.count_nonzero(part)) for part in parts)


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


def _end_of_rows(block: Block) -> int:
    """Where the last row ends that is whole; a line break in quotes ends none."""
    end = block.content.rfind(b"\n") + 1
    if np.searchsorted(block.quotes, end) % 2:
        breaks = _outside(block, BREAK)
        end = int(breaks[-1]) + 1 if len(breaks) else 0
    return end


def _places(content: bytes, code: int) -> np.ndarray:
    if code not in content:  # most files hold no quote, and this is fast
        return np.zeros(0, np.int64)
    return np.flatnonzero(np.frombuffer(content, np.uint8) == code)


def _outside(block: Block, code: int) -> np.ndarray:
    places = _places(block.content, code)
    return places[np.searchsorted(block.quotes, places) % 2 == 0]


def _row_at(block: Block, place: int) -> int:
    return int(np.searchsorted(_outside(block, BREAK), place))
