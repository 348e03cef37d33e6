"""Workers: processes that dial in and execute an app's jobs; actions are sent down the connections that they opened."""

from __future__ import annotations

import asyncio
import logging
from base64 import b64encode
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from perdure.errors import FetchFailedError, FetchTimeoutError, InvalidArgumentError, PerdureError
from perdure.protocol.json_text import JsonText
from perdure.protocol.messages.headers import ACTION_HEADER, HELD_HEADER, Action
from perdure.protocol.outbound import OutboundResponse
from perdure.protocol.worker_messages import WorkerCall, WorkerReady

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from perdure.engine.registration import Registration
    from perdure.protocol.outbound import OutboundRequest
    from perdure.protocol.worker_messages import WorkerAnswer
    from perdure.transport.http_endpoint import HttpEndpoint, Requester

    Open = Callable[[str, Requester, Callable[[str], bool]], HttpEndpoint]

MOST_WORKERS: Final = 1000
"""How many workers an environment may have."""

SILENT_SECONDS: Final = 30.0
"""For how long a worker may give no sign of life before its runs are executed elsewhere."""

_LONGEST_ID: Final = 512
_MOST_HELD: Final = 1000

_log = logging.getLogger(__name__)


class Workers:
    """The workers of an environment.

    Args:
        registration: Takes their apps in.
        environment_no: The environment.
        open_app: Makes what the engine sees of an app, from its id and what carries actions to it.
        monotonic: Gives the time in seconds.

    Attributes:
        stopping: Set when their connections are to end.
    """

    def __init__(
        self, registration: Registration, *, environment_no: int, open_app: Open, monotonic: Callable[[], float]
    ) -> None:
        self._registration = registration
        self._environment_no = environment_no
        self._open_app = open_app
        self._monotonic = monotonic
        self._sessions: dict[str, dict[str, Session]] = {}
        self._apps: dict[str, HttpEndpoint] = {}
        self.stopping = asyncio.Event()

    def check(self, endpoint_id: str, worker_id: str) -> None:
        """Refuse a worker that cannot be connected.

        Raises:
            InvalidArgumentError: An id is none, or there are too many workers.
        """
        for one in (endpoint_id, worker_id):
            if not 0 < len(one) <= _LONGEST_ID or not one.isprintable():
                raise InvalidArgumentError(f"The id of an app, or of a worker, has 1 to {_LONGEST_ID} characters.")
        if sum(map(len, self._sessions.values())) >= MOST_WORKERS:
            raise InvalidArgumentError(f"There are {MOST_WORKERS:,} workers already.")

    async def calls(self, endpoint_id: str, worker_id: str) -> AsyncGenerator[tuple[str, Any], None]:
        """Connect a worker; gives what it is to do, until it is gone.

        Raises:
            PerdureError: Its jobs cannot be registered.
        """
        session = Session(self._monotonic)
        sessions = self._sessions.setdefault(endpoint_id, {})
        earlier = sessions.pop(worker_id, None)
        if earlier is not None:
            earlier.close()
        sessions[worker_id] = session
        registering = asyncio.ensure_future(self._register(endpoint_id, session))
        try:
            while (call := await session.following()) is not None:
                yield ("ready" if isinstance(call, WorkerReady) else "call"), call
        finally:
            registering.cancel()
            session.close()
            if sessions.get(worker_id) is session:
                del sessions[worker_id]

    def answer(self, endpoint_id: str, answer: WorkerAnswer) -> bool:
        """Take the answer to an action; whether the worker is known."""
        session = self._sessions.get(endpoint_id, {}).get(answer.worker)
        if session is None:
            return False
        session.answer(answer)
        return True

    def beat(self, endpoint_id: str, worker_id: str, *, is_draining: bool) -> bool:
        """Take a sign of life; whether the worker is known."""
        session = self._sessions.get(endpoint_id, {}).get(worker_id)
        if session is None:
            return False
        session.beat()
        session.is_draining = session.is_draining or is_draining
        return True

    def stop(self) -> None:
        """End every connection."""
        self.stopping.set()

    async def request(self, endpoint_id: str, request: OutboundRequest) -> OutboundResponse:
        """Have a worker of an app do an action.

        Raises:
            FetchFailedError: No worker is connected, or the one that had it is gone.
            FetchTimeoutError: It took too long.
        """
        action, held = _header(request, ACTION_HEADER), _header(request, HELD_HEADER)
        session = self._holder(endpoint_id, held) if held else self._choose(endpoint_id, action)
        if session is None:
            raise FetchFailedError(f"no worker of {endpoint_id} is connected")
        return await session.request(request, is_bounded=action != Action.EXECUTE_JOB)

    def holds(self, endpoint_id: str, run_id: str) -> bool:
        """Whether a worker of an app still has a suspended run in memory, as far as is known."""
        return self._holder(endpoint_id, run_id) is not None

    def _holder(self, endpoint_id: str, run_id: str) -> Session | None:
        sessions = self._sessions.get(endpoint_id, {}).values()
        return next((one for one in sessions if run_id in one.held and not one.is_draining), None)

    def _choose(self, endpoint_id: str, action: str) -> Session | None:
        """Choose a worker: for its index the newest one, for anything else that with the least to do."""
        sessions = list(self._sessions.get(endpoint_id, {}).values())
        if action == Action.INDEX_ENDPOINT:
            return sessions[-1] if sessions else None
        return min((one for one in sessions if not one.is_draining), key=lambda one: one.load, default=None)

    async def _register(self, endpoint_id: str, session: Session) -> None:
        app = self._apps.get(endpoint_id)
        if app is None:
            app = self._apps[endpoint_id] = self._open_app(
                endpoint_id, Carrier(self, endpoint_id), partial(self.holds, endpoint_id)
            )
        try:
            index = await self._registration.register(self._environment_no, app)
        except PerdureError as error:
            _log.warning("A worker of %s cannot be taken in: %s", endpoint_id, error)
            session.refuse(error)
        else:
            session.put(WorkerReady(len(index.jobs)))


