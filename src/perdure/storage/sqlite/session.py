"""Named queries over one connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import apsw

from perdure.errors import StorageError
from perdure.storage.sqlite.failures import translate

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping

    from perdure.storage.interface import Row, Value
    from perdure.storage.sqlite.connections import Connection

R = TypeVar("R")


class SqliteSession:
    """A `perdure.storage.interface.Session`; nothing in it really suspends."""

    __slots__ = ("_changes", "_connection", "_execute", "_queries")

    def __init__(self, connection: Connection, queries: Mapping[str, str]) -> None:
        self._connection = connection
        self._execute = connection.execute
        self._changes = connection.changes
        self._queries = queries

    async def one(self, query: str, *args: Value) -> Row | None:
        """Run a query; its first row, or ``None``."""
        try:
            return self._execute(self._queries[query], args).fetchone()
        except apsw.Error as error:
            raise translate(error, self._connection) from error

    async def all(self, query: str, *args: Value) -> list[Row]:
        """Run a query; its rows."""
        try:
            rows: list[Any] = self._execute(self._queries[query], args).fetchall()
        except apsw.Error as error:
            raise translate(error, self._connection) from error
        return rows

    async def run(self, query: str, *args: Value) -> int:
        """Run a statement; how many rows it changed."""
        try:
            self._execute(self._queries[query], args)
        except apsw.Error as error:
            raise translate(error, self._connection) from error
        return self._changes()


def drive(coroutine: Coroutine[Any, Any, R]) -> R:
    """Run a coroutine over a `SqliteSession` to its end, without a loop.

    Raises:
        StorageError: It awaited something that is no method of its session.
    """
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: R = end.value
        return result
    coroutine.close()
    raise StorageError("A transition may await only its session.")
