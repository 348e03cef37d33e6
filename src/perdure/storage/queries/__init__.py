"""Named queries: read from .sql files once, when a database is opened.

A query is written once, here, in SQL that every dialect understands: a line ``-- name: find_run``, lines of comment,
and one statement that ends with a semicolon. A driver's own folder may replace one by its name when it must, with a
comment that says why.
"""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Final

from perdure.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.resources.abc import Traversable

PORTABLE = files(__name__)

_NAME: Final = "-- name:"


def load_queries(*folders: Traversable) -> dict[str, str]:
    """Read every query of the folders.

    Args:
        folders: Folders of .sql files: first the portable one, then those that replace some of its queries; one that
            is missing replaces none.

    Returns:
        The SQL by the query's name.

    Raises:
        StorageError: A name stands twice in a folder, or a later folder replaces a query that is not there or does not
            say why.
    """
    queries: dict[str, str] = {}
    for position, folder in enumerate(folders):
        found: dict[str, str] = {}
        for name, comment, sql in _read_folder(folder):
            if name in found:
                raise StorageError(f"Two queries of {folder} are named {name}.")
            if position > 0 and (name not in queries or not comment):
                raise StorageError(
                    f"The query {name} of {folder} replaces none, or has no comment that says why it does."
                )
            found[name] = sql
        queries |= found
    return queries


def _read_folder(folder: Traversable) -> Iterator[tuple[str, str, str]]:
    if not folder.is_dir():
        return
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if file.name.endswith(".sql"):
            yield from _read_queries(file.read_text(encoding="utf-8"))


def _read_queries(text: str) -> Iterator[tuple[str, str, str]]:
    """Give each query of a file: its name, its comment and its SQL."""
    for part in f"\n{text}".split(f"\n{_NAME}")[1:]:
        name, *lines = part.splitlines()
        comment = [line.removeprefix("--").strip() for line in lines if line.startswith("--")]
        sql = "\n".join(line for line in lines if not line.startswith("--"))
        yield name.strip(), "\n".join(comment), sql.strip().rstrip(";")
