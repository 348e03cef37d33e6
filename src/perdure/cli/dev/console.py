"""What is written to the terminal: whole lines, with colours where they are wanted."""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING, Final, Literal, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Style = Literal["bold", "dim", "red", "green", "yellow", "blue", "cyan"]

_CODES: Final[dict[Style, str]] = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "blue": "34",
    "cyan": "36",
}


class ReaderGoneError(Exception):
    """Nobody reads what is written any more."""


class Console:
    """Writes lines to a stream, from any thread.

    Args:
        stream: The stream; ``None``: the standard output of the process.
        environ: The environment variables, which may forbid or demand colours; ``None``: those of the process.
    """

    def __init__(self, stream: TextIO | None = None, *, environ: Mapping[str, str] | None = None) -> None:
        self._stream = sys.stdout if stream is None else stream
        self._has_colours = _wants_colours(self._stream, os.environ if environ is None else environ)
        self._lock = threading.Lock()

    def write(self, *lines: str) -> None:
        """Write lines, all together.

        Raises:
            ReaderGoneError: Nobody reads them.
        """
        text = "".join(f"{line}\n" for line in lines)
        if not text:
            return
        try:
            with self._lock:
                self._stream.write(text)
                self._stream.flush()
        except OSError as error:
            # A pipe without a reader, or a terminal that was closed.
            raise ReaderGoneError from error

    def paint(self, text: str, *styles: Style) -> str:
        """Give a text styles, if the stream has colours."""
        if not self._has_colours or not text:
            return text
        return f"\x1b[{';'.join(_CODES[style] for style in styles)}m{text}\x1b[0m"


def indent(lines: Iterable[str], *, by: int) -> list[str]:
    """Indent lines."""
    return [f"{' ' * by}{line}" if line else line for line in lines]


def _wants_colours(stream: TextIO, environ: Mapping[str, str]) -> bool:
    if environ.get("NO_COLOR") or environ.get("TERM") == "dumb":
        return False
    return bool(environ.get("FORCE_COLOR")) or stream.isatty()
