"""The handler for hosts without an event loop: jobs run on one in a thread, one for each process."""

from __future__ import annotations

import asyncio
import os
import threading
from typing import TYPE_CHECKING, Final

from perdure.adapters.handler import AppHandler
from perdure.sdk.loop_thread import close_at_exit, run_until_stopped

if TYPE_CHECKING:
    from perdure.adapters.exchange import AppAnswer, AppRequest
    from perdure.sdk.client import Client

_CLOSING_SECONDS: Final = 5.0


class BlockingHandler:
    """Answers what servers ask of a client's jobs, from any number of threads; each blocks until it has its answer.

    Processes that are forked from this one have a thread of their own each.

    Args:
        client: The client.
    """

    def __init__(self, client: Client) -> None:
        # A thread would wait for that, in one of many processes: those that the server asks next have no room then.
        self._handler = AppHandler(client, outlives_servers=False)
        self._lock = threading.Lock()
        self._thread: LoopThread | None = None

    def handle(self, request: AppRequest) -> AppAnswer:
        """Answer a request; see `AppHandler.handle`."""
        loop = self._open().loop
        answering = asyncio.run_coroutine_threadsafe(self._handler.handle(request), loop)
        try:
            return answering.result()
        except BaseException:
            answering.cancel()
            raise

    def _open(self) -> LoopThread:
        thread = self._thread
        if thread is None or thread.pid != os.getpid():
            with self._lock:
                thread = self._thread
                if thread is None or thread.pid != os.getpid():
                    thread = self._thread = LoopThread(self._handler)
        return thread


class LoopThread:
    """A thread with an event loop, until the process ends.

    Args:
        handler: Whose code runs in it; its connections are closed with the loop, and not before.

    Attributes:
        loop: The loop.
        pid: The process.
    """

    def __init__(self, handler: AppHandler) -> None:
        self._handler = handler
        self.pid = os.getpid()
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="perdure-jobs", daemon=True)
        self._thread.start()
        close_at_exit(self)

    def close(self) -> None:
        """End what is at work, and the thread."""
        if self.pid != os.getpid() or not self._thread.is_alive():
            return
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(_CLOSING_SECONDS)

    def _run(self) -> None:
        run_until_stopped(self.loop)
