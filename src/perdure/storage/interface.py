"""What the engine asks of a database: units of work that commit together, and reads.

A *transition* is a re-runnable ``async def`` over an open transaction, without effects outside it: PostgreSQL may have
to run it again, and so does SQLite when another unit of the same batch failed. It lets every `StorageError` of its
session pass.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Concatenate, ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

Value = str | bytes | int | float | None
Row = tuple[Value, ...]


class Session(Protocol):
    """Runs named queries of `perdure.storage.queries` on one connection, inside its transaction.

    Arguments stand in the order in which the query's parameters first appear in it.
    """

    async def one(self, query: str, *args: Value) -> Row | None:
        """Run a query; its first row, or ``None``."""
        ...

    async def all(self, query: str, *args: Value) -> list[Row]:
        """Run a query; its rows."""
        ...

    async def run(self, query: str, *args: Value) -> int:
        """Run a statement; how many rows it changed."""
        ...


class Storage(Protocol):
    """A database, opened by `perdure.storage.opening.open_storage`."""

    async def write(
        self, transition: Callable[Concatenate[Session, P], Awaitable[R]], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Run a unit of work; returns its result when it is durable.

        Units are committed in the order in which they are given. Cancelling the call does not take the unit back:
        whoever gives another one may rely on it.

        Raises:
            StorageUnavailableError: Nothing was stored, or, if the commit itself failed, it is not known: the
                transition may be run again.
        """
        ...

    async def read(
        self, query: Callable[Concatenate[Session, P], Awaitable[R]], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Run a short read (a row or a few by key) on committed state."""
        ...

    async def scan(
        self, query: Callable[Concatenate[Session, P], Awaitable[R]], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Run a longer read without delaying anything else."""
        ...

    async def close(self) -> None:
        """Finish the units of work already given, then close."""
        ...
