"""A node that a client has started, and how its platform is reached from any thread and any event loop."""

from __future__ import annotations

import asyncio
import os
import threading
from contextvars import Context
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from perdure.errors import ForkedProcessError, PerdureError, SyncInAsyncError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from perdure.protocol.platform import Platform
    from perdure.sdk.host import Host
    from perdure.sdk.loop_watch import LoopWatch

T = TypeVar("T")


class Connection(Protocol):
    """The way to a node, from any thread and any event loop."""

    @property
    def platform(self) -> Platform:
        """What the node offers, for calls from the loop that reaches it."""
        ...

    async def call(self, work: Callable[[Platform], Coroutine[Any, Any, T]]) -> T:
        """Run a call and return its result, from whatever loop this is."""
        ...

    def run_blocking(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine where calls are made, and block this thread until it is done.

        Raises:
            SyncInAsyncError: This thread runs an event loop, which the call would block.
        """
        ...


class Embedded(Protocol):
    """What the embedded assembly gives back."""

    @property
    def platform(self) -> Platform: ...

    @property
    def is_attached(self) -> bool: ...

    @property
    def url(self) -> str: ...

    @property
    def signing_key(self) -> str: ...

    def asgi(self) -> Any: ...

    async def stop(self) -> None: ...


class Node:
    """An engine inside this process, with a client's jobs; or in another one, which owns the database.

    Args:
        embedded: The engine, or the way to it.
        host: The jobs.
        watch: What watches the event loop, if anything does.
    """

    def __init__(self, embedded: Embedded, host: Host, *, watch: LoopWatch | None = None) -> None:
        self._embedded = embedded
        self._host = host
        self._watch = watch
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._pid = os.getpid()

    @property
    def platform(self) -> Platform:
        """What the engine offers, for calls from the node's own loop."""
        return self._embedded.platform

    @property
    def is_attached(self) -> bool:
        """Whether another process owns the database and executes the runs; this one takes over when that has ended."""
        return self._embedded.is_attached

    @property
    def is_inherited(self) -> bool:
        """Whether this process was forked from the one that has started the node, and has none itself."""
        return os.getpid() != self._pid

    @property
    def url(self) -> str:
        """The origin of this node's callback URLs: ``public_url``, or a loopback port of its own."""
        return self._embedded.url

    @property
    def signing_key(self) -> str:
        """What notifications to callback URLs are signed with (v2 protocol, section 6.10)."""
        return self._embedded.signing_key

    def asgi(self) -> Any:
        """Make the ASGI application for callback URLs, to be mounted in an app at the path of ``public_url``.

        Raises:
            ForkedProcessError: This process was forked after the node had been started.
        """
        self._check_process()
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
        """Stop taking work, wait at most 10 s for what executes, suspend the rest, close the database.

        A process that was forked since has nothing to stop.
        """
        if self.is_inherited:
            return
        if self._watch is not None:
            self._watch.stop()
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
