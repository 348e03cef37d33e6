"""Runs, as callers see them: invoke, look up, await."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from perdure.engine.invocations import join_first, store_invocation
from perdure.engine.lists import check_take
from perdure.engine.names import check_text
from perdure.engine.run_views import RunView, answer_of, read_run, read_statuses
from perdure.errors import IdempotencyConflictError, NotConnectedError, NotFoundError
from perdure.protocol.limits import ID_LIMIT
from perdure.protocol.runs import RunAnswer, RunEnd
from perdure.storage import events

if TYPE_CHECKING:
    from perdure.engine.clock import Clock
    from perdure.engine.hints import Hints
    from perdure.engine.holds import Holds
    from perdure.engine.invocations import Invocations
    from perdure.engine.starts import Starts
    from perdure.protocol.task_waits import InvokeRequest
    from perdure.storage.interface import Storage

_RECHECK = timedelta(seconds=1)


class Runs:
    """Starts and shows runs."""

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        invocations: Invocations,
        starts: Starts,
        holds: Holds,
        hints: Hints,
        *,
        shares_database: bool,
    ) -> None:
        self._storage = storage
        self._shares_database = shares_database
        self._clock = clock
        self._invocations = invocations
        self._starts = starts
        self._holds = holds
        self._hints = hints

    async def invoke(self, environment_no: int, request: InvokeRequest) -> str:
        """Create a run and return its id; with an idempotency key the job knows, the id of the first one.

        Raises:
            NotFoundError: The environment has never seen the job.
            JobDisabledError: Its app, which is elsewhere, declares it no more.
            InvalidArgumentError: The idempotency key is empty or too long, or the callback URL is none.
            BlockedAddressError: The callback URL is one of a closed address.
            ValueTooLargeError: Payload or context have more than 512 KiB.
        """
        invocation = await self._invocations.plan(environment_no, request)
        run_id = await self._starts.write(
            [invocation.run], store_invocation, environment_no, invocation, now=self._clock.now()
        )
        self._tell_ends(request)
        return run_id

    async def invoke_by_event(self, environment_no: int, request: InvokeRequest, event_id: str) -> str:
        """Create a run and return its id; if the environment has an event of that id, of its first run, whatever it is.

        So it is in the v2 protocol (section 8.4), where the idempotency key of an invocation is the id of its event.

        Args:
            environment_no: The environment.
            request: The invocation; its own idempotency key is not looked at.
            event_id: The id of its event.

        Raises:
            NotFoundError: The environment has neither seen the job nor such an event.
            JobDisabledError: The app of the job, which is elsewhere, declares it no more, and there is no such run.
            IdempotencyConflictError: The event has started no run, or its run was deleted.
            InvalidArgumentError: The id cannot be one of an event, or the callback URL is none.
            BlockedAddressError: The callback URL is one of a closed address.
            ValueTooLargeError: Payload or context have more than 512 KiB.
        """
        check_text(event_id, "An idempotency key", limit=ID_LIMIT)
        now = self._clock.now()
        try:
            invocation = await self._invocations.plan(environment_no, request, event_id=event_id)
        except NotFoundError:
            # What has been invoked before needs no job any more.
            if await self._storage.read(events.find_event, environment_no, event_id=event_id) is None:
                raise
            work = self._storage.write(join_first, environment_no, event_id, request.callback_url, now=now)
        else:
            work = self._starts.write([invocation.run], store_invocation, environment_no, invocation, now=now)
        try:
            run_id = await work
        except NotFoundError as error:
            raise IdempotencyConflictError(
                f"The idempotency key {event_id!r} is the id of an event of which there is no run; use another key."
            ) from error
        self._tell_ends(request)
        return run_id

    def _tell_ends(self, request: InvokeRequest) -> None:
        if request.callback_url is not None:
            # The run of a known key may have ended already.
            self._hints.notifications.set()

    async def get(
        self, environment_no: int, run_id: str, *, cursor: str | None = None, take: int = 20, subtasks: bool = False
    ) -> RunAnswer:
        """Look a run up with a page of its tasks, in the order of their creation.

        Args:
            environment_no: Where to look.
            run_id: The run.
            cursor: The task to begin with: ``next_cursor`` of the page before.
            take: How many tasks, 1 to 50; 0: none.
            subtasks: Whether to list tasks inside tasks too.

        Raises:
            NotFoundError: The environment has no such run.
            InvalidArgumentError: ``take`` is out of range, or the cursor is none of this run's.
        """
        if take != 0:
            check_take(take, "tasks")
        found = await self._storage.read(
            read_run, environment_no, run_id, cursor="" if cursor is None else cursor, take=take, subtasks=subtasks
        )
        if found is None:
            raise NotFoundError(f"There is no run {run_id!r} in this environment.")
        return answer_of(found)

    async def get_statuses(self, environment_no: int, run_id: str) -> RunAnswer:
        """Look a run up with its statuses, without its tasks and its log.

        Raises:
            NotFoundError: The environment has no such run.
        """
        found = await self._storage.read(read_statuses, environment_no, run_id)
        if found is None:
            raise NotFoundError(f"There is no run {run_id!r} in this environment.")
        return answer_of(RunView(found[0], [], statuses=found[1]))

    async def wait(self, environment_no: int, run_id: str, *, timeout: float | None = None) -> RunAnswer:
        """Return a run, without tasks, when it has ended.

        Raises:
            NotFoundError: The environment has no such run.
            TimeoutError: It had not after ``timeout`` seconds; the run goes on.
            NotConnectedError: The node has stopped.
        """
        end = await self._wait(environment_no, run_id, timeout)
        return end if isinstance(end, RunAnswer) else await self.get(environment_no, run_id, take=0)

    async def wait_for_end(self, environment_no: int, run_id: str, *, timeout: float | None = None) -> RunEnd:
        """Return what a run came to when it has ended; otherwise as `wait`, but it need not be looked up again."""
        end = await self._wait(environment_no, run_id, timeout)
        return RunEnd.of(end) if isinstance(end, RunAnswer) else end

    async def _wait(self, environment_no: int, run_id: str, timeout: float | None) -> RunAnswer | RunEnd:
        async with asyncio.timeout(timeout):
            while True:
                if self._hints.has_stopped:
                    raise NotConnectedError("The node has stopped; start one again and ask that.")
                # Asked before looking, so that an end between the two is not missed.
                ended = self._hints.await_end(run_id)
                try:
                    hold = self._holds.find(run_id)
                    is_here = hold is not None and hold.environment_no == environment_no
                    if not is_here:
                        answer = await self.get(environment_no, run_id, take=0)
                        if answer.status.is_final:
                            return answer
                    # What this node holds can end only here, if the database is its own; then its end is told.
                    is_told = is_here and not self._shares_database
                    await self._clock.wait(ended, None if is_told else self._clock.now() + _RECHECK)
                    if ended.end is not None:
                        return ended.end
                finally:
                    self._hints.forget_end(run_id, ended)
