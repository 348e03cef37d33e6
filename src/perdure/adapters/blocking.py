"""The handler for hosts without an event loop: jobs run on one in a thread, one for each process."""

from __future__ import annotations

import asyncio
import os
import threading
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Any, Final

from perdure.adapters.exchange import AppAnswer
from perdure.adapters.handler import AppHandler
from perdure.protocol.messages.headers import ACTION_HEADER, Action
from perdure.sdk.loop_thread import close_at_exit, run_until_stopped

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Future

    from perdure.adapters.exchange import AppRequest
    from perdure.sdk.client import Client

ONLY_THREAD_SECONDS: Final = 1.0
"""For how long a probe may hold the only thread that a server has."""

_CLOSING_SECONDS: Final = 5.0

# It says nothing of how long an execution may take.
_NO_THREAD: Final = AppAnswer(
    503, {"content-type": "application/json"}, b'{"message":"The app has no thread to spare for a probe."}'
)


def is_only_thread(environ: Mapping[str, Any]) -> bool:
    """Whether a WSGI server has but one thread for requests, as far as it says."""
    return not environ.get("wsgi.multithread", True) and not environ.get("wsgi.multiprocess", True)


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

    def handle(self, request: AppRequest, *, is_only_thread: bool = False) -> AppAnswer:
        """Answer a request; see `AppHandler.handle`.

        A probe, which takes two minutes, is given no thread that a run could have: there is one at a time, and it ends
        when there is something to execute, or after a second if it has the only thread.

        Args:
            request: The request.
            is_only_thread: Whether nobody else could answer meanwhile.
        """
        thread = self._open()
        action = request.headers.get(ACTION_HEADER)
        if action == Action.EXECUTE_JOB:
            thread.end_probe()
        elif action == Action.PROBE_EXECUTION_TIMEOUT and not thread.begin_probe():
            return _NO_THREAD
        answering = asyncio.run_coroutine_threadsafe(self._handler.handle(request), thread.loop)
        if action == Action.PROBE_EXECUTION_TIMEOUT:
            return thread.wait_for_probe(answering, seconds=ONLY_THREAD_SECONDS if is_only_thread else None)
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
        self._lock = threading.Lock()
        self._is_probed = self._has_ended_probe = False
        self._probe: Future[AppAnswer] | None = None
        self._thread = threading.Thread(target=self._run, name="perdure-jobs", daemon=True)
        self._thread.start()
        close_at_exit(self)

    def close(self) -> None:
        """End what is at work, and the thread."""
        if self.pid != os.getpid() or not self._thread.is_alive():
            return
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(_CLOSING_SECONDS)

    def begin_probe(self) -> bool:
        """Let a request be the probe, if there is none."""
        with self._lock:
            is_first, self._is_probed = not self._is_probed, True
            self._has_ended_probe = self._has_ended_probe and not is_first
        return is_first

    def end_probe(self) -> None:
        """Let whoever waits for the probe's answer wait no more."""
        with self._lock:
            self._has_ended_probe = True
            probe = self._probe
        if probe is not None:
            probe.cancel()

    def wait_for_probe(self, answering: Future[AppAnswer], *, seconds: float | None) -> AppAnswer:
        """Wait for the answer to the probe, or until it is ended; for so many seconds at most."""
        with self._lock:
            self._probe = answering
            # There may have been something to execute since it began.
            has_ended = self._has_ended_probe
        if has_ended:
            answering.cancel()
        try:
            return answering.result(seconds)
        except (CancelledError, TimeoutError):
            return _NO_THREAD
        finally:
            answering.cancel()
            with self._lock:
                self._is_probed, self._probe = False, None

    def _run(self) -> None:
        run_until_stopped(self.loop)