class Carrier:
    """Carries actions to the workers of an app: what `HttpEndpoint` sends them with."""

    def __init__(self, workers: Workers, endpoint_id: str) -> None:
        self._workers = workers
        self._endpoint_id = endpoint_id

    async def request(self, request: OutboundRequest) -> OutboundResponse:
        """Have a worker do an action; see `Workers.request`."""
        return await self._workers.request(self._endpoint_id, request)


class Session:
    """A worker that is connected.

    Attributes:
        is_draining: Whether it wants no more runs.
        held: The suspended runs that it has in memory, the oldest first.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._heard = monotonic()
        self._last_id = 0
        # No longer than the executions of a node are many.
        self._queue: asyncio.Queue[WorkerCall | WorkerReady | PerdureError | None] = asyncio.Queue()
        self._waiting: dict[int, asyncio.Future[OutboundResponse]] = {}
        self._is_closed = False
        self.is_draining = False
        self.held: dict[str, None] = {}

    @property
    def load(self) -> int:
        """How many actions it has not answered."""
        return len(self._waiting)

    def beat(self) -> None:
        """Note a sign of life."""
        self._heard = self._monotonic()

    def put(self, call: WorkerReady) -> None:
        """Tell it something."""
        self._queue.put_nowait(call)

    def refuse(self, error: PerdureError) -> None:
        """End its connection with an error."""
        self._queue.put_nowait(error)

    async def following(self) -> WorkerCall | WorkerReady | None:
        """Wait for what it is to do next; ``None``: it is gone.

        Raises:
            PerdureError: It is refused.
        """
        while True:
            try:
                async with asyncio.timeout(SILENT_SECONDS):
                    found = await self._queue.get()
            except TimeoutError:
                if self._monotonic() - self._heard > SILENT_SECONDS:
                    return None
                continue
            if isinstance(found, PerdureError):
                raise found
            return found

    async def request(self, request: OutboundRequest, *, is_bounded: bool) -> OutboundResponse:
        """Have it do an action; the bound is that of the request."""
        self.held.pop(_header(request, HELD_HEADER), None)
        self._last_id += 1
        number = self._last_id
        answered: asyncio.Future[OutboundResponse] = asyncio.get_running_loop().create_future()
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
        held = answer.headers.get(HELD_HEADER)
        if held is not None:
            self.held[held] = None
            if len(self.held) > _MOST_HELD:
                del self.held[next(iter(self.held))]
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
                waiting.set_exception(FetchFailedError("the worker that executed it is gone"))


def _header(request: OutboundRequest, name: str) -> str:
    return next((value for given, value in request.headers if given.lower() == name), "")


def _call(number: int, request: OutboundRequest) -> WorkerCall:
    headers = {name.lower(): value for name, value in request.headers}
    body = request.body or b""
    if not body:
        return WorkerCall(number, headers)
    if headers.get("content-type") == "application/json":
        return WorkerCall(number, headers, JsonText(body.decode()))
    return WorkerCall(number, headers, raw=b64encode(body).decode())
