"""Starting a client's node: on this event loop, or in a thread that has one of its own."""

from __future__ import annotations

import asyncio
import importlib
import os
import threading
from typing import TYPE_CHECKING, Final, Literal, cast, get_args

from msgspec import Struct

from perdure.config.settings import load_settings
from perdure.errors import InvalidArgumentError, PerdureError
from perdure.sdk.host import Host
from perdure.sdk.loop_thread import close_at_exit
from perdure.sdk.loop_watch import LoopWatch
from perdure.sdk.node import Node

if TYPE_CHECKING:
    from types import TracebackType

    from perdure.sdk.client import Client
    from perdure.sdk.node import Embedded

WhenLocked = Literal["attach", "fail"]
"""What to do if another process owns the database."""

_WAYS: Final = get_args(WhenLocked)


class StartOptions(Struct, frozen=True):
    """How a node is started; see `Client.start`."""

    database_url: str | None
    public_url: str | None
    when_locked: str
    force_replay: bool


async def start_node(client: Client, options: StartOptions) -> Node:
    """Assemble an embedded node for a client's jobs; this is the SDK's one door to the server side."""
    if options.when_locked not in _WAYS:
        known = " or ".join(f'"{way}"' for way in _WAYS)
        raise InvalidArgumentError(f"when_locked={options.when_locked!r} is not understood; it may be {known}.")
    assembly = importlib.import_module("perdure.server.attach")
    settings = load_settings()
    host = Host(
        client,
        force_replay=options.force_replay or is_replay_forced(),
        max_threads=settings.max_threads,
    )
    try:
        embedded: Embedded = await assembly.start_library(
            host,
            when_locked=cast("WhenLocked", options.when_locked),
            database_url=options.database_url or client.database_url,
            public_url=options.public_url,
            api_key=client.api_key,
            connect=host.connect,
        )
    except BaseException:
        await host.stop()
        raise
    limit = settings.blocked_loop_after
    watch = None if limit is None else LoopWatch(client.id, asyncio.get_running_loop(), limit=limit.total_seconds())
    return Node(embedded, host, watch=watch)


def is_replay_forced() -> bool:
    """Whether ``PERDURE_FORCE_REPLAY`` asks that every suspension replays."""
    return os.environ.get("PERDURE_FORCE_REPLAY", "") not in ("", "0", "false")


class Start:
    """``async with client.start() as node:``."""

    def __init__(self, client: Client, options: StartOptions) -> None:
        self._client = client
        self._options = options
        self._node: Node | None = None

    async def __aenter__(self) -> Node:
        if self._client.is_started:
            raise PerdureError(f"The client {self._client.id!r} is started already.")
        self._node = await start_node(self._client, self._options)
        self._client.node = self._node
        return self._node

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        node, self._node = self._node, None
        self._client.node = None
        if node is not None:
            await node.stop()


class BackgroundStart:
    """``with client.start_background() as node:`` — the node runs on an event loop in a thread of its own.

    Where no block lasts as long as the node is to, as in the module of a WSGI app or in a notebook: ``open()`` starts
    it, and it is stopped by ``close()`` or when the process ends.
    """

    def __init__(self, client: Client, options: StartOptions) -> None:
        self._client_id = client.id
        self._start = Start(client, options)
        self._ready = threading.Event()
        self._error: BaseException | None = None
        self._node: Node | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="perdure-node", daemon=True)
        self._pid = 0

    def open(self) -> Node:
        """Start the node, and have it stopped when the process ends, if not before.

        Raises:
            PerdureError: It was opened before; and what `Client.start` raises.
        """
        if self._ready.is_set():
            raise PerdureError(f"The client {self._client_id!r} was started with this already: make another one.")
        self._pid = os.getpid()
        self._thread.start()
        self._ready.wait()
        if self._error is not None:
            self._thread.join()
            raise self._error
        assert self._node is not None
        close_at_exit(self)
        return self._node

    def close(self) -> None:
        """Stop the node; nothing happens if it is stopped, or in a process that was forked since."""
        if self._pid != os.getpid() or not self._ready.is_set():
            return
        if self._loop is not None and self._stop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def __enter__(self) -> Node:
        return self.open()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            if self._ready.is_set():
                raise
            self._error = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        async with self._start as node:
            self._node = node
            self._ready.set()
            await self._stop.wait()
