"""Opens the database a URL names; the only module that imports a driver, and only when it is needed."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from perdure.errors import InvalidArgumentError

if TYPE_CHECKING:
    from perdure.storage.interface import Storage

_UNDERSTOOD = (
    "A database URL is sqlite:///relative/path.db, sqlite:////absolute/path.db, or sqlite:// for one in memory."
)


LOCK_TIMEOUT: Final = timedelta(seconds=10)
"""How long a process that opens a database waits for one that is just ending."""


def open_storage(url: str, *, lock_timeout: timedelta = LOCK_TIMEOUT) -> Storage:
    """Open a database, creating it and bringing it to this version's schema if need be.

    It works on files and may wait for the lock: call it before the event loop has other work, or in a thread.

    Args:
        url: ``sqlite:///relative/path.db``, ``sqlite:////absolute/path.db``, or ``sqlite://`` for a database of its own
            in memory, which is gone when it is closed.
        lock_timeout: How long to wait for a process that owns the file and is just ending.

    Raises:
        InvalidArgumentError: The URL is none of these.
        DatabaseLockedError: Another process owns the file.
        UnsupportedFileSystemError: The file is on a network file system.
        StorageReadOnlyError: The file or its folder cannot be written.
        StorageFullError: The disk is full.
        StorageCorruptError: The file is no database, or is damaged.
        MigrationError: The database is newer than this version of perdure.
    """
    path = database_path(url)
    from perdure.storage.sqlite import opening

    return opening.open_memory() if path is None else opening.open_file(path, lock_timeout=lock_timeout)


def find_owner(path: Path) -> int | None:
    """Give the pid of the process that owns a database file; ``None``: nobody does, or it cannot be seen from here."""
    from perdure.storage.sqlite import ownership

    return ownership.find_owner(path)


def database_path(url: str) -> Path | None:
    """Give the file that a database URL names; ``None``: it is in memory.

    Raises:
        InvalidArgumentError: The URL names no database that this version opens.
    """
    if not isinstance(url, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidArgumentError(f"A database URL is text, not {type(url).__name__}. {_UNDERSTOOD}")
    scheme, mark, rest = url.partition("://")
    # Nothing but the scheme is repeated in a message: the rest may hold a password.
    if not mark or scheme != "sqlite":
        kind = f"{scheme}://" if mark and scheme.isidentifier() else "That"
        raise InvalidArgumentError(f"{kind} is no database that this version opens. {_UNDERSTOOD}")
    if rest and not rest.startswith("/"):
        raise InvalidArgumentError(f"A path follows three slashes. {_UNDERSTOOD}")
    if "?" in rest or "#" in rest:
        raise InvalidArgumentError(f"There are no options; in a path, write ? as %3F and # as %23. {_UNDERSTOOD}")
    path = unquote(rest[1:])
    if path in ("", ":memory:"):
        return None
    if "\0" in path:
        raise InvalidArgumentError(f"A path holds no NUL. {_UNDERSTOOD}")
    return Path(path)
