"""Starting a node inside the user's process: its database, its keys, its address, and the engine on them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from datetime import timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING, TypeAlias

from msgspec.structs import replace

from perdure.config.api_keys import GivenKey, check_own_keys, load_keys, load_metrics_key
from perdure.config.secret_key import check_secret_key, load_api_key, load_public_key, load_secret_key, new_api_key
from perdure.config.settings import Settings, load_settings
from perdure.engine.clock import Clock, SystemClock
from perdure.engine.opening import open_node
from perdure.protocol.management import NodeAnswer
from perdure.server.address import Address, open_address
from perdure.server.embedded_node import EmbeddedNode
from perdure.server.tracing import load_tracing
from perdure.storage.opening import LOCK_TIMEOUT, database_path, open_storage

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from perdure.engine.node import Node
    from perdure.protocol.endpoint import Endpoint
    from perdure.protocol.platform import Platform
    from perdure.storage.interface import Storage

    Connect: TypeAlias = Callable[[Platform, Clock, Callable[[int], bytes]], None]


_log = logging.getLogger(__name__)


async def start_embedded(
    endpoint: Endpoint | None,
    *,
    database_url: str | None = None,
    public_url: str | None = None,
    settings: Settings | None = None,
    clock: Clock | None = None,
    connect: Connect | None = None,
    inherited: socket.socket | None = None,
    api_key: str | None = None,
    lock_timeout: timedelta = LOCK_TIMEOUT,
    spare_api_key: str | None = None,
    serves_all: bool = False,
) -> EmbeddedNode:
    """Open the database and start a node that executes an app's jobs.

    Args:
        endpoint: The app; ``None``: there is none now. Runs are started as of its jobs registered last, and wait.
        database_url: Where everything is stored; ``None``: as the settings say. ``sqlite://`` is in memory.
        public_url: Where the app has mounted `EmbeddedNode.asgi`; ``None``: as the settings say. Without one the node
            listens on a loopback port of its own.
        settings: How the node runs; ``None``: as the environment says.
        clock: The time; ``None``: the machine's, with the offset of the settings.
        connect: Called with the platform, the clock and the source of random bytes before anything is executed.
        inherited: A socket that listens already, where the node's routes are served.
        api_key: What others show to ask it anything, and what notifications are signed with; ``None``: as the
            environment says, else a new one, and for notifications a key derived from that of the database.
        lock_timeout: How long to wait for a process that owns the database and is just ending.
        spare_api_key: What others show if neither says, in place of a new one: that of the node before this one.
        serves_all: Whether it serves every environment of the database.

    Raises:
        DatabaseLockedError: Another process owns the database.
        StorageError: The database cannot be opened.
        InvalidArgumentError: ``public_url`` is no URL, or a key is that of another environment.
        DuplicateJobError: The app declares a job id twice.
    """
    if settings is None:
        settings = load_settings()
    url = settings.database_url if database_url is None else database_url
    settings = replace(settings, database_url=url)
    # Before the database is opened, or a node that another process has on it is asked with the key.
    check_own_keys(settings.environment, api_key)
    path = database_path(url)
    storage = await _open(url, lock_timeout)
    try:
        embedded = await start_on(
            storage,
            endpoint,
            public_url=settings.public_url if public_url is None else public_url,
            settings=settings,
            clock=machine_clock(settings.clock_offset) if clock is None else clock,
            secret_key=lambda: load_secret_key(key_file(path)),
            connect=connect,
            inherited=inherited,
            api_key=api_key,
            spare_api_key=spare_api_key,
            announced_at=path,
            serves_all=serves_all,
        )
    except BaseException:
        await storage.close()
        raise
    embedded.closes_storage = True
    return embedded


def key_file(database: Path | None) -> Path | None:
    """Say where the key of a database is kept, if the environment names none; ``None``: nowhere."""
    return None if database is None else database.with_name(f"{database.name}.key")


async def _open(url: str, lock_timeout: timedelta) -> Storage:
    """Open a database in a thread, since it may wait for another process that is just ending."""
    opening = asyncio.ensure_future(asyncio.to_thread(open_storage, url, lock_timeout=lock_timeout))
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        # The thread goes on, and what it opens would stay locked.
        with contextlib.suppress(Exception):
            await (await opening).close()
        raise


async def start_on(
    storage: Storage,
    endpoint: Endpoint | None,
    *,
    public_url: str | None,
    settings: Settings,
    clock: Clock,
    secret_key: Callable[[], bytes],
    connect: Connect | None = None,
    inherited: socket.socket | None = None,
    api_key: str | None = None,
    spare_api_key: str | None = None,
    announced_at: Path | None = None,
    is_known_to_be_local: bool = False,
    serves_all: bool = False,
) -> EmbeddedNode:
    """Start a node on an open database, which stays open when the node stops.

    Args:
        storage: The database.
        endpoint: As for `start_embedded`.
        public_url: As for `start_embedded`, but ``None`` is a loopback port.
        settings: How the node runs.
        clock: The time.
        secret_key: Gives the database's key when it is first needed.
        connect: As for `start_embedded`.
        inherited: As for `start_embedded`.
        api_key: As for `start_embedded`.
        spare_api_key: As for `start_embedded`.
        announced_at: The database file, beside which other processes find where the node is; ``None``: nowhere.
        is_known_to_be_local: Whether nobody need be warned that URLs of a loopback port are handed out.
        serves_all: As for `start_embedded`.
    """
    address: Address | None = None
    given_key, public_key = load_api_key() if api_key is None else api_key, load_public_key()
    # Both are used late, by a request or a run: what is wrong with them is to be said now.
    check_secret_key()
    metrics_key = load_metrics_key()
    given = load_keys(settings.environment) if serves_all else []
    try:
        address = await open_address(
            storage,
            public_url,
            inherited=inherited,
            always_listens=announced_at is not None,
            is_known_to_be_local=is_known_to_be_local,
        )
        engine = await open_node(
            storage,
            clock=clock,
            random_bytes=os.urandom,
            settings=settings,
            secret_key=secret_key,
            serves_all=serves_all,
            api_key=None if serves_all else given_key,
            origin=address.hand_out,
            about=_describe(settings, address, clock),
            tracing=load_tracing(),
        )
        if serves_all:
            await _give_keys(engine, given)
            own_key = new_api_key(settings.environment)
        else:
            own_key = given_key or spare_api_key or new_api_key(settings.environment)
            _give_own(engine, own_key, public_key, is_made=given_key is None)
        embedded = EmbeddedNode(engine, storage, address, api_key=own_key, metrics_key=metrics_key, is_owner=serves_all)
        address.listen(embedded.asgi)
        await address.keep(engine.lease.node_no)
        if connect is not None:
            connect(engine.platform, clock, os.urandom)
        if endpoint is not None:
            await engine.add(endpoint)
        # Ahead of what runs say: from now on they are executed.
        await engine.unreadable.warn(engine.directory.tenants)
        engine.begin()
        await engine.find_endpoints()
        if announced_at is not None:
            embedded.announce(announced_at, started_at=clock.now())
    except BaseException:
        if address is not None:
            await address.close()
        raise
    return embedded


async def _give_keys(engine: Node, given: Sequence[GivenKey]) -> None:
    """Take the keys that variables give to the environments of a server, which are made if they are missing."""
    for one in given:
        await engine.administration.create_environment(one.environment, None)
        engine.keys.give(engine.environments.named(one.environment).number, one.variable, one.key)


def _give_own(engine: Node, api_key: str, public_key: str | None, *, is_made: bool) -> None:
    """Take the keys of a node that serves one environment; a made one is asked with, and nothing is signed with it."""
    number = engine.own.number
    if is_made:
        engine.keys.give(number, "node", api_key, is_shown=False)
    if public_key is not None:
        engine.keys.give(number, "PERDURE_PUBLIC_KEY", public_key)


def _describe(settings: Settings, address: Address, clock: Clock) -> NodeAnswer:
    path = database_path(settings.database_url)
    database = settings.database_url if path is None else str(path.absolute())
    return NodeAnswer(version("perdure"), os.getpid(), database, settings.environment, address.url, clock.now())


def machine_clock(offset: timedelta) -> SystemClock:
    """Make the clock of the machine, ahead of it by so much; which is warned of."""
    if not offset:
        return SystemClock()
    ns = offset // timedelta(microseconds=1) * 1000
    _log.warning("This node's clock is %+g s off the machine's, by PERDURE_CLOCK_OFFSET.", offset.total_seconds())
    return SystemClock(lambda: time.time_ns() + ns)
