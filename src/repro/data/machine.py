"""The stack machine on which a pickle runs: its bytes, stack, memo and budget."""

import mmap
from dataclasses import dataclass, field
from typing import Any

# Real files are a few bytes of opcodes around large blocks of numbers.
SPARE_BYTES = 200 << 20  # that a small file may take
MOST_TIMES = 4  # the size of the file, that its objects may take
LARGE = 1 << 12  # bytes from which a string stays in the file until it is needed
MOST_NUMBER_BYTES = 64
PAGES = 32 << 20  # bytes of a mapped file that may stay in memory


class Refused(ValueError):
    """What a pickle asks for is not data."""


class Cut(ValueError):
    """The file is no pickle, or ends too early."""


def short(value: object) -> str:
    """A value for a message; of containers only the type, as they may be endless.

    >>> short("word"), short([1])
    ("'word'", 'a list')
    """
    if isinstance(value, str | bytes):
        return repr(value[:40])
    if value is None or type(value) in (bool, int, float, complex):
        return repr(value)
    name = type(value).__name__
    return f"an {name}" if name[0] in "aeiouAEIOU" else f"a {name}"


@dataclass(frozen=True)
class Name:
    """A global that a pickle names; it is never imported."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(frozen=True, eq=False)
class LongString:
    """A long string that stays in the mapped file until somebody wants it."""

    view: memoryview
    encoding: str | None  # None: bytes

    def __len__(self) -> int:
        return len(self.view)

    def value(self) -> str | bytes:
        """The string itself.

        Raises:
            Refused: it is not of its encoding.
        """
        value = decoded(self.view, self.encoding)
        release(self.view)
        return value


def release(view: memoryview) -> None:
    """Give the memory of a mapped file back; its pages are read again when needed."""
    if isinstance(view.obj, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        view.obj.madvise(mmap.MADV_DONTNEED)


def decoded(raw: bytes | memoryview, encoding: str | None) -> str | bytes:
    """Bytes, or the text that they spell; lone surrogates pass, as in pickle.

    Raises:
        Refused: they are not of the encoding.
    """
    if encoding is None:
        return bytes(raw)
    try:
        return str(raw, encoding, "surrogatepass" if encoding == "utf-8" else "strict")
    except UnicodeDecodeError as error:
        raise Refused(f"a string that is not {encoding} ({error.reason})") from None


@dataclass(eq=False)
class Machine:
    """State of one run; every method refuses what the file cannot hold."""

    data: memoryview
    position: int = 0
    begun: int = 0  # where the opcode at work stands
    released: int = 0  # up to where the pages of the file were given back
    stack: list[Any] = field(default_factory=list)
    marks: list[list[Any]] = field(default_factory=list)
    memo: list[Any] = field(default_factory=list)
    budget: int = 0

    def __post_init__(self) -> None:
        self.budget = MOST_TIMES * len(self.data) + SPARE_BYTES

    def spend(self, cost: int) -> None:
        """Count bytes of memory before they are taken.

        Raises:
            Refused: they are more than a file of this size may ask for.
        """
        self.budget -= cost
        if self.budget < 0:
            raise Refused(
                f"more than {MOST_TIMES} times the {len(self.data)} bytes of the file "
                "in small objects"
            )

    def view(self, count: int) -> memoryview:
        """The next bytes, not copied.

        Raises:
            Cut: the file has fewer.
        """
        if count < 0 or count > len(self.data) - self.position:
            raise Cut(
                f"{count} bytes are announced, "
                f"{len(self.data) - self.position} are left"
            )
        start = self.position
        self.position += count
        return self.data[start : self.position]

    def number(self, width: int, *, signed: bool = False) -> int:
        """A little-endian integer of `width` bytes."""
        return int.from_bytes(self.view(width), "little", signed=signed)

    def line(self) -> str:
        """Text up to the end of the line, as the oldest protocol writes arguments.

        Raises:
            Cut: there is no end of a line.
        """
        start = self.position
        while True:  # by pieces, so that a line of 10 bytes costs 10 bytes
            piece = bytes(self.data[self.position : self.position + 4096])
            end = piece.find(b"\n")
            if end >= 0:
                break
            if not piece:
                raise Cut("a line without an end")
            self.position += len(piece)
        stop = self.position + end
        self.position = stop + 1
        return str(self.data[start:stop], "latin-1")

    def string(self, count: int, encoding: str | None) -> str | bytes | LongString:
        """The next bytes as a string; a long one stays in the file.

        Raises:
            Cut: the file has fewer.
            Refused: they are not of the encoding.
        """
        view = self.view(count)
        if count >= LARGE:
            if self.position - self.released > PAGES:  # the system reads ahead
                release(view)
                self.released = self.position
            return LongString(view, encoding)
        self.spend(60 + 2 * count)
        return decoded(view, encoding)

    def pop(self) -> Any:
        """The top of the stack.

        Raises:
            Cut: the stack is empty.
        """
        if not self.stack:
            raise Cut("an operation on an empty stack")
        return self.stack.pop()

    def top(self) -> Any:
        """The top of the stack, which stays there."""
        value = self.pop()
        self.stack.append(value)
        return value

    def pop_mark(self) -> list[Any]:
        """Everything above the last mark.

        Raises:
            Cut: there is no mark.
        """
        if not self.marks:
            raise Cut("an operation without its mark")
        items, self.stack = self.stack, self.marks.pop()
        return items

    def remember(self, place: int) -> None:
        """Put the top of the stack into the memo.

        Raises:
            Cut: the place is greater than any pickler would count to.
        """
        value = self.top()
        if place < 0 or place > self.position:  # a pickler counts its own objects
            raise Cut(f"place {place} of the memo at byte {self.position}")
        missing = place + 1 - len(self.memo)
        if missing > 0:
            self.spend(8 * missing)
            self.memo.extend([Cut] * missing)
        self.memo[place] = value

    def recall(self, place: int) -> None:
        """Push what the memo has at `place`.

        Raises:
            Cut: it has nothing there.
        """
        if not 0 <= place < len(self.memo) or self.memo[place] is Cut:
            raise Cut(f"place {place} of the memo is empty")
        self.stack.append(self.memo[place])
