"""The write-ahead log of an open file: kept small, and known to be the one that its path names."""

from __future__ import annotations

import contextlib
import logging
import time
from typing import TYPE_CHECKING

import apsw

from perdure.errors import StorageCorruptError, StorageError
from perdure.storage.sqlite.connections import BUSY_TIMEOUT_MS, Connection

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from perdure.storage.sqlite.limits import Limits

# Looking costs 10 µs after a sync, which is too much for each commit and nothing ten times a second.
_LOOK_EVERY = 0.1

_log = logging.getLogger("perdure.storage")


class WriteAheadLog:
    """What the writer of a database file does between batches; a `perdure.storage.sqlite.writer.Upkeep`."""

    def __init__(
        self,
        connection: Connection,
        database: Path,
        limits: Limits,
        *,
        relieve: Callable[[], None],
    ) -> None:
        """Remember which files the paths name.

        Args:
            connection: The writer's, after its first transaction.
            database: The path it was opened with.
            limits: From when on the log is too large.
            relieve: Called after each commit while the log is too large: stops readers that have been at it for long.
        """
        self._connection = connection
        self._database = database
        self._log_file = database.with_name(database.name + "-wal")
        self._lock_file = database.with_name(database.name + ".lock")
        self._relieve = relieve
        self._largest_log = limits.largest_log
        self._is_too_large = False
        self._next_look = 0.0
        self._identity, _ = self._look()

    def after_commit(self) -> None:
        """Check, ten times a second at most, that the files are still those opened and that the log is not too large.

        Raises:
            StorageCorruptError: A file was deleted or replaced; what has just been committed must not be acknowledged.
        """
        now = time.monotonic()
        if now < self._next_look:
            return
        # Once the files are not ours, every commit looks, and none is acknowledged.
        size = self._check()
        self._next_look = now + _LOOK_EVERY
        if size <= self._largest_log:
            self._is_too_large = False
            return
        if not self._is_too_large:
            self._is_too_large = True
            _log.warning("%s has grown to %d MiB: something has been reading for long.", self._log_file, size >> 20)
        self._relieve()

    def when_idle(self) -> bool:
        """Carry the log over into the database, so that it starts anew; whether a reader or the disk prevented that.

        It stays as long as it is: a sync of what a file has already is faster than one that makes it longer.
        """
        self._connection.set_busy_timeout(0)
        try:
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)
        except apsw.BusyError:
            return True
        except apsw.Error as error:
            _log.warning("%s cannot be carried over now: %s.", self._log_file, error)
            return True
        finally:
            self._connection.set_busy_timeout(BUSY_TIMEOUT_MS)
        return False

    def before_close(self) -> None:
        """Empty the log, and let SQLite delete it if it is still ours."""
        with contextlib.suppress(apsw.Error, StorageError):
            self._check()
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
            self._connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0)

    def _check(self) -> int:
        try:
            identity, size = self._look()
        except OSError:
            identity, size = None, 0
        if identity != self._identity:
            raise StorageCorruptError(
                f"{self._database}, its log or its lock was deleted or replaced while it was open. What is written now "
                "would be lost: end this process, and put the file back or restore it from a backup."
            )
        return size

    def _look(self) -> tuple[tuple[int, int, int, int], int]:
        database, log, lock = self._database.stat(), self._log_file.stat(), self._lock_file.stat()
        return (database.st_dev, database.st_ino, log.st_ino, lock.st_ino), log.st_size


class NoLog:
    """What the writer of a database in memory does between batches: nothing."""

    def after_commit(self) -> None:
        """Do nothing: nothing is durable, and nothing grows."""

    def when_idle(self) -> bool:
        """Do nothing, once."""
        return False

    def before_close(self) -> None:
        """Do nothing."""
