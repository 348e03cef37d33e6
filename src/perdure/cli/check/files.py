"""Checks files, and what a line says is to be left alone."""

from __future__ import annotations

import ast
import re
import tokenize
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from perdure.cli.check.automatic_keys import find_automatic_keys
from perdure.cli.check.awaits import find_forgotten_awaits
from perdure.cli.check.findings import Finding
from perdure.cli.check.functions import job_functions
from perdure.cli.check.repeated_keys import find_repeated_keys
from perdure.cli.check.unrecorded import find_unrecorded_values
from perdure.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SYNTAX: Final = "syntax-error"
RULES: Final = (find_repeated_keys, find_forgotten_awaits, find_automatic_keys, find_unrecorded_values)
_IGNORED: Final = re.compile(r"#\s*perdure:\s*ignore(?:\[(?P<rules>[\w\s,-]*)\])?")
_SKIPPED: Final = ("node_modules", "__pycache__", "site-packages", "venv")


def python_files(paths: Sequence[str]) -> list[Path]:
    """Give the files that are meant: those named, and the Python files in the folders named.

    Raises:
        InvalidArgumentError: There is nothing of that name, or no Python file in it.
    """
    found: list[Path] = []
    for text in paths:
        path = Path(text)
        if path.is_dir():
            # A folder may be called so, and editors leave links that lead nowhere.
            within = [
                file
                for file in sorted(path.rglob("*.py"))
                if not _is_skipped(file.relative_to(path)) and file.is_file()
            ]
            if not within:
                raise InvalidArgumentError(f"There is no Python file in the folder {text}.")
            found += within
        elif path.is_file():
            found.append(path)
        else:
            raise InvalidArgumentError(f"There is no file {text}.{_nearest(path)}")
    return found


def check_file(path: Path) -> list[Finding]:
    """Check a file by every rule.

    Raises:
        InvalidArgumentError: It cannot be read.
    """
    try:
        source = path.read_bytes()
    except OSError as error:
        raise InvalidArgumentError(f"{path} cannot be read: {error.strerror}.") from error
    try:
        module = ast.parse(source, str(path))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None) or 1
        column = getattr(error, "offset", None) or 1
        # The parser has no words for what is nested too deep for it.
        message = getattr(error, "msg", None) or str(error) or "it is nested too deep"
        return [Finding(str(path), line, column, SYNTAX, f"This is no Python: {message}.")]
    ignored = _ignored(source)
    found = {finding for function in job_functions(module) for rule in RULES for finding in rule(function)}
    kept = [one for one in found if one.rule not in ignored.get(one.line, ()) and None not in ignored.get(one.line, ())]
    return sorted(replace(finding, file=str(path)) for finding in kept)


def _ignored(source: bytes) -> dict[int, set[str | None]]:
    """Give the rules that are off, by line; ``None`` stands for all of them."""
    found: dict[int, set[str | None]] = {}
    for line, comment in _comments(source):
        mark = _IGNORED.search(comment)
        if mark is not None:
            rules = mark["rules"]
            found[line] = {None} if rules is None else {rule.strip() for rule in rules.split(",")}
    return found


def _comments(source: bytes) -> Iterator[tuple[int, str]]:
    for token in tokenize.tokenize(BytesIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def _is_skipped(path: Path) -> bool:
    return any(part.startswith(".") or part in _SKIPPED for part in path.parts)


def _nearest(path: Path) -> str:
    from perdure.cli.unknown import nearest

    return nearest(path.name, [file.name for file in path.parent.glob("*.py")]) if path.parent.is_dir() else ""
