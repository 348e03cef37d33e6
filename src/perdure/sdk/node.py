"""A node that a client has started, and how its platform is reached from any thread and any event loop."""

from __future__ import annotations

import asyncio
import os
import threading
from concurrent.futures import CancelledError, Future
from contextvars import Context
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from perdure.errors import ForkedProcessError, NotConnectedError, PerdureError, StorageError, SyncInAsyncError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from perdure.protocol.platform import Platform
    from perdure.sdk.host import Host
    from perdure.sdk.loop_watch import LoopWatch

T = TypeVar("T")

_STOPPED: Final = "The node that this asks has been stopped; start the client again and ask that."


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
        self._is_stopping = False
        self._is_stopped = False
        # What other threads and loops have asked and wait for; and the same as it is at work on this loop.
        self._asked: set[Future[Any]] = set()
        self._at_work: set[asyncio.Task[Any]] = set()
        self._asking = threading.Lock()

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
        """Run a call on the node's loop and return its result, from whatever loop this is.

        Raises:
            NotConnectedError: The node has been stopped, before or meanwhile.
        """
        # One thread has one running loop; asking asyncio which costs a system call.
        if threading.get_ident() == self._thread and os.getpid() == self._pid:
            try:
                return await work(self.platform)
            except (StorageError, NotConnectedError) as error:
                # Whoever asks a node does not know of the storage that it has closed.
                if not self._is_stopping:
                    raise
                raise NotConnectedError(_STOPPED) from error
        self._check_process()
        asked = self._ask(work(self.platform))
        try:
            return await asyncio.wrap_future(asked)
        except asyncio.CancelledError:
            waiting = asyncio.current_task()
            if waiting is not None and waiting.cancelling():
                raise
            # Whoever waits was not cancelled: the node has stopped.
            raise NotConnectedError(_STOPPED) from None

    def run_blocking(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the node's loop and block this thread until it is done.

        Raises:
            SyncInAsyncError: This thread runs an event loop, which the call would block.
            NotConnectedError: The node has been stopped, before or meanwhile.
        """
        try:
            self._check_process()
            refuse_running_loop()
        except PerdureError:
            work.close()
            raise
        # An empty context: a task body's thread must not make this one of its run's branches.
        asked: Future[T] = Context().run(self._ask, work)
        try:
            return asked.result()
        except CancelledError:
            raise NotConnectedError(_STOPPED) from None

    def _ask(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        with self._asking:
            if self._is_stopped:
                work.close()
                raise NotConnectedError(_STOPPED)
            asked = asyncio.run_coroutine_threadsafe(self._until_stopped(work), self._loop)
            self._asked.add(asked)
        asked.add_done_callback(self._asked.discard)
        return asked

    async def _until_stopped(self, work: Coroutine[Any, Any, T]) -> T:
        if self._is_stopped:
            work.close()
            raise NotConnectedError(_STOPPED)
        task = asyncio.current_task()
        assert task is not None
        self._at_work.add(task)
        try:
            return await work
        except (StorageError, NotConnectedError) as error:
            if not self._is_stopping:
                raise
            raise NotConnectedError(_STOPPED) from error
        finally:
            self._at_work.discard(task)

    async def stop(self) -> None:
        """Stop taking work, wait at most 10 s for what executes, suspend the rest, close the database.

        A process that was forked since has nothing to stop.
        """
        if self.is_inherited:
            return
        if self._watch is not None:
            self._watch.stop()
        self._is_stopping = True
        try:
            await self._embedded.stop()
            await self._host.stop()
        finally:
            await self._tell_who_waits()

    async def stop_elsewhere(self) -> None:
        """Stop the node, which may be on another event loop."""
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self.stop(), self._loop))

    async def _tell_who_waits(self) -> None:
        with self._asking:
            self._is_stopped = True
            asked = [asyncio.wrap_future(one) for one in self._asked]
        for task in self._at_work:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)

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
