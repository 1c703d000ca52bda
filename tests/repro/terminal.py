"""What a Python program shows on a terminal."""

import os
import pty
import subprocess
import sys
import termios
from pathlib import Path


def shown_on_terminal(code: str, folder: Path) -> str:
    """Everything that the code shows on a terminal of 100 columns, which must end well.

    Raises:
        AssertionError: it ended with another status than 0.
    """
    reader, writer = pty.openpty()
    termios.tcsetwinsize(writer, (24, 100))
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, cwd=folder, stdout=writer, stderr=writer) as child:
        os.close(writer)
        seen = b""
        while piece := _read(reader):
            seen += piece
    os.close(reader)
    assert child.returncode == 0, seen
    return seen.decode()


def shown_elsewhere(code: str, folder: Path) -> str:
    """The same where standard output and error go into a pipe."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )
    return done.stdout


def _read(reader: int) -> bytes:
    """What a terminal shows next; nothing once it is closed."""
    try:
        return os.read(reader, 4096)
    except OSError:  # Linux tells the end of a terminal so
        return b""
