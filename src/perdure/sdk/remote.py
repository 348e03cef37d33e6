"""A node in another process, reached over HTTP from any thread and any event loop of this one."""

from __future__ import annotations

import asyncio
import importlib
import os
import threading
import weakref
from contextvars import Context
from typing import TYPE_CHECKING, Any, TypeVar

from perdure.config.settings import load_settings
from perdure.errors import PerdureError
from perdure.sdk.loop_thread import run_until_stopped
from perdure.sdk.node import refuse_running_loop

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from perdure.protocol.platform import Platform
    from perdure.transport.http_desk import HttpDesk
    from perdure.transport.node_target import Finder

T = TypeVar("T")

_CLOSING_SECONDS = 2.0


class RemoteNode:
    """The way to a node in another process: an event loop in a thread, which begins with the first call.

    Args:
        finder: Knows where the node is.
    """

    def __init__(self, finder: Finder) -> None:
        self._finder = finder
        # By process: a fork has none of its parent's threads, and makes its own.
        self._lines: dict[int, Line] = {}

    @property
    def platform(self) -> Platform:
        """What the node offers, for calls from the loop that reaches it."""
        return self._line().desk

    def check(self) -> None:
        """Refuse at once if there is no node to call.

        Raises:
            NotConnectedError: There is none.
        """
        self._finder.find()

    async def call(self, work: Callable[[Platform], Coroutine[Any, Any, T]]) -> T:
        """Run a call on the loop that reaches the node and return its result, from whatever loop this is."""
        line = self._line()
        if threading.get_ident() == line.thread.ident:
            return await work(line.desk)
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work(line.desk), line.loop))

    def run_blocking(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop that reaches the node and block this thread until it is done.

        Raises:
            SyncInAsyncError: This thread runs an event loop, which the call would block.
        """
        try:
            refuse_running_loop()
            line = self._line()
        except PerdureError:
            work.close()
            raise
        # An empty context: a task body's thread must not make this one of its run's branches.
        return Context().run(asyncio.run_coroutine_threadsafe, work, line.loop).result()

    def _line(self) -> Line:
        pid = os.getpid()
        line = self._lines.get(pid)
        if line is None:
            # Of several threads that come first at once, one has its line kept.
            line = self._lines.setdefault(pid, Line(self._finder))
        line.begin(self)
        return line


class Line:
    """A thread with an event loop on which a node is called."""

    def __init__(self, finder: Finder) -> None:
        # Large, and not for everybody.
        from perdure.transport.http_desk import HttpDesk
        from perdure.transport.node_link import NodeLink

        self.desk: HttpDesk = HttpDesk(NodeLink(finder))
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._has_begun = False

    def begin(self, owner: RemoteNode) -> None:
        """Start the thread, if it does not run; it ends with its owner, or with the process."""
        if self._has_begun:
            return
        with self._lock:
            if not self._has_begun:
                self.loop = asyncio.new_event_loop()
                self.thread = threading.Thread(target=self._run, name="perdure-calls", daemon=True)
                self.thread.start()
                weakref.finalize(owner, self.end)
                self._has_begun = True

    def end(self) -> None:
        """Close the connections and end the thread."""
        if os.getpid() != self._pid or not self.thread.is_alive():
            return
        self.loop.call_soon_threadsafe(self.loop.stop)
        if threading.get_ident() != self.thread.ident:
            self.thread.join(_CLOSING_SECONDS)

    def _run(self) -> None:
        run_until_stopped(self.loop, last=self.desk.close)


def announced_node(database_url: str | None, *, otherwise: str) -> RemoteNode | None:
    """Give the way to the node that has said beside its database where it is; ``None``: that has no place for it.

    Args:
        database_url: The database; ``None``: as the environment says.
        otherwise: What is raised as `NotConnectedError` while there is no such node.
    """
    url = load_settings().database_url if database_url is None else database_url
    server = importlib.import_module("perdure.server.announced")
    finder: Finder | None = server.announced_finder(url, otherwise=otherwise)
    return None if finder is None else RemoteNode(finder)


def named_node(url: str, api_key: str) -> RemoteNode:
    """Give the way to the node at a URL."""
    from perdure.transport.node_target import NamedNode

    return RemoteNode(NamedNode(url, api_key))
