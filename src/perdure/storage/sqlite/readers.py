"""Reads of a database file, beside its writer: short ones on the loop, longer ones in a few threads."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import apsw

from perdure.storage.sqlite.connections import connect_reader
from perdure.storage.sqlite.failures import translate
from perdure.storage.sqlite.session import SqliteSession, drive

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from perdure.storage.sqlite.limits import Limits

# A scan younger than this is not what has kept a log from starting anew.
_YOUNG = timedelta(seconds=1)


_LOOK_STEPS: Final = 100_000
"""After so many steps of SQLite's machine, some milliseconds, a query looks whether it is to stop."""


class Reader:
    """A connection that only reads, and its session."""

    def __init__(self, path: Path, queries: Mapping[str, str]) -> None:
        try:
            self.connection = connect_reader(path)
        except apsw.Error as error:
            raise translate(error, None) from error
        self.began_at = 0.0
        self.is_stopped = False
        # An interrupt between two statements is none; and the next one may take for ever.
        self.connection.set_progress_handler(lambda: self.is_stopped, _LOOK_STEPS)
        self._session = SqliteSession(self.connection, queries)

    def read(self, query: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run a query on one committed state."""
        execute = self.connection.execute
        try:
            execute("BEGIN")
            try:
                return drive(query(self._session, *args, **kwargs))
            finally:
                if self.connection.in_transaction:
                    execute("ROLLBACK")
        except apsw.Error as error:
            raise translate(error, self.connection) from error

    def stop(self) -> None:
        """Stop what it reads, or is about to; from any thread."""
        self.is_stopped = True
        self.connection.interrupt()


class Readers:
    """The reader of the loop, and a few for threads, opened when they are first needed."""

    def __init__(self, path: Path, queries: Mapping[str, str], limits: Limits) -> None:
        self._path = path
        self._queries = queries
        self._on_loop = Reader(path, queries)
        self._all = [self._on_loop]
        self._longest_scan = limits.longest_scan.total_seconds()
        self._pool = ThreadPoolExecutor(limits.scan_threads, thread_name_prefix="perdure-reader")
        self._turn = asyncio.Semaphore(limits.scan_threads)
        self._free: list[Reader] = []
        self._scanning: set[Reader] = set()

    def read(self, query: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run a short query at once, in the thread of the loop."""
        return self._on_loop.read(query, args, kwargs)

    async def scan(self, query: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run a longer query in a thread.

        Raises:
            StorageUnavailableError: It was stopped, since it took too long or the log had grown too large.
        """
        await self._turn.acquire()
        try:
            reader = self._take()
        except BaseException:
            self._turn.release()
            raise
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self._pool, reader.read, query, args, kwargs)
        # A cancelled scan goes on until SQLite notices; only then is its reader free.
        work.add_done_callback(lambda work: self._give_back(reader, work))
        limit = loop.call_later(self._longest_scan, reader.stop)
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            reader.stop()
            raise
        finally:
            limit.cancel()

    def stop_old(self) -> None:
        """Stop the scans that have been running for a while; safe to call from any thread."""
        now = time.monotonic()
        for reader in tuple(self._scanning):
            if now - reader.began_at >= _YOUNG.total_seconds():
                reader.stop()

    def close(self) -> None:
        """Stop every scan and close every connection."""
        for reader in tuple(self._scanning):
            reader.stop()
        self._pool.shutdown()
        for reader in self._all:
            reader.connection.close(force=True)

    def _take(self) -> Reader:
        reader = self._free.pop() if self._free else self._open()
        reader.began_at, reader.is_stopped = time.monotonic(), False
        self._scanning.add(reader)
        return reader

    def _open(self) -> Reader:
        reader = Reader(self._path, self._queries)
        self._all.append(reader)
        return reader

    def _give_back(self, reader: Reader, work: asyncio.Future[Any]) -> None:
        if not work.cancelled():
            work.exception()
        self._scanning.discard(reader)
        self._free.append(reader)
        self._turn.release()
