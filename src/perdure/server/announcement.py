"""How a node is found by other processes of its machine: a file beside its database says where it listens.

The file holds the node's API key, so nobody but its owner may read it. It may outlive the node, which may have been
killed; so it counts only while the process that it names owns the database.
"""

from __future__ import annotations

import logging
import os
import secrets
from datetime import datetime
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING

import msgspec

from perdure.storage.opening import find_owner

if TYPE_CHECKING:
    from pathlib import Path

_log = logging.getLogger(__name__)


class Announcement(msgspec.Struct, frozen=True, kw_only=True):
    """Where a node is.

    Attributes:
        url: Where its machine reaches it, without a slash at the end.
        pid: Its process.
        api_key: What it is to be asked with.
        version: The version of perdure that it runs.
        started: When it was started.
    """

    url: str
    pid: int
    api_key: str
    version: str
    started: datetime

    def __repr__(self) -> str:
        return f"Announcement(url={self.url!r}, pid={self.pid})"


def announce(database: Path, *, url: str, api_key: str, started: datetime) -> Announcement | None:
    """Say where the node of this process is, in place of what was said before.

    Args:
        database: The database file.
        url: Where its machine reaches it.
        api_key: What it is to be asked with.
        started: When it was started.

    Returns:
        What was said; ``None`` if it could not be written, which the log tells: the node works all the same.
    """
    made = Announcement(url=url, pid=os.getpid(), api_key=api_key, version=_version(), started=started)
    path = _path(database)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(msgspec.json.encode(made))
            draft.replace(path)
        except OSError:
            draft.unlink(missing_ok=True)
            raise
    except OSError as error:
        _log.warning("Other processes will not find this node: %s cannot be written (%s).", path, error.strerror)
        return None
    return made


def withdraw(database: Path, made: Announcement) -> None:
    """Take back what was said, unless another node has said something since."""
    if _read(database) == made:
        _path(database).unlink(missing_ok=True)


def find_node(database: Path) -> Announcement | None:
    """Give where the node of a database is, if a process that owns the database has said so."""
    said = _read(database)
    return said if said is not None and said.pid == find_owner(database) else None


def _read(database: Path) -> Announcement | None:
    try:
        return msgspec.json.decode(_path(database).read_bytes(), type=Announcement)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def _path(database: Path) -> Path:
    database = database.resolve()
    return database.with_name(f"{database.name}.node")


@cache
def _version() -> str:
    return version("perdure")
