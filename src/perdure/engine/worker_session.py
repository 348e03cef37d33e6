"""A worker that is connected: what it is given to do, and whether it does it."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from typing import TYPE_CHECKING, Final

from perdure.errors import FetchTimeoutError, PerdureError
from perdure.protocol.json_text import JsonText
from perdure.protocol.outbound import OutboundResponse
from perdure.protocol.worker_messages import WorkerCall, WorkerWithdrawal

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.protocol.outbound import OutboundRequest
    from perdure.protocol.worker_messages import WorkerAbort, WorkerAnswer, WorkerReady, WorkerResolve

    Message = WorkerCall | WorkerReady | WorkerAbort | WorkerResolve | WorkerWithdrawal

SILENT_SECONDS: Final = 30.0
"""For how long a worker may give no sign of life before its runs are executed elsewhere."""

UNTAKEN_SECONDS: Final = 10.0
"""For how long a worker that gives signs of life may not begin with an action before another one is to do it."""


class NotTakenError(Exception):
    """A worker has not begun with an action for too long; it was taken back."""


class Session:
    """A worker that is connected.

    Attributes:
        order: The place of its process among all that have dialled in; the newest one has the greatest.
        is_ready: Whether its jobs are registered.
        is_draining: Whether it wants no more runs.
        is_stuck: Whether it gives signs of life, and does not begin with what it is to do: code blocks its event loop.
        has_returned: Set when its process has dialled in again.
    """

    def __init__(self, monotonic: Callable[[], float], *, order: int) -> None:
        self.order = order
        self._monotonic = monotonic
        self._heard = monotonic()
        self._last_id = 0
        # What was given to it last at some moment, and that moment: the latest one at which it had not taken all.
        self._mark = 0, self._heard
        # No longer than the executions of a node are many.
        self._queue: asyncio.Queue[Message | PerdureError | None] = asyncio.Queue()
        self._waiting: dict[int, asyncio.Future[OutboundResponse | None]] = {}
        self._is_closed = False
        self.is_ready = False
        self.is_draining = False
        self.is_stuck = False
        self.has_returned = asyncio.Event()

    @property
    def load(self) -> int:
        """How many actions it has not answered."""
        return len(self._waiting)

    @property
    def is_open(self) -> bool:
        """Whether it takes runs."""
        return self.is_ready and not self.is_draining and not self.is_stuck

    def beat(self, taken: int | None = None) -> None:
        """Note a sign of life, and take back what the worker does not begin with.

        Args:
            taken: The last action that its event loop has taken; ``None``: it does not say.
        """
        now = self._heard = self._monotonic()
        if taken is None:
            return
        given, since = self._mark
        if taken >= given:
            self.is_stuck = False
            self._mark = self._last_id, now
        elif now - since >= UNTAKEN_SECONDS:
            self.is_stuck = True
            self._take_back(taken)

    def _take_back(self, taken: int) -> None:
        for number, waiting in self._waiting.items():
            if number > taken and not waiting.done():
                # It reads both when its loop is free again.
                self.put(WorkerWithdrawal(number))
                waiting.set_exception(NotTakenError())

    def put(self, call: WorkerReady | WorkerAbort | WorkerResolve | WorkerWithdrawal) -> None:
        """Tell it something."""
        self._queue.put_nowait(call)

    def refuse(self, error: PerdureError) -> None:
        """End its connection with an error."""
        self._queue.put_nowait(error)

    async def following(self) -> Message | None:
        """Wait for what it is to do next; ``None``: it is gone.

        Raises:
            PerdureError: It is refused.
        """
        # Looked at each time: what is put there for it says nothing of its being alive.
        while (left := self._heard + SILENT_SECONDS - self._monotonic()) > 0:
            try:
                async with asyncio.timeout(left):
                    found = await self._queue.get()
            except TimeoutError:
                continue
            if isinstance(found, PerdureError):
                raise found
            return found
        return None

    async def request(self, request: OutboundRequest, *, is_bounded: bool) -> OutboundResponse | None:
        """Have it do an action; the bound is that of the request. ``None``: its connection ended before the answer.

        Raises:
            NotTakenError: It has not begun with it for too long, and will not.
            FetchTimeoutError: It took longer than the bound.
        """
        self._last_id += 1
        number = self._last_id
        answered: asyncio.Future[OutboundResponse | None] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answered
        self._queue.put_nowait(_call(number, request))
        try:
            async with asyncio.timeout(request.timeout if is_bounded else None):
                return await answered
        except TimeoutError as error:
            raise FetchTimeoutError(f"The worker took longer than {request.timeout:g} s.") from error
        finally:
            self._waiting.pop(number, None)

    def answer(self, answer: WorkerAnswer) -> None:
        """Take an answer; one that nobody waits for is left."""
        self.beat()
        waiting = self._waiting.get(answer.id)
        if waiting is not None and not waiting.done():
            body = b"" if answer.body is None else answer.body.encode()
            waiting.set_result(OutboundResponse(answer.status, tuple(answer.headers.items()), body))

    def close(self) -> None:
        """End it: what it has not answered is not done."""
        if self._is_closed:
            return
        self._is_closed = True
        self._queue.put_nowait(None)
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_result(None)

    async def returns(self, seconds: float) -> bool:
        """Whether its process dials in again so soon after its connection has ended."""
        try:
            async with asyncio.timeout(seconds):
                await self.has_returned.wait()
        except TimeoutError:
            return False
        return True


def _call(number: int, request: OutboundRequest) -> WorkerCall:
    headers = {name.lower(): value for name, value in request.headers}
    body = request.body or b""
    if not body:
        return WorkerCall(number, headers)
    if headers.get("content-type") == "application/json":
        return WorkerCall(number, headers, JsonText(body.decode()))
    return WorkerCall(number, headers, raw=b64encode(body).decode())
