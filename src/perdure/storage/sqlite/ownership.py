"""One process owns a database file: the lock beside it says so, and ends with the process however that ends."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
import weakref
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perdure.errors import DatabaseLockedError
from perdure.storage.sqlite.failures import translate_os_error

if TYPE_CHECKING:
    from datetime import timedelta

_PAUSE = 0.05


class OwnerLock:
    """An exclusive lock on ``<database>.lock``, which holds who owns it; the file stays when the lock is given back."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        # A forked child shares the lock and would keep it after this process has died. Closing its copy does not
        # unlock ours.
        os.register_at_fork(after_in_child=partial(_close_in_child, weakref.ref(self)))

    @classmethod
    def acquire(cls, database: Path, *, timeout: timedelta) -> OwnerLock:
        """Become the owner of a database file.

        Args:
            database: The absolute path of the database, without symbolic links.
            timeout: How long to wait for an owner that is just ending.

        Raises:
            DatabaseLockedError: Another process, or another storage of this one, owns it.
            StorageError: The lock's file cannot be written.
        """
        path = _lock_path(database)
        deadline = time.monotonic() + timeout.total_seconds()
        while True:
            descriptor = _try_to_lock(path)
            if descriptor is not None:
                return cls(path, descriptor)
            if time.monotonic() >= deadline:
                raise _locked(database, path)
            time.sleep(_PAUSE)

    def release(self) -> None:
        """Give the lock back."""
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, 0)
            self.close()

    def close(self) -> None:
        """Close this process's copy of the lock."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def find_owner(database: Path) -> int | None:
    """Give the pid of the process that owns a database file, as the lock beside it says.

    The lock itself is not touched: whoever tried it could be in the way of a process that wants it.

    Args:
        database: The path of the database.

    Returns:
        The pid; ``None`` if nobody owns the file, or its owner cannot be seen from here.
    """
    database = database.resolve()
    owner = _read_owner(_lock_path(database))
    pid = owner.get("pid")
    return pid if isinstance(pid, int) and _is_running(pid) and owner == _describe(pid) else None


def _lock_path(database: Path) -> Path:
    return database.with_name(database.name + ".lock")


def _try_to_lock(path: Path) -> int | None:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise translate_os_error(error, path) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Between open and lock the file may have been replaced; then this locks nothing that others see.
        held, named = os.fstat(descriptor), path.stat()
        if (held.st_dev, held.st_ino) == (named.st_dev, named.st_ino):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps(_describe(os.getpid())).encode(), 0)
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    except OSError as error:
        os.close(descriptor)
        raise translate_os_error(error, path) from error
    os.close(descriptor)
    return None


def _locked(database: Path, path: Path) -> DatabaseLockedError:
    owner = _read_owner(path)
    pid = owner.get("pid")
    if not isinstance(pid, int):
        return DatabaseLockedError(f"Another process owns {database}. End it first, or use another database.")
    if pid == os.getpid():
        return DatabaseLockedError(
            f"This process has already opened {database}, as for a client that it has started. Close that first, put "
            "the jobs of both on one client, or give this one a database of its own.",
            pid=pid,
        )
    if owner == _describe(pid):
        return DatabaseLockedError(
            f"Process {pid} owns {database}. End that process first, or use another database for this one.", pid=pid
        )
    return DatabaseLockedError(
        f"A process that calls itself {pid} and cannot be seen from here, perhaps one in a container, owns {database}. "
        "End it first, or use another database for this one.",
        pid=pid,
    )


def _read_owner(path: Path) -> dict[str, Any]:
    try:
        owner: Any = json.loads(path.read_text(encoding="utf-8"))
        return dict(owner)
    except (OSError, ValueError, TypeError):
        return {}


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        # Somebody else's process.
        return True
    return True


def _describe(pid: int) -> dict[str, Any]:
    return {"pid": pid, "started": _started(pid), "boot": _boot()}


def _started(pid: int) -> str | None:
    # Ticks since boot, after the name in parentheses, which may hold anything. A process that has ended holds no lock,
    # though it is listed until somebody has asked how it ended.
    with contextlib.suppress(OSError, IndexError):
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return None if stat[0] in "ZX" else stat[19]
    return None


def _boot() -> str | None:
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
    return None


def _close_in_child(reference: weakref.ref[OwnerLock]) -> None:
    lock = reference()
    if lock is not None:
        lock.close()
