"""A node inside the user's process."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from perdure.config.secret_key import load_secret_key
from perdure.config.settings import Settings, load_settings
from perdure.engine.clock import Clock, SystemClock
from perdure.engine.node import Node, open_node
from perdure.server.address import Address, open_address
from perdure.storage.opening import database_path, open_storage

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.protocol.endpoint import Endpoint
    from perdure.protocol.platform import Platform
    from perdure.storage.interface import Storage


class EmbeddedNode:
    """A node at work in this process; made by `start_embedded`.

    Attributes:
        platform: What the SDK speaks to.
        storage: The open database.
    """

    def __init__(self, node: Node, storage: Storage, address: Address) -> None:
        self._node = node
        self._address = address
        self.platform: Platform = node.platform
        self.storage = storage

    @property
    def url(self) -> str:
        """The URL under which this node's routes are reached, without a slash at its end."""
        return self._address.url

    def asgi(self) -> Any:
        """Make the ASGI application that serves this node's routes, to be mounted where ``public_url`` says."""
        from perdure.api.app import node_app

        return node_app(self._node.callbacks)

    async def add(self, endpoint: Endpoint) -> None:
        """Execute the jobs of another app, too.

        Raises:
            DuplicateJobError: It declares a job id that this node has already.
        """
        await self._node.add(endpoint)

    async def stop(self, grace: float = 10) -> None:
        """Stop taking work, wait for executions, put the rest back in line, close the database.

        Args:
            grace: For how many seconds executions at work may go on.
        """
        try:
            await self._node.stop(grace=timedelta(seconds=grace))
        finally:
            try:
                await self._address.close()
            finally:
                await self.storage.close()


async def start_embedded(
    endpoint: Endpoint,
    *,
    database_url: str | None = None,
    public_url: str | None = None,
    settings: Settings | None = None,
    clock: Clock | None = None,
    connect: Callable[[Platform, Clock, Callable[[int], bytes]], None] | None = None,
) -> EmbeddedNode:
    """Open the database and start a node that executes an app's jobs.

    Args:
        endpoint: The app.
        database_url: Where everything is stored; ``None``: as the settings say. ``sqlite://`` is in memory.
        public_url: Where the app has mounted `EmbeddedNode.asgi`; ``None``: as the settings say. Without one the node
            listens on a loopback port of its own.
        settings: How the node runs; ``None``: as the environment says.
        clock: The time; ``None``: the machine's.
        connect: Called with the platform, the clock and the source of random bytes before anything is executed.

    Raises:
        StorageError: The database cannot be opened.
        InvalidArgumentError: ``public_url`` is no URL.
        DuplicateJobError: The app declares a job id twice.
    """
    if settings is None:
        settings = load_settings()
    # It may wait for another process that is just ending.
    clock = SystemClock() if clock is None else clock
    url = settings.database_url if database_url is None else database_url
    path = database_path(url)
    storage = await asyncio.to_thread(open_storage, url)
    address: Address | None = None
    try:
        address = await open_address(storage, settings.public_url if public_url is None else public_url)
        node = await open_node(
            storage,
            clock=clock,
            random_bytes=os.urandom,
            settings=settings,
            secret_key=lambda: load_secret_key(None if path is None else path.with_name(f"{path.name}.key")),
            origin=address.hand_out,
        )
        embedded = EmbeddedNode(node, storage, address)
        address.listen(embedded.asgi)
        await address.keep(node.lease.node_no)
        if connect is not None:
            connect(node.platform, clock, os.urandom)
        await node.add(endpoint)
        node.begin()
    except BaseException:
        if address is not None:
            await address.close()
        await storage.close()
        raise
    return embedded
