"""A worker: dials a server, does the actions that come down the connection, and sends the answers up."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import secrets
import socket
from base64 import b64decode
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any, Final

from perdure.adapters.answers import Answers
from perdure.adapters.exchange import AppRequest
from perdure.adapters.handler import AppHandler
from perdure.adapters.heartbeat import Heartbeat
from perdure.config.settings import load_settings
from perdure.errors import FetchFailedError, NotConnectedError
from perdure.protocol.api_json import decode, encode
from perdure.protocol.json_text import JsonText
from perdure.protocol.messages.codec import encode_message
from perdure.protocol.messages.errors import EndpointErrorAnswer
from perdure.protocol.worker_messages import (
    WorkerAbort,
    WorkerAnswer,
    WorkerAnswers,
    WorkerBeat,
    WorkerCall,
    WorkerReady,
    WorkerResolve,
    WorkerWithdrawal,
)
from perdure.sdk.loop_watch import LoopWatch
from perdure.transport.event_stream import read_events
from perdure.transport.node_errors import error_of, read_refusal
from perdure.transport.node_link import path_of, perdure_version
from perdure.transport.node_request import LostError, NodeReply, NodeRequest, NotSentError
from perdure.transport.node_session import NodeSession
from perdure.transport.node_target import Target

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from perdure.sdk.client import Client

GRACE_SECONDS: Final = 10.0
"""How long executions have to end when a worker is to stop."""

_UNWINDING_SECONDS: Final = 2.0
_FIRST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 5.0
_ANSWER_ATTEMPTS: Final = 3
_SEND_SECONDS: Final = 30.0
_TOO_OFTEN: Final = 429

_NOT_TAKEN: Final = "The server did not take the worker's answer; the worker's log says why."

_log = logging.getLogger(__name__)


class Worker:
    """Executes a client's jobs for a server, until it is told to stop.

    Args:
        client: The client; it knows its server.
        is_ready: Called with the worker's id, the server's URL and the number of jobs, each time that it is connected.

    Raises:
        NotConnectedError: The client does not know its server.
        PerdureError: A job cannot be what it is declared as.
    """

    def __init__(self, client: Client, *, is_ready: Callable[[str, str, int], None]) -> None:
        url, api_key = client.connecting.server()
        for job in client.jobs.values():
            # What is wrong with it is to be said here, not when the server asks.
            job.spec()
        self.id = f"{socket.gethostname()[:64]}-{os.getpid()}-{secrets.token_hex(4)}"
        self._client = client
        self._target = Target(url, api_key)
        self._is_ready = is_ready
        self._handler = AppHandler(client, keeper=self.id)
        self._stopping = asyncio.Event()
        # By the number of the action, which a connection counts anew.
        self._at_work: dict[int, asyncio.Task[None]] = {}
        self._taken = 0
        self._was_connected = False
        self._answers = Answers(self._say)
        self._session = NodeSession(perdure_version(), is_signing=load_settings().require_signatures)

    def stop(self) -> None:
        """Take no more runs, let those at work end, and then return from `run`."""
        self._stopping.set()

    async def run(self) -> None:
        """Work until `stop` is called.

        Raises:
            NotConnectedError: The server does not take the key.
            PerdureError: The server does not take the app's jobs.
        """
        limit = load_settings().blocked_loop_after
        loop = asyncio.get_running_loop()
        watch = None if limit is None else LoopWatch(self._client.id, loop, limit=limit.total_seconds())
        heartbeat = Heartbeat(self._target, self._path("beats"), self.id, taken=lambda: self._taken)
        listening = asyncio.ensure_future(self._listen())
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait((listening, stopping), return_when=asyncio.FIRST_COMPLETED)
            if self._stopping.is_set():
                await self._drain()
            else:
                await listening
        finally:
            for task in (listening, stopping, *self._at_work.values()):
                task.cancel()
            await asyncio.gather(listening, stopping, *self._at_work.values(), return_exceptions=True)
            self._answers.drop()
            heartbeat.stop()
            if watch is not None:
                watch.stop()
            await self._handler.close()
            await self._session.close()

    async def _listen(self) -> None:
        """Do what comes, over one connection after the other."""
        pause, has_lost = _FIRST_PAUSE, False
        while True:
            try:
                async for name, data in self._events():
                    pause, has_lost = _FIRST_PAUSE, False
                    self._take(name, data)
            except (NotSentError, LostError) as error:
                if not has_lost:
                    _log.warning("The server at %s is not there: %s", self._target.url, error)
                has_lost = True
            # The server executes elsewhere what this worker had.
            await self._cancel()
            self._taken = 0
            await asyncio.sleep(pause * random.uniform(0.5, 1))
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _events(self) -> AsyncIterator[tuple[str, bytes]]:
        request = NodeRequest("GET", f"{self._path('calls')}?worker={self.id}")
        stream: Any = self._session.stream(self._target, request)
        async with aclosing(stream) as parts:
            head = await anext(parts)
            assert isinstance(head, NodeReply)
            # Where the server was, what stands before it may say for a while that nothing is there.
            is_away = not head.is_native and self._was_connected and head.status != 200
            if head.status >= 500 or head.status == _TOO_OFTEN or is_away:
                raise LostError(f"it answered with status {head.status}.")
            if head.status != 200 or not head.is_native:
                raise error_of(head.status, read_refusal(head.body), url=self._target.url)
            async for event in read_events(parts):
                yield event

    def _take(self, name: str, data: bytes) -> None:
        if name == "error":
            raise self._refusal(data)
        if name == "ready":
            self._was_connected = True
            self._is_ready(self.id, self._target.url, decode(data, WorkerReady).jobs)
            return
        if name == "abort":
            self._handler.abort_run(decode(data, WorkerAbort).run)
            return
        if name == "resolve":
            self._handler.resolve(decode(data, WorkerResolve))
            return
        if name == "withdraw":
            withdrawn = self._at_work.get(decode(data, WorkerWithdrawal).id)
            if withdrawn is not None:
                withdrawn.cancel()
            return
        call = decode(data, WorkerCall)
        self._taken = call.id
        task = self._at_work[call.id] = asyncio.ensure_future(self._do(call))
        task.add_done_callback(lambda _: self._at_work.pop(call.id, None))

    async def _do(self, call: WorkerCall) -> None:
        body = b64decode(call.raw) if call.raw is not None else (call.body or "").encode()
        answer = await self._handler.handle(AppRequest("POST", call.headers, body))
        said = WorkerAnswer(
            self.id,
            call.id,
            answer.status,
            dict(answer.headers),
            JsonText(answer.body.decode()) if answer.body else None,
        )
        if not await self._answers.put(said):
            # Its execution would be waited for without end.
            refusal = JsonText(encode_message(EndpointErrorAnswer(message=_NOT_TAKEN)).decode())
            await self._answers.put(WorkerAnswer(self.id, call.id, 500, {}, refusal))

    async def _say(self, answers: Sequence[WorkerAnswer]) -> bool:
        """Send answers, for as long as there is a connection to the server; whether they were taken."""
        pause = _FIRST_PAUSE
        while True:
            status = await self._send("answers", WorkerAnswers(list(answers)))
            if status is not None and status < 500 and status != _TOO_OFTEN:
                return status < 400
            await asyncio.sleep(pause * random.uniform(0.5, 1))
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _refusal(self, data: bytes) -> Exception:
        """Say why the server does not take the app; what may pass is like a connection that was lost."""
        error = error_of(500, read_refusal(data), url=self._target.url)
        passes = isinstance(error, FetchFailedError | NotConnectedError) or getattr(error, "retryable", False)
        return LostError(str(error)) if passes else error

    async def _send(self, what: str, message: WorkerAnswers | WorkerBeat) -> int | None:
        """Send a message up; the status of what is answered, ``None`` if the server is not there."""
        request = NodeRequest("POST", self._path(what), encode(message))
        for _ in range(_ANSWER_ATTEMPTS):
            try:
                async with asyncio.timeout(_SEND_SECONDS):
                    reply = await self._session.send(self._target, request)
            except (NotSentError, LostError, TimeoutError):
                await asyncio.sleep(_FIRST_PAUSE)
                continue
            if reply.status >= 400:
                refused = read_refusal(reply.body)
                said = f"{reply.body[:300]!r}" if refused is None else refused.error
                _log.warning("The server took no %s: status %d, %s", what, reply.status, said)
            return reply.status
        return None

    async def _drain(self) -> None:
        """Take no more runs, and let those at work end: by themselves, between two tasks, or in the end at once."""
        with suppress(TimeoutError):
            # A server that stands still must not keep a worker from ending.
            async with asyncio.timeout(_UNWINDING_SECONDS):
                await self._send("beats", WorkerBeat(self.id, draining=True))
        self._handler.drain()
        if self._at_work:
            await asyncio.wait(self._at_work.values(), timeout=GRACE_SECONDS)
        self._handler.abort()
        if self._at_work:
            await asyncio.wait(self._at_work.values(), timeout=_UNWINDING_SECONDS)

    async def _cancel(self) -> None:
        self._answers.drop()
        for task in list(self._at_work.values()):
            task.cancel()
        await asyncio.gather(*self._at_work.values(), return_exceptions=True)

    def _path(self, what: str) -> str:
        return path_of("workers", self._client.id, what)


async def work(client: Client, *, stop_on: tuple[int, ...], is_ready: Callable[[str, str, int], None]) -> None:
    """Run a worker until one of these signals comes.

    Raises:
        PerdureError: As for `Worker`.
    """
    worker = Worker(client, is_ready=is_ready)
    loop = asyncio.get_running_loop()
    for number in stop_on:
        loop.add_signal_handler(number, worker.stop)
    await worker.run()
