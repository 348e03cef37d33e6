"""How a connection is set up, and the proof that it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import apsw

from perdure.errors import StorageError, StorageReadOnlyError, UnsupportedFileSystemError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path


class Cursor(Protocol):
    """What is used of a cursor of apsw, whose own types need a newer Python."""

    def fetchone(self) -> tuple[Any, ...] | None:
        """Return the next row."""
        ...

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return the remaining rows."""
        ...


class Connection(Protocol):
    """What is used of a connection of apsw, whose own types need a newer Python."""

    in_transaction: bool
    system_errno: int

    def execute(self, statements: str, bindings: Sequence[Any] = (), /) -> Cursor:
        """Run statements as far as the first row."""
        ...

    def changes(self) -> int:
        """Return how many rows the last statement changed."""
        ...

    def pragma(self, name: str, value: Any = None, /) -> Any:
        """Read or set a pragma."""
        ...

    def config(self, op: int, *args: int) -> int:
        """Read or set an option of the connection."""
        ...

    def set_busy_timeout(self, milliseconds: int) -> None:
        """Wait this long for locks of other connections."""
        ...

    def wal_checkpoint(self, *, mode: int) -> tuple[int, int]:
        """Carry the log over into the database."""
        ...

    def readonly(self, name: str) -> bool:
        """Say whether a database could be opened for reading only."""
        ...

    def table_exists(self, dbname: str | None, table_name: str) -> bool:
        """Say whether there is a table of that name."""
        ...

    def set_progress_handler(self, callable: Callable[[], bool] | None, nsteps: int = 100) -> None:
        """Ask every so many steps whether to stop the statement that is running."""
        ...

    def interrupt(self) -> None:
        """Stop the statement that is running, from any thread."""
        ...

    def close(self, force: bool = False) -> None:
        """Close; ``force``: never raise."""
        ...


# Above the number of named queries, so that each is prepared once.
_STATEMENTS = 512

# For how long a write waits for another process, such as one that makes a backup.
BUSY_TIMEOUT_MS = 5000

# 4 MiB of log are carried over into the database at a time: from then on the log is written over, and a sync of what a
# file has already is 1.4 times as fast as one that makes it grow. A log that has grown larger, under a reader, is cut
# back when it starts anew. Temporary stores stay as they are: in memory they cost a writer 5 %.
_WRITER = f"""
PRAGMA busy_timeout = {BUSY_TIMEOUT_MS};
PRAGMA page_size = 4096;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA fullfsync = ON;
PRAGMA checkpoint_fullfsync = ON;
PRAGMA wal_autocheckpoint = 1000;
PRAGMA journal_size_limit = 33554432;
PRAGMA cache_size = -32768;
"""

# A reader of a write-ahead log never waits for the writer, only for another process that repairs the log.
_READER = """
PRAGMA busy_timeout = 1000;
PRAGMA query_only = ON;
PRAGMA temp_store = MEMORY;
PRAGMA cache_size = -8192;
"""


def connect_writer(path: Path) -> Connection:
    """Open a database file for writing, creating it if need be.

    Raises:
        apsw.Error: It cannot be opened.
        StorageError: SQLite does not write it as durably as perdure promises.
    """
    connection = _connect(str(path), apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE)
    try:
        _set_up(connection, _WRITER)
        _prove_durable(connection, path)
    except BaseException:
        connection.close(force=True)
        raise
    return connection


def connect_reader(path: Path) -> Connection:
    """Open a connection that sees what is committed and cannot write.

    Raises:
        apsw.Error: It cannot be opened.
    """
    connection = _connect(str(path), apsw.SQLITE_OPEN_READWRITE)
    _set_up(connection, _READER)
    return connection


def connect_memory() -> Connection:
    """Open a database of its own in memory."""
    return _connect(":memory:", apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE)


def _connect(name: str, flags: int) -> Connection:
    connection: Any = apsw.Connection(name, flags=flags, statementcachesize=_STATEMENTS)
    # A connection that is dropped, or inherited by a forked child, must not touch the log of the one at work.
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    # Without this guarantee SQLite plans a statement anew each time a parameter could change its plan, and one compared
    # with the column of a partial index always could: up to 30 µs for a query of one.
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
    opened: Connection = connection
    return opened


def _set_up(connection: Connection, pragmas: str) -> None:
    connection.execute(pragmas).fetchall()


def _prove_durable(connection: Connection, path: Path) -> None:
    # SQLite opens what it may not write for reading, without a word.
    if connection.readonly("main"):
        raise StorageReadOnlyError(f"{path} cannot be written. Give this process the right to write it and its folder.")
    mode = connection.pragma("journal_mode")
    if mode != "wal":
        raise UnsupportedFileSystemError(
            f"SQLite keeps no write-ahead log for {path} (journal_mode is {mode}), as on file systems without shared "
            "memory. Put the file on a local disk."
        )
    if connection.pragma("synchronous") != 2:
        raise StorageError(f"SQLite does not sync every commit to {path}.")
