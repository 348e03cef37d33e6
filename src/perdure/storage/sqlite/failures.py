"""SQLite's and the system's errors, translated where they enter."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, TypeVar

import apsw

from perdure.errors import (
    StorageCorruptError,
    StorageError,
    StorageFullError,
    StorageReadOnlyError,
    StorageUnavailableError,
)

if TYPE_CHECKING:
    from pathlib import Path

    from perdure.storage.sqlite.connections import Connection

E = TypeVar("E", bound=StorageError)

_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NO_RIGHT = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})

_TYPES: tuple[tuple[type[apsw.Error], type[StorageError]], ...] = (
    (apsw.FullError, StorageFullError),
    (apsw.ReadOnlyError, StorageReadOnlyError),
    (apsw.PermissionsError, StorageReadOnlyError),
    (apsw.CorruptError, StorageCorruptError),
    (apsw.NotADBError, StorageCorruptError),
    (apsw.BusyError, StorageUnavailableError),
    (apsw.LockedError, StorageUnavailableError),
    (apsw.IOError, StorageUnavailableError),
    (apsw.CantOpenError, StorageUnavailableError),
    (apsw.NoMemError, StorageUnavailableError),
    (apsw.ProtocolError, StorageUnavailableError),
)


def translate(error: apsw.Error, connection: Connection | None) -> StorageError:
    """Turn an error of SQLite into ours.

    Args:
        error: What SQLite raised; a violated constraint is named in the message.
        connection: Where it did, unless that could not even be opened.
    """
    if isinstance(error, apsw.IOError) and _is_for_want_of_space(error, connection):
        return _say(StorageFullError, error)
    if isinstance(error, apsw.InterruptError):
        return StorageUnavailableError(
            "A read was stopped, since the log of the database grows as long as one lasts; ask for less at a time."
        )
    for theirs, ours in _TYPES:
        if isinstance(error, theirs):
            return _say(ours, error)
    return StorageError(f"The database refused a statement: {error}.")


def translate_commit(error: apsw.Error, connection: Connection) -> StorageError:
    """Turn an error of SQLite at a commit into ours: what was written may have reached the disk or not."""
    failure = translate(error, connection)
    if type(failure) is not StorageUnavailableError:
        return failure
    return StorageUnavailableError(
        f"A commit failed, and whether it was stored is not known; repeat it with the same ids. SQLite says: {error}."
    )


def translate_os_error(error: OSError, path: Path) -> StorageError:
    """Turn an error about a file beside the database into ours."""
    if error.errno in _NO_SPACE:
        return StorageFullError(f"There is no room for {path}. {StorageFullError().message}")
    if error.errno in _NO_RIGHT:
        return StorageReadOnlyError(f"{path} cannot be written: {error.strerror}. Its folder must be writable, too.")
    return StorageError(f"{path} cannot be used for a database: {error.strerror}.")


def _is_for_want_of_space(error: apsw.IOError, connection: Connection | None) -> bool:
    # A limit on the size of files or a quota fails a write like a broken disk does. After a failed sync the frames may
    # have arrived nevertheless, so that is not a "nothing was stored".
    if connection is None or getattr(error, "extendedresult", 0) == apsw.SQLITE_IOERR_FSYNC:
        return False
    return connection.system_errno in _NO_SPACE


def _say(cls: type[E], error: apsw.Error) -> E:
    return cls(f"{cls().message} SQLite says: {error}.")
