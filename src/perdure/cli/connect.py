"""The way to what a command asks: a node at a URL, the node of a database, or the database itself if it has none.

The order is that of a client. What a folder's ``.env`` files set counts as if it were set in the environment, as
``perdure dev`` has it.
"""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from perdure.config.env_files import with_env_files
from perdure.config.settings import load_settings
from perdure.errors import DatabaseLockedError, NotConnectedError
from perdure.sdk.connecting import check_api_key, check_node_url
from perdure.storage.opening import database_path, find_owner

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping

    from perdure.cli.options import Common
    from perdure.config.settings import Settings
    from perdure.protocol.management import Desk
    from perdure.transport.node_target import Finder, NamedNode

_PATIENCE_SECONDS: Final = 5.0
"""How long a command waits for a node that does not answer, or for an owner of a database to end or speak."""

_LONGEST_SECONDS: Final = 60.0
"""How long it waits for all of the owners of a database, if those are commands like itself, one after another."""

_RESTART_SECONDS: Final = 10.0
"""How long it waits for the node of a database that goes away, for one that is just restarted."""

_PAUSE: Final = 0.05


@dataclass(frozen=True)
class Connection:
    """What a command asks.

    Attributes:
        desk: All that can be asked.
        url: Where the node is; ``None``: there is none, the database was opened by this process, and nothing is
            executed.
        settings: The settings of this folder.
    """

    desk: Desk
    url: str | None
    settings: Settings


def ask(common: Common, work: Callable[[Connection], Awaitable[int]], *, creates: bool = False) -> int:
    """Connect, do a command's work, and disconnect.

    Args:
        common: Which database was named.
        work: The work; it gives the exit status.
        creates: Whether the database is created if it is missing.

    Returns:
        The exit status.

    Raises:
        PerdureError: What the work raises; `NotConnectedError`: there is nothing to ask.
    """

    async def connected() -> int:
        async with connect(common.database_url, environment=common.environment, creates=creates) as connection:
            return await work(connection)

    return asyncio.run(connected())


@asynccontextmanager
async def connect(
    database_url: str | None, *, environment: str | None = None, creates: bool = False
) -> AsyncGenerator[Connection]:
    """Find what is to be asked.

    Args:
        database_url: The database; ``None``: that of the settings, unless they name a node.
        environment: The environment; ``None``: that of the settings, of a node at a URL that of its key.
        creates: Whether the database is created if it is missing.

    Raises:
        NotConnectedError: There is no node and no database, or the node does not answer.
        DatabaseLockedError: A process owns the database and has no node that answers.
        StorageError: The database cannot be opened.
        InvalidArgumentError: A setting has a wrong value.
    """
    environ = surroundings(database_url)
    if environment is not None:
        environ["PERDURE_ENVIRONMENT"] = environment
    settings = load_settings(environ)
    named = None if database_url is not None else _named(environ, environment)
    async with AsyncExitStack() as stack:
        if named is not None:
            yield _over_http(stack, named, settings, url=named.find().url)
            return
        yield await _at(stack, _file_of(settings), settings, environ, creates=creates)


def surroundings(database_url: str | None = None) -> dict[str, str]:
    """Give the environment variables, with those of the ``.env`` files of this folder.

    Args:
        database_url: A database that goes before the one that they name.

    Raises:
        InvalidArgumentError: A file cannot be read.
    """
    environ = with_env_files(os.environ, Path.cwd())
    return environ if database_url is None else {**environ, "PERDURE_DATABASE_URL": database_url}


def _named(environ: Mapping[str, str], environment: str | None) -> NamedNode | None:
    from perdure.transport.node_target import NamedNode

    url = next((name for name in ("PERDURE_API_URL", "TRIGGER_API_URL") if environ.get(name)), None)
    if url is None:
        return None
    checked = check_node_url(environ[url], url)
    key = next((name for name in ("PERDURE_API_KEY", "TRIGGER_API_KEY") if environ.get(name)), None)
    if key is None:
        raise NotConnectedError(f"{url} names the node at {checked}, which wants an API key: set PERDURE_API_KEY.")
    return NamedNode(checked, check_api_key(environ[key], key), environment=environment)


def _file_of(settings: Settings) -> Path:
    database = database_path(settings.database_url)
    if database is None:
        raise NotConnectedError(
            f"{settings.database_url} is a database in memory, which no other process sees. Name a file: "
            "--database-url sqlite:///jobs.db."
        )
    return database.absolute()


async def _at(
    stack: AsyncExitStack, database: Path, settings: Settings, environ: Mapping[str, str], *, creates: bool
) -> Connection:
    # They are large; a node at a URL is asked without them.
    from perdure.server.announced import AnnouncedNode
    from perdure.server.announcement import find_node

    owners: set[int | None] = {None}
    deadline = (begun := time.monotonic()) + _PATIENCE_SECONDS
    while True:
        said = find_node(database)
        if said is not None:
            finder = AnnouncedNode(database, environment=environ.get("PERDURE_ENVIRONMENT") or None)
            return _over_http(stack, finder, settings, url=said.url, patience=_RESTART_SECONDS)
        now, owner = time.monotonic(), find_owner(database)
        if owner not in owners:
            owners.add(owner)
            deadline = min(now + _PATIENCE_SECONDS, begun + _LONGEST_SECONDS)
        is_late = now >= deadline
        if owner is not None:
            if is_late:
                raise AnnouncedNode(database).failure("It has not said where it listens.")
        elif not creates and not is_there(database):
            raise NotConnectedError(_nothing(database))
        else:
            from perdure.server.offline import open_offline

            try:
                desk = await stack.enter_async_context(open_offline(database, settings, environ=environ))
            except DatabaseLockedError:
                # Another command, which is about to end; or an owner that is just starting.
                if is_late:
                    raise
            else:
                return Connection(desk, None, settings)
        await asyncio.sleep(_PAUSE)


def _over_http(
    stack: AsyncExitStack, finder: Finder, settings: Settings, *, url: str, patience: float = _PATIENCE_SECONDS
) -> Connection:
    from perdure.transport.http_desk import HttpDesk
    from perdure.transport.node_link import NodeLink

    desk = HttpDesk(NodeLink(finder, patience=patience, asks_little=True))
    stack.push_async_callback(desk.close)
    return Connection(desk, url, settings)


def is_there(database: Path) -> bool:
    """Whether there is such a file; a folder, or what is no database, is found out when it is opened."""
    return database.exists()


def _nothing(database: Path) -> str:
    return (
        f"There is no node, and no database {database}. Start one with `perdure dev FILE`, or by running your app; or "
        "go to the folder where it runs, or say where it is: PERDURE_DATABASE_URL or --database-url, or "
        "PERDURE_API_URL and PERDURE_API_KEY."
    )
