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
    if _is_for_want_of(_NO_SPACE, error, connection):
        return _say(StorageFullError, error)
    if _is_for_want_of(_NO_RIGHT, error, connection):
        # It can be read, and what runs may wait for it: that is not the error of a file that is opened.
        return StorageUnavailableError(
            f"The files of the database cannot be written any more; nothing was stored. Writing goes on by itself once "
            f"they can. SQLite says: {error}."
        )
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
    if type(failure) is not StorageUnavailableError or _is_for_want_of(_NO_RIGHT, error, connection):
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


def _is_for_want_of(causes: frozenset[int], error: apsw.Error, connection: Connection | None) -> bool:
    """Whether the system refused a write for one of these reasons."""
    # A limit on the size of files, a quota, or a file system that has become read-only fails a write like a broken disk
    # does. After a failed sync the frames may have arrived nevertheless, so that is not a "nothing was stored".
    if not isinstance(error, apsw.IOError) or connection is None:
        return False
    return getattr(error, "extendedresult", 0) != apsw.SQLITE_IOERR_FSYNC and connection.system_errno in causes


def _say(cls: type[E], error: apsw.Error) -> E:
    return cls(f"{cls().message} SQLite says: {error}.")
