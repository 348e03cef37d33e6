"""Apps whose jobs are executed by requests of a server: behind HTTP, or in a worker.

Server and app are in the test's process, on its event loop, and know each other by real sockets only. What the test
asks of its client goes to the server by HTTP, too.
"""

from __future__ import annotations

import asyncio
import os
import socket
import weakref
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any
from unittest.mock import patch

from anyio.from_thread import start_blocking_portal
from uvicorn import Server

from perdure.adapters.worker import Worker
from perdure.sdk.node import Node
from perdure.server.embedded import start_embedded
from perdure.server.embedded_node import EmbeddedNode
from perdure.server.http import make_server
from tests.scenarios.app import PATIENCE, App

WAY = os.environ.get("PERDURE_SCENARIOS", "")
"""By which way jobs are executed: ``http``, ``worker``, or, if nothing is said, in an embedded node."""

MOMENTS = 1000 if WAY else 10
"""How many turns of the event loop what is about to end may take: more with sockets in between."""

KEY = "scenarios0123456789"
"""It names no environment: tests choose which one is opened."""

_NO_HOST: Any = None


class RemoteApp(App):
    """An app that a server has executed.

    Args:
        database_url: The server's database.
        is_worker: Whether the app dials the server; else the server sends it requests.
        client_id: As of `App`.
        force_replay: As of `App`.
        ports: Where the server listens, and the app; 0: on any port.
    """

    def __init__(
        self,
        database_url: str,
        *,
        is_worker: bool,
        force_replay: bool,
        client_id: str = "app",
        ports: tuple[int, int] = (0, 0),
    ) -> None:
        # Bound for as long as there is this app: nobody else is given the ports between two starts.
        reserved = [_bound(port) for port in ports]
        for one in reserved:
            weakref.finalize(self, one.close)
        self._port, self._app_port = (int(one.getsockname()[1]) for one in reserved)
        self._is_worker = is_worker
        self._node: Node | None = None
        url = f"http://127.0.0.1:{self._port}"
        super().__init__(database_url, force_replay=force_replay, client_id=client_id, api_url=url, api_key=KEY)

    def successor(self) -> App:
        return RemoteApp(
            self.database_url,
            is_worker=self._is_worker,
            force_replay=self.force_replay,
            client_id=self.client.id,
            ports=(self._port, self._app_port),
        )

    @property
    def node(self) -> Node:
        assert self._node is not None
        return self._node

    def start(self) -> Any:
        return self._started()

    @contextmanager
    def start_background(self) -> Iterator[Node]:  # type: ignore[override]
        with start_blocking_portal() as portal, portal.wrap_async_context_manager(self._started()) as node:
            yield node

    @asynccontextmanager
    async def start_and_interrupt(self) -> AsyncIterator[Node]:
        async with self._started(grace=0) as node:
            yield node

    @asynccontextmanager
    async def _started(self, *, grace: float = 10) -> AsyncIterator[Node]:
        server = await start_embedded(
            None, database_url=self.database_url, api_key=KEY, inherited=_listen(self._port), serves_all=False
        )
        node = self._node = Node(server, _NO_HOST)
        # Some tests make a client of their own.
        told = {"PERDURE_API_URL": f"http://127.0.0.1:{self._port}", "PERDURE_API_KEY": KEY}
        if self.force_replay:
            told["PERDURE_FORCE_REPLAY"] = "1"
        async with AsyncExitStack() as stack:
            stack.enter_context(patch.dict(os.environ, told))
            try:
                await stack.enter_async_context(self._worker() if self._is_worker else self._behind_http(server))
                yield node
            finally:
                self._node = None
                # Whoever executes is there until the server has no more to do.
                await server.stop(grace)

    @asynccontextmanager
    async def _worker(self) -> AsyncIterator[None]:
        ready = asyncio.Event()
        worker = Worker(self.client, is_ready=lambda *_: ready.set())
        working = asyncio.create_task(worker.run())
        try:
            await _first(ready.wait(), working)
            yield
        finally:
            # Its server has stopped: there is nobody to whom it could say that it drains.
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)

    @asynccontextmanager
    async def _behind_http(self, node: EmbeddedNode) -> AsyncIterator[None]:
        listening = _listen(self._app_port)
        jobs = self.client.asgi()
        server: Server = make_server(jobs, keep_alive=5)
        await server.startup(sockets=[listening])
        try:
            url = f"http://127.0.0.1:{listening.getsockname()[1]}/api/trigger"
            _, indexing = await node.engine.own.remote.endpoints.add(self.client.id, url)
            assert indexing.index is not None, indexing.error
            yield
        finally:
            await server.shutdown(sockets=[listening])
            await jobs._handler.close()


def make_app(database_url: str, *, force_replay: bool) -> App:
    """Make an app whose jobs are executed by the `WAY` that is chosen."""
    if WAY:
        return RemoteApp(database_url, is_worker=WAY == "worker", force_replay=force_replay)
    return App(database_url, force_replay=force_replay)


def _bound(port: int) -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("127.0.0.1", port))
    return made


def _listen(port: int) -> socket.socket:
    listening = _bound(port)
    listening.listen(100)
    return listening


async def _first(waiting: Coroutine[Any, Any, object], working: asyncio.Task[None]) -> None:
    """Wait for something, unless the worker ends before."""
    ready = asyncio.ensure_future(waiting)
    done, _ = await asyncio.wait((ready, working), timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
    if working in done:
        await working
    assert ready in done
