"""A SQLite database as a `perdure.storage.interface.Storage`: in a file, or in memory."""

from __future__ import annotations

import asyncio
import os
from threading import get_ident
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from perdure.errors import ForkedProcessError, StorageError, StorageUnavailableError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from perdure.storage.interface import Session
    from perdure.storage.sqlite.connections import Connection
    from perdure.storage.sqlite.limits import Limits
    from perdure.storage.sqlite.ownership import OwnerLock
    from perdure.storage.sqlite.readers import Readers
    from perdure.storage.sqlite.writer import Writer

P = ParamSpec("P")
R = TypeVar("R")


class SqliteStorage:
    """What both kinds share: writing, and the one event loop that it serves."""

    def __init__(self, writer: Writer, limits: Limits) -> None:
        self._writer = writer
        self._longest_close = limits.longest_close
        self._pid = os.getpid()
        self._forks = FORKS.count
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0
        self._is_closed = False

    async def write(
        self, transition: Callable[Concatenate[Session, P], Awaitable[R]], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Run a unit of work; returns its result when it is durable.

        Cancelling the call does not take the unit back.

        Raises:
            StorageUnavailableError: As the interface says, and when too many units are waiting.
            ForkedProcessError: This process was forked after the storage had been opened.
            StorageError: The storage is closed, or another event loop was the first to use it.
        """
        result: R = await self._writer.give(self._own_loop(), transition, args, kwargs)
        return result

    async def close(self) -> None:
        """Finish the units of work already given, then close; from any event loop.

        Raises:
            StorageUnavailableError: The disk did not take them in time; the file stays locked until the process ends.
        """
        if self._is_closed or os.getpid() != self._pid:
            return
        self._is_closed = True
        self._loop = None
        await asyncio.to_thread(self._shut)

    def _shut(self) -> None:
        if not self._writer.close(self._longest_close):
            raise StorageUnavailableError("The disk did not take the last writes in time; some may not be stored.")

    def _own_loop(self) -> asyncio.AbstractEventLoop:
        # Asking asyncio for the running loop, or the system for the process, costs a system call each time; comparing
        # the thread, and the forks this process descends from, does not.
        loop = self._loop
        if loop is None or get_ident() != self._thread or FORKS.count != self._forks or loop.is_closed():
            loop = self._adopt()
        return loop

    def _adopt(self) -> asyncio.AbstractEventLoop:
        # A child has no writer thread and must not touch its parent's connections.
        if os.getpid() != self._pid:
            raise ForkedProcessError
        loop = asyncio.get_running_loop()
        if self._is_closed:
            raise StorageError("The storage is closed.")
        if self._loop is not None:
            raise StorageError("The storage belongs to the event loop that used it first; use it from there.")
        self._loop, self._thread = loop, get_ident()
        return loop


class Forks:
    """How often this process, or one it descends from, was forked since this module was loaded."""

    def __init__(self) -> None:
        self.count = 0
        os.register_at_fork(after_in_child=self._note)

    def _note(self) -> None:
        self.count += 1


FORKS = Forks()


class SqliteFile(SqliteStorage):
    """A database in a file."""

    def __init__(self, writer: Writer, readers: Readers, lock: OwnerLock, limits: Limits) -> None:
        super().__init__(writer, limits)
        self._readers = readers
        self._lock = lock

    async def read(
        self, query: Callable[Concatenate[Session, P], Awaitable[R]], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Run a short read at once, on the loop; it sees one committed state."""
        self._own_loop()
        result: R = self._readers.read(query, args, kwargs)
        return result

    async def scan(
        self, query: Callable[Concatenate[Session, P], Awaitable[R]], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Run a longer read in a thread; it sees one committed state.

        Raises:
            StorageUnavailableError: It was stopped, since the log of the database cannot start anew under it.
        """
        self._own_loop()
        result: R = await self._readers.scan(query, args, kwargs)
        return result

    def _shut(self) -> None:
        # The writer closes last: the last connection deletes the log.
        self._readers.close()
        super()._shut()
        self._lock.release()


class SqliteMemory(SqliteStorage):
    """A database in memory: it has one connection, so reads are units of work of its writer."""

    def __init__(self, writer: Writer, connection: Connection, limits: Limits) -> None:
        super().__init__(writer, limits)
        self._connection = connection

    async def read(
        self, query: Callable[Concatenate[Session, P], Awaitable[R]], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Run a read after the units of work already given."""
        result: R = await self._writer.give(self._own_loop(), self._read_only, (query, args, kwargs), {})
        return result

    async def scan(
        self, query: Callable[Concatenate[Session, P], Awaitable[R]], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Run a read after the units of work already given."""
        return await self.read(query, *args, **kwargs)

    async def _read_only(
        self, session: Session, query: Callable[..., Awaitable[Any]], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        self._connection.pragma("query_only", True)
        try:
            return await query(session, *args, **kwargs)
        finally:
            self._connection.pragma("query_only", False)
