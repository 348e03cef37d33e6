"""The database."""

from __future__ import annotations

from perdure.errors.base import PerdureError


class StorageError(PerdureError):
    """The database could not do what was asked."""

    code = "storage_error"


class DatabaseLockedError(StorageError):
    """Another process owns this database file."""

    code = "database_locked"

    def __init__(self, message: str | None = None, *, pid: int | None = None) -> None:
        super().__init__(message)
        self.pid = pid


class StorageUnavailableError(StorageError):
    """The database cannot take writes right now; nothing was stored, try again."""

    code = "storage_unavailable"
    retryable = True


class StorageFullError(StorageUnavailableError):
    """The disk is full; nothing was stored. Writing goes on by itself once there is room."""

    code = "storage_full"


class StorageReadOnlyError(StorageError):
    """The database file cannot be written."""

    code = "storage_read_only"


class StorageCorruptError(StorageError):
    """The file is not a database, or it is damaged; restore it from a backup."""

    code = "storage_corrupt"


class UnsupportedFileSystemError(StorageError):
    """SQLite cannot keep its promises on a network file system; put the file on a local disk."""

    code = "unsupported_file_system"


class MigrationError(StorageError):
    """The database's schema cannot be brought to this version of perdure."""

    code = "migration_failed"
