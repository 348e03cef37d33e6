"""Opens a SQLite database: takes the lock, connects, migrates, and starts the writer."""

from __future__ import annotations

import os
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import apsw

from perdure.errors import StorageError, StorageUnavailableError
from perdure.storage.queries import PORTABLE, load_queries
from perdure.storage.sqlite.connections import connect_memory, connect_writer
from perdure.storage.sqlite.database import SqliteFile, SqliteMemory
from perdure.storage.sqlite.failures import translate, translate_os_error
from perdure.storage.sqlite.filesystems import MOUNTS, refuse_network_file_system
from perdure.storage.sqlite.limits import DEFAULT_LIMITS, Limits
from perdure.storage.sqlite.ownership import OwnerLock
from perdure.storage.sqlite.readers import Readers
from perdure.storage.sqlite.schema import migrate
from perdure.storage.sqlite.session import SqliteSession
from perdure.storage.sqlite.wal import NoLog, WriteAheadLog
from perdure.storage.sqlite.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta
    from pathlib import Path


def open_file(
    path: Path,
    *,
    lock_timeout: timedelta,
    mounts: Path = MOUNTS,
    queries: Mapping[str, str] | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> SqliteFile:
    """Open a database file, creating it and its folder if need be.

    Args:
        path: Where it is.
        lock_timeout: How long to wait for a process that owns it and is just ending.
        mounts: The list of mounted file systems.
        queries: SQL by name; ``None``: `perdure.storage.queries` as this dialect needs them.
        limits: Other bounds.

    Raises:
        StorageError: As `perdure.storage.opening.open_storage` says.
    """
    path = path.resolve()
    refuse_network_file_system(path, mounts=mounts)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise translate_os_error(error, path.parent) from error
    if path.is_dir():
        raise StorageError(f"{path} is a folder. Name a file in it.")
    lock = OwnerLock.acquire(path, timeout=lock_timeout)
    try:
        return _open_locked(path, lock, named_queries() if queries is None else queries, limits)
    except (apsw.BusyError, apsw.LockedError) as error:
        lock.release()
        raise StorageUnavailableError(
            f"{path} is locked by another program, such as a shell of sqlite3, in which a transaction is open. "
            "End it, or that program, and start again."
        ) from error
    except apsw.Error as error:
        lock.release()
        failure = translate(error, None)
        raise type(failure)(f"{path} cannot be opened. {failure.message}") from error
    except BaseException:
        lock.release()
        raise


def open_memory(*, queries: Mapping[str, str] | None = None, limits: Limits = DEFAULT_LIMITS) -> SqliteMemory:
    """Open a database of its own in memory; the arguments are those of `open_file`."""
    connection = connect_memory()
    migrate(connection)
    session = SqliteSession(connection, named_queries() if queries is None else queries)
    return SqliteMemory(Writer(connection, session, NoLog(), limits), connection, limits)


@cache
def named_queries() -> Mapping[str, str]:
    """Read the portable queries and what this dialect puts in place of some, once in a process."""
    return load_queries(PORTABLE, files("perdure.storage.sqlite") / "queries")


def _make_private(path: Path) -> None:
    """Make the file of a new database, for its owner alone: payloads and results stand in it, in clear.

    What SQLite makes beside it has the same mode. A file that is there keeps its own.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        raise translate_os_error(error, path) from error


def _open_locked(path: Path, lock: OwnerLock, queries: Mapping[str, str], limits: Limits) -> SqliteFile:
    _make_private(path)
    connection = connect_writer(path)
    try:
        migrate(connection)
        # Whoever is in the way of that would be in the way of the first write, which does not know the file's name.
        connection.execute("BEGIN IMMEDIATE; ROLLBACK").fetchall()
        readers = Readers(path, queries, limits)
        log = WriteAheadLog(connection, path, limits, relieve=readers.stop_old)
    except BaseException:
        connection.close(force=True)
        raise
    writer = Writer(connection, SqliteSession(connection, queries), log, limits)
    return SqliteFile(writer, readers, lock, limits)
