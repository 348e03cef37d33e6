"""Finding the node of a database that another process owns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.errors import DatabaseLockedError, NotConnectedError, PerdureError
from perdure.server.announcement import find_node
from perdure.storage.opening import database_path, find_owner
from perdure.transport.node_target import Target

if TYPE_CHECKING:
    from pathlib import Path


class AnnouncedNode:
    """The node that has said beside its database where it is, whichever it is just then.

    Args:
        database: The database file.
        otherwise: What is raised when nobody owns the database; ``None``: somebody is about to, and is waited for.
        environment: The slug of the environment that is meant; ``None``: the node's own.
    """

    def __init__(self, database: Path, *, otherwise: str | None = None, environment: str | None = None) -> None:
        self._database = database
        self._environment = environment
        self._otherwise = otherwise

    def find(self) -> Target | None:
        """Give the node to ask now; ``None``: the owner of the database has not said yet where it is.

        Raises:
            NotConnectedError: Nobody owns the database.
        """
        said = find_node(self._database)
        if said is not None:
            return Target(said.url, said.api_key, self._environment)
        if self._otherwise is not None and find_owner(self._database) is None:
            raise NotConnectedError(self._otherwise)
        return None

    def failure(self, problem: str) -> PerdureError:
        """Make the error for an owner that does not answer."""
        pid = find_owner(self._database)
        if pid is None:
            return NotConnectedError(f"No process has become the owner of {self._database} in time. {problem}")
        return DatabaseLockedError(
            f"Process {pid} owns {self._database} and does not answer. {problem} If it hangs, end it: another process "
            "takes over.",
            pid=pid,
        )


def announced_finder(database_url: str, *, otherwise: str) -> AnnouncedNode | None:
    """Give what finds the node of a database; ``None``: the database is in memory.

    Raises:
        InvalidArgumentError: The URL names no database that this version opens.
    """
    path = database_path(database_url)
    return None if path is None else AnnouncedNode(path, otherwise=otherwise)
