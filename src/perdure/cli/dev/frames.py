"""Errors as they are shown to whoever wrote the code: their own line first, then the whole traceback."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from perdure.cli.dev.console import Console

_FRAME = re.compile(r'^[\s|+-]*File "(?P<file>[^"]+)", line (?P<line>\d+)(?:, in (?P<function>.+))?$')
_IMPORT = re.compile(r'^\s*File "<frozen importlib\.[^"]+", line \d+, in .+$')
_FOREIGN = ("site-packages", "dist-packages", ".venv")


class Frame(Struct, frozen=True):
    """A line of code on the way to an error; ``code`` may be empty."""

    file: str
    line: int
    function: str | None
    code: str


def find_own_frame(stack: str, folder: Path) -> Frame | None:
    """Find the line nearest to an error that is in an app's folder, installed packages aside.

    Args:
        stack: The traceback as Python prints it.
        folder: The app's folder.
    """
    lines = stack.splitlines()
    for number in range(len(lines) - 1, -1, -1):
        found = _FRAME.match(lines[number])
        if found is None or not _is_own(found["file"], folder):
            continue
        code = lines[number + 1].strip(" |") if number + 1 < len(lines) else ""
        shown = str(Path(found["file"]).relative_to(folder))
        return Frame(shown, int(found["line"]), found["function"], "" if _FRAME.match(code) else code)
    return None


def show_error(console: Console, name: str, message: str, stack: str | None, folder: Path) -> list[str]:
    """Write an error down: the line of the app's own code, what happened, and how it came to that.

    Args:
        console: Gives colours.
        name: The name of the error.
        message: What it says.
        stack: The traceback as Python prints it, or ``None``.
        folder: The app's folder.
    """
    lines: list[str] = []
    own = find_own_frame(stack, folder) if stack else None
    if own is not None:
        where = f"{own.file}:{own.line}" + (f" in {own.function}" if own.function else "")
        lines += [console.paint(where, "bold"), *([f"    {own.code}"] if own.code else [])]
    first, *rest = f"{name}: {message}".rstrip(": ").splitlines() or [name]
    lines += [console.paint(first, "red", "bold"), *rest]
    trace = without_imports(stack or "")
    if sum(1 for line in trace if _FRAME.match(line)) > (own is not None):
        lines += [console.paint(line, "dim") for line in trace]
    return lines


def without_imports(stack: str) -> list[str]:
    """Take the frames of the import system out of a traceback."""
    return [line for line in stack.splitlines() if not _IMPORT.match(line)]


def _is_own(file: str, folder: Path) -> bool:
    path = Path(file)
    return path.is_relative_to(folder) and not any(part in _FOREIGN for part in path.relative_to(folder).parts)
