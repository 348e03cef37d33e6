"""What a command prints: tables and colours on a terminal, lines for other programs on a pipe, or JSON."""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

import msgspec

from perdure.cli.text import cell, iso_time, make_harmless

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence
    from datetime import datetime

    from rich.console import Console

_STYLES = {
    "SUCCESS": "green", "COMPLETED": "green", "ok": "green",
    "FAILURE": "red", "ERRORED": "red", "TIMED_OUT": "red", "ABORTED": "red", "INVALID_PAYLOAD": "red",
    "UNRESOLVED_AUTH": "red", "ERROR": "red", "failed": "red",
    "CANCELED": "yellow", "WARN": "yellow", "warning": "yellow",
    "EXECUTING": "cyan", "RUNNING": "cyan",
    "WAITING": "blue", "WAITING_TO_CONTINUE": "blue", "WAITING_TO_EXECUTE": "blue", "QUEUED": "blue",
    "PENDING": "blue", "DEBUG": "dim",
    "repeated-key": "red", "forgotten-await": "red", "automatic-key": "red", "unrecorded-value": "red",
    "syntax-error": "red",
}  # fmt: skip
"""What is shown in colour, by the whole of its text."""

_GAP = 2
"""Blanks between columns."""

_LEAST = 5
"""A column that is narrower is left out."""


class Output:
    """Prints what a command has found.

    Args:
        as_json: Whether it prints JSON.
        stream: Where; ``None``: the standard output of this process.
    """

    def __init__(self, *, as_json: bool, stream: TextIO | None = None) -> None:
        self.as_json = as_json
        self._stream = sys.stdout if stream is None else stream
        self.for_people = not as_json and self._stream.isatty()
        self._console: Console | None = None

    def value(self, value: Any) -> None:
        """Print a record or a JSON value as one line of JSON."""
        try:
            text = msgspec.json.encode(value).decode()
        except UnicodeEncodeError:
            # Half a surrogate pair, which JSON may hold as an escape.
            text = json.dumps(msgspec.to_builtins(value), separators=(",", ":"))
        self._write(text)

    def record(self, members: Mapping[str, Any]) -> None:
        """Print what something consists of: one line for each member that is not ``None``."""
        if self.as_json:
            self.value(members)
            return
        shown = {name: cell(value, for_people=self.for_people) for name, value in members.items() if value is not None}
        if self.for_people:
            width = max((len(name) for name in shown), default=0)
            for name, text in shown.items():
                self.line(f"{name:<{width}}  {text}", first=(text,))
        else:
            for name, text in shown.items():
                self._write(f"{name}\t{text}")

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[Any]], *, empty: str) -> None:
        """Print a table: with heads on a terminal, else without, and tabs between the cells.

        Args:
            columns: The heads.
            rows: The cells.
            empty: The sentence that a terminal shows if there are no rows.
        """
        cells = [[cell(value, for_people=self.for_people) for value in row] for row in rows]
        if not self.for_people:
            for row in cells:
                self._write("\t".join(row))
            return
        if not cells:
            note(empty)
            return
        from rich.cells import cell_len
        from rich.table import Table
        from rich.text import Text

        console = self._rich()
        widths = [max(cell_len(text) for text in column) for column in zip(columns, *cells, strict=True)]
        shown, last = _fit(widths, console.width)
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        for number, head in enumerate(columns[:shown]):
            is_cut = last is not None and number == shown - 1
            table.add_column(
                head,
                overflow="ellipsis",
                no_wrap=True,
                min_width=None if is_cut else widths[number],
                max_width=last if is_cut else None,
            )
        for row in cells:
            table.add_row(*(Text(text, style=_STYLES.get(text, "")) for text in row[:shown]))
        console.print(table, width=max(console.width, widths[0]), crop=False)

    def line(self, text: str, *, first: tuple[str, ...] = ()) -> None:
        """Print a line.

        Args:
            text: The line.
            first: Words in it that are shown in the colour that they have.
        """
        if not self.for_people:
            self._write(make_harmless(text))
            return
        from rich.text import Text

        shown = Text(make_harmless(text))
        for word in first:
            style = _STYLES.get(word)
            if style is not None:
                shown.highlight_words([word], style)
        self._rich().print(shown, soft_wrap=True)

    def stamp(self, instant: datetime) -> str:
        """Show an instant at the beginning of a line: the local time of day, or ISO-8601 in UTC."""
        return instant.astimezone().strftime("%H:%M:%S") if self.for_people else iso_time(instant)

    @contextmanager
    def working(self, what: str) -> Generator[None]:
        """Show on a terminal that something goes on, until it is done."""
        if self.as_json or not sys.stderr.isatty():
            yield
            return
        from rich.console import Console

        with Console(stderr=True).status(what):
            yield

    def _rich(self) -> Console:
        if self._console is None:
            from rich.console import Console

            self._console = Console(file=self._stream, highlight=False, markup=False, emoji=False, **_size())
        return self._console

    def _write(self, text: str) -> None:
        self._stream.write(f"{text}\n")
        # Whoever reads a pipe sees each line when it is there.
        self._stream.flush()


def note(text: str) -> None:
    """Say something beside the result, on standard error."""
    print(make_harmless(text), file=sys.stderr)  # noqa: T201


def _fit(widths: Sequence[int], room: int) -> tuple[int, int | None]:
    """Say how many columns fit beside each other, and the width of the last of them; ``None``: it is not cut.

    The first has the id, which is copied to the next command: it is never cut. What comes first matters most: columns
    are left out from the end, where the sentences are.
    """
    left = room
    for number, width in enumerate(widths):
        is_last = number == len(widths) - 1
        if number and width > left - (0 if is_last else _GAP):
            return (number + 1, left) if left >= min(width, _LEAST) else (number, None)
        left -= width + _GAP
    return len(widths), None


def _size() -> dict[str, Any]:
    try:
        columns = os.get_terminal_size(sys.stdout.fileno()).columns
    except OSError:
        columns = 0
    # A terminal that does not know its width is not one of a single column.
    return {} if columns or os.environ.get("COLUMNS") else {"width": 80}
