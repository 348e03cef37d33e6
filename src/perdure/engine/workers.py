"""Workers: processes that dial in and execute an app's jobs; actions are sent down the connections that they opened."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from perdure.engine.carrier import Carrier
from perdure.engine.errands import Errands
from perdure.engine.worker_session import NotTakenError, Session
from perdure.errors import FetchFailedError, InvalidArgumentError, PerdureError
from perdure.protocol.json_text import JsonText
from perdure.protocol.messages.codec import encode_message
from perdure.protocol.messages.headers import ACTION_HEADER, HELD_HEADER, NOT_HELD, RUN_HEADER, Action
from perdure.protocol.outbound import OutboundResponse
from perdure.protocol.worker_messages import WorkerAbort, WorkerCall, WorkerReady, WorkerResolve, WorkerWithdrawal
from perdure.transport.execution_verdict import ProcessLostError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from perdure.engine.lookout import Lookout
    from perdure.engine.registration import Registration
    from perdure.protocol.messages.execution import KnownTask
    from perdure.protocol.outbound import OutboundRequest
    from perdure.protocol.worker_messages import WorkerAnswer, WorkerBeat
    from perdure.transport.http_endpoint import HttpEndpoint

MOST_WORKERS: Final = 1000
"""How many workers an environment may have."""

RETURN_SECONDS: Final = 2.0
"""For how long a worker whose connection ended may dial in again, before its process is taken to have died."""

AWAY_SECONDS: Final = 30.0
"""For how long no worker of an app that has a URL, too, may be connected before the app is asked there."""

_LONGEST_ID: Final = 512
_REMEMBERED: Final = 10_000
_GONE: Final = "the worker that executed it is gone"
_BLOCKED: Final = "the worker does not begin with it: code blocks its event loop"
_NAMES: Final[dict[type, str]] = {
    WorkerCall: "call",
    WorkerReady: "ready",
    WorkerAbort: "abort",
    WorkerResolve: "resolve",
    WorkerWithdrawal: "withdraw",
}

_log = logging.getLogger(__name__)


class Workers:
    """The workers of an environment.

    Args:
        registration: Takes their apps in.
        lookout: Asks those of their apps that have a URL, too.
        environment_no: The environment.
        open_app: Makes what the engine sees of an app, from its id and what carries actions to it.
        monotonic: Gives the time in seconds.

    Attributes:
        stopping: Set when their connections are to end.
    """

    def __init__(
        self,
        registration: Registration,
        lookout: Lookout,
        *,
        environment_no: int,
        open_app: Callable[[str, Carrier], HttpEndpoint],
        monotonic: Callable[[], float],
    ) -> None:
        self._registration = registration
        self._lookout = lookout
        self._environment_no = environment_no
        self._open_app = open_app
        self._monotonic = monotonic
        self._sessions: dict[str, dict[str, Session]] = {}
        self._apps: dict[str, HttpEndpoint] = {}
        # By app, the one that dialled in last.
        self._latest: dict[str, Session] = {}
        # By app and run.
        self._executing: dict[tuple[str, str], tuple[Session, OutboundRequest]] = {}
        # By app and worker, those whose connection has just ended.
        self._lost: dict[tuple[str, str], Session] = {}
        # By app and worker, the place of its process among all that have ever dialled in, the oldest ones first.
        self._order: dict[tuple[str, str], int] = {}
        self._newest = 0
        self._errands = Errands()
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
        session = Session(self._monotonic, order=self._place(endpoint_id, worker_id))
        sessions = self._sessions.setdefault(endpoint_id, {})
        for earlier in (sessions.pop(worker_id, None), self._lost.pop((endpoint_id, worker_id), None)):
            if earlier is not None:
                earlier.close()
                earlier.has_returned.set()
        sessions[worker_id] = self._latest[endpoint_id] = session
        registering = asyncio.ensure_future(self._register(endpoint_id, session))
        try:
            while (call := await session.following()) is not None:
                yield _NAMES[type(call)], call
        finally:
            registering.cancel()
            if sessions.get(worker_id) is session:
                del sessions[worker_id]
                self._lost[endpoint_id, worker_id] = session
                asyncio.get_running_loop().call_later(RETURN_SECONDS, self._forget, endpoint_id, worker_id, session)
            session.close()

    def _forget(self, endpoint_id: str, worker_id: str, session: Session) -> None:
        """Wait no more for a worker to return; it may have been lost again since."""
        if self._lost.get((endpoint_id, worker_id)) is not session:
            return
        del self._lost[endpoint_id, worker_id]
        left = self._sessions.get(endpoint_id, {}).values()
        if not left:
            asyncio.get_running_loop().call_later(AWAY_SECONDS, self._fall_back, endpoint_id, self._latest[endpoint_id])
        was_newest = all(one.order < session.order for one in left)
        if left and was_newest and endpoint_id not in self._errands and not self.stopping.is_set():
            # What is registered is what that one had: there may be code of which nobody knows any more.
            self._errands.begin(endpoint_id, self._register_rest(endpoint_id))

    def _fall_back(self, endpoint_id: str, latest: Session) -> None:
        """Have an app asked where its URL is, if it has one, unless a worker has dialled in since."""
        if self._latest[endpoint_id] is latest and not self.stopping.is_set():
            self._lookout.find_again(endpoint_id)

    def _place(self, endpoint_id: str, worker_id: str) -> int:
        """Number a process in the order in which they dial in first: one that returns is as old as it was."""
        key = endpoint_id, worker_id
        if key not in self._order:
            self._newest += 1
            self._order[key] = self._newest
            if len(self._order) > _REMEMBERED:
                del self._order[next(iter(self._order))]
        return self._order[key]

    def answer(self, endpoint_id: str, answer: WorkerAnswer) -> bool:
        """Take the answer to an action; whether the worker is known."""
        session = self._sessions.get(endpoint_id, {}).get(answer.worker)
        if session is None:
            return False
        session.answer(answer)
        return True

    def beat(self, endpoint_id: str, beat: WorkerBeat) -> bool:
        """Take a sign of life; whether the worker is known."""
        session = self._sessions.get(endpoint_id, {}).get(beat.worker)
        if session is None:
            return False
        session.beat(beat.taken)
        session.is_draining = session.is_draining or beat.draining
        return True

    def dismiss(self, endpoint_id: str, worker_id: str) -> None:
        """Give a worker no more runs: its connection is ended, which says nothing of its process."""
        session = self._sessions.get(endpoint_id, {}).get(worker_id)
        if session is not None:
            session.is_draining = True

    def stop(self) -> None:
        """End every connection."""
        self.stopping.set()

    async def request(self, endpoint_id: str, request: OutboundRequest) -> OutboundResponse:
        """Have a worker of an app do an action; one that is named (`HELD_HEADER`), or the one with the least to do.

        Raises:
            ProcessLostError: The worker that executed a run has died.
            FetchFailedError: No worker is connected, or the one that had it is gone.
            FetchTimeoutError: It took too long.
        """
        action, keeper = _header(request, ACTION_HEADER), _header(request, HELD_HEADER)
        is_execution = action == Action.EXECUTE_JOB
        while True:
            session = self._sessions.get(endpoint_id, {}).get(keeper) if keeper else self._choose(endpoint_id, action)
            if session is None:
                raise FetchFailedError(f"no worker of {endpoint_id} is connected, or all of them are blocked")
            try:
                if is_execution:
                    answer = await self._execute((endpoint_id, _header(request, RUN_HEADER)), session, request)
                else:
                    answer = await session.request(request, is_bounded=True)
                break
            except NotTakenError as error:
                if keeper:
                    # As if it had dropped the run: the next execution replays.
                    return OutboundResponse(NOT_HELD, (), b"")
                if not is_execution:
                    raise FetchFailedError(_BLOCKED) from error
        if answer is not None:
            return answer
        # A process that lives dials in again at once; one that drains may be ended by whoever deploys.
        if not is_execution or session.is_draining or self.stopping.is_set() or await session.returns(RETURN_SECONDS):
            raise FetchFailedError(_GONE)
        raise ProcessLostError(f"{_GONE}: its process has died")

    async def _execute(
        self, run: tuple[str, str], session: Session, request: OutboundRequest
    ) -> OutboundResponse | None:
        executing = self._executing[run] = (session, request)
        try:
            return await session.request(request, is_bounded=False)
        finally:
            # The code of an execution that has lost its run may end while the next one is at work.
            if self._executing.get(run) is executing:
                del self._executing[run]

    def is_there(self, endpoint_id: str, worker_id: str) -> bool:
        """Whether a worker is connected, and takes runs."""
        session = self._sessions.get(endpoint_id, {}).get(worker_id)
        return session is not None and session.is_open

    def abort(self, endpoint_id: str, run_id: str) -> None:
        """Have the worker that executes a run stop it; or all of the app forget it, one of which has it in memory."""
        executing = self._executing.get((endpoint_id, run_id))
        for session in self._sessions.get(endpoint_id, {}).values() if executing is None else executing[:1]:
            session.put(WorkerAbort(run_id))

    def resolve(self, endpoint_id: str, run_id: str, epoch: int, tasks: list[KnownTask]) -> bool:
        """Tell the worker that executes a run of waits that are over; whether there is one."""
        executing = self._executing.get((endpoint_id, run_id))
        if executing is None:
            return False
        executing[0].put(WorkerResolve(run_id, epoch, JsonText(encode_message(tasks).decode())))
        return True

    def _choose(self, endpoint_id: str, action: str) -> Session | None:
        """Choose a worker: for its index the newest one, for anything else that with the least to do.

        Of several it is the newest one, too: an older one may not have the code any more, or not yet.
        """
        sessions = list(self._sessions.get(endpoint_id, {}).values())
        if action == Action.INDEX_ENDPOINT:
            return max(sessions, key=lambda one: one.order, default=None)
        return min((one for one in sessions if one.is_open), key=lambda one: (one.load, -one.order), default=None)

    async def _register_rest(self, endpoint_id: str) -> None:
        """Register what the newest worker has that is left, if that is more: what is gone may be about to return."""
        app = self._apps.get(endpoint_id)
        if app is not None:
            with suppress(PerdureError):
                await self._registration.register_if_more(self._environment_no, app)

    async def _register(self, endpoint_id: str, session: Session) -> None:
        app = self._apps.get(endpoint_id)
        if app is None:
            app = self._apps[endpoint_id] = self._open_app(endpoint_id, Carrier(self, endpoint_id))
        # It is here now, wherever it has been looked for.
        await self._lookout.cancel(endpoint_id)
        try:
            index = await self._registration.register(self._environment_no, app)
        except PerdureError as error:
            _log.warning("A worker of %s cannot be taken in: %s", endpoint_id, error)
            session.refuse(error)
        else:
            session.is_ready = True
            session.put(WorkerReady(len(index.jobs)))


def _header(request: OutboundRequest, name: str) -> str:
    return next((value for given, value in request.headers if given.lower() == name), "")
