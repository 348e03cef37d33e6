"""A node that a client has started, and how its platform is reached from any thread and any event loop."""

from __future__ import annotations

import asyncio
import importlib
import os
import threading
from contextvars import Context
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

from perdure.config.settings import load_settings
from perdure.errors import ForkedProcessError, InvalidArgumentError, PerdureError, SyncInAsyncError
from perdure.sdk.host import Host

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from types import TracebackType

    from perdure.protocol.platform import Platform
    from perdure.sdk.client import Client

T = TypeVar("T")

WhenLocked = Literal["fail"]


class Embedded(Protocol):
    """What the embedded assembly gives back."""

    platform: Platform

    @property
    def url(self) -> str: ...

    @property
    def signing_key(self) -> str: ...

    def asgi(self) -> Any: ...

    async def stop(self) -> None: ...


class Node:
    """An engine inside this process, with a client's jobs.

    Attributes:
        platform: What the engine offers, for calls from its own loop.
    """

    def __init__(self, embedded: Embedded, host: Host) -> None:
        self._embedded = embedded
        self._host = host
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._pid = os.getpid()
        self.platform = embedded.platform

    @property
    def url(self) -> str:
        """The origin of this node's callback URLs: ``public_url``, or a loopback port of its own."""
        return self._embedded.url

    @property
    def signing_key(self) -> str:
        """What notifications to callback URLs are signed with (v2 protocol, section 6.10)."""
        return self._embedded.signing_key

    def asgi(self) -> Any:
        """Make the ASGI application for callback URLs, to be mounted in an app at the path of ``public_url``."""
        return self._embedded.asgi()

    async def call(self, work: Callable[[Platform], Coroutine[Any, Any, T]]) -> T:
        """Run a call on the node's loop and return its result, from whatever loop this is."""
        # One thread has one running loop; asking asyncio which costs a system call.
        if threading.get_ident() == self._thread and os.getpid() == self._pid:
            return await work(self.platform)
        self._check_process()
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work(self.platform), self._loop))

    def run_blocking(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the node's loop and block this thread until it is done.

        Raises:
            SyncInAsyncError: This thread runs an event loop, which the call would block.
        """
        try:
            self._check_process()
            refuse_running_loop()
        except PerdureError:
            work.close()
            raise
        # An empty context: a task body's thread must not make this one of its run's branches.
        return Context().run(asyncio.run_coroutine_threadsafe, work, self._loop).result()

    async def stop(self) -> None:
        """Stop taking work, wait at most 10 s for what executes, suspend the rest, close the database."""
        await self._embedded.stop()
        await self._host.stop()

    def _check_process(self) -> None:
        if os.getpid() != self._pid:
            raise ForkedProcessError


def refuse_running_loop() -> None:
    """Refuse a blocking call where it would block an event loop.

    Raises:
        SyncInAsyncError: This thread runs one.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise SyncInAsyncError


async def start_node(
    client: Client, database_url: str | None, public_url: str | None, when_locked: str, force_replay: bool
) -> Node:
    """Assemble an embedded node for a client's jobs; this is the SDK's one door to the server side."""
    if when_locked != "fail":
        raise InvalidArgumentError(f'when_locked={when_locked!r} is not understood; it may be "fail".')
    assembly = importlib.import_module("perdure.server.embedded")
    host = Host(
        client.id,
        client.jobs,
        force_replay=force_replay or is_replay_forced(),
        max_threads=load_settings().max_threads,
        dynamic_schedules=client.dynamic_schedules,
    )
    try:
        embedded = await assembly.start_embedded(
            host, database_url=database_url or client.database_url, public_url=public_url, connect=host.connect
        )
    except BaseException:
        await host.stop()
        raise
    return Node(embedded, host)


def is_replay_forced() -> bool:
    """Whether ``PERDURE_FORCE_REPLAY`` asks that every suspension replays."""
    return os.environ.get("PERDURE_FORCE_REPLAY", "") not in ("", "0", "false")


class Start:
    """``async with client.start() as node:``."""

    def __init__(
        self, client: Client, database_url: str | None, public_url: str | None, when_locked: str, force_replay: bool
    ) -> None:
        self._client = client
        self._arguments = (database_url, public_url, when_locked, force_replay)
        self._node: Node | None = None

    async def __aenter__(self) -> Node:
        if self._client.node is not None:
            raise PerdureError(f"The client {self._client.id!r} is started already.")
        self._node = await start_node(self._client, *self._arguments)
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
    """``with client.start_background() as node:`` — the node runs on an event loop in a thread of its own."""

    def __init__(
        self, client: Client, database_url: str | None, public_url: str | None, when_locked: str, force_replay: bool
    ) -> None:
        self._start = Start(client, database_url, public_url, when_locked, force_replay)
        self._ready = threading.Event()
        self._error: BaseException | None = None
        self._node: Node | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="perdure-node", daemon=True)

    def __enter__(self) -> Node:
        self._thread.start()
        self._ready.wait()
        if self._error is not None:
            self._thread.join()
            raise self._error
        assert self._node is not None
        return self._node

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._loop is not None and self._stop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

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
