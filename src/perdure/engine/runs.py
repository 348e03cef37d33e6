"""Runs, as callers see them: invoke, look up, cancel, await."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from perdure.engine.endings import Ending, conclude
from perdure.engine.invocations import store_invocation
from perdure.engine.results import close_tasks
from perdure.engine.run_views import answer_of, read_run, read_statuses
from perdure.engine.waits import Waking
from perdure.errors import InvalidArgumentError, NotFoundError
from perdure.protocol.statuses import ExecutionStatus, TaskStatus
from perdure.storage import executions, runs

if TYPE_CHECKING:
    from perdure.engine.clock import Clock
    from perdure.engine.directory import Directory
    from perdure.engine.hints import Hints
    from perdure.engine.holds import Holds
    from perdure.engine.invocations import Invocations
    from perdure.engine.line import Line
    from perdure.engine.starts import Starts
    from perdure.protocol.platform import RunAnswer
    from perdure.protocol.task_waits import InvokeRequest
    from perdure.storage.interface import Session, Storage

MAX_PAGE = 50
_RECHECK = timedelta(seconds=1)


class Runs:
    """Starts, shows and stops runs."""

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        invocations: Invocations,
        directory: Directory,
        starts: Starts,
        line: Line,
        holds: Holds,
        hints: Hints,
        *,
        shares_database: bool,
    ) -> None:
        self._storage = storage
        self._shares_database = shares_database
        self._clock = clock
        self._invocations = invocations
        self._directory = directory
        self._starts = starts
        self._line = line
        self._holds = holds
        self._hints = hints

    async def invoke(self, environment_no: int, request: InvokeRequest) -> str:
        """Create a run and return its id; with an idempotency key the job knows, the id of the first one.

        Raises:
            NotFoundError: The environment has never seen the job.
            InvalidArgumentError: The idempotency key is empty or too long.
            ValueTooLargeError: Payload or context have more than 512 KiB.
        """
        invocation = await self._invocations.plan(environment_no, request)
        run_id = await self._starts.write(
            [invocation.run], store_invocation, environment_no, invocation, now=self._clock.now()
        )
        if request.callback_url is not None:
            # The run of a known key may have ended already.
            self._hints.notifications.set()
        return run_id

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
            InvalidArgumentError: ``take`` is out of range.
        """
        if not 0 <= take <= MAX_PAGE:
            raise InvalidArgumentError(f"take={take}: a page has 1 to {MAX_PAGE} tasks.")
        found = await self._storage.read(
            read_run, environment_no, run_id, cursor="" if cursor is None else cursor, take=take, subtasks=subtasks
        )
        if found is None:
            raise NotFoundError(f"There is no run {run_id!r} in this environment.")
        return answer_of(*found, take)

    async def get_statuses(self, environment_no: int, run_id: str) -> RunAnswer:
        """Look a run up with its statuses, without its tasks and its log.

        Raises:
            NotFoundError: The environment has no such run.
        """
        found = await self._storage.read(read_statuses, environment_no, run_id)
        if found is None:
            raise NotFoundError(f"There is no run {run_id!r} in this environment.")
        return answer_of(found[0], [], [], [], found[1], 0)

    async def cancel(self, environment_no: int, run_id: str) -> RunAnswer:
        """Cancel a run that has not ended; returns it as it then is.

        Raises:
            NotFoundError: The environment has no such run.
        """
        ending = await self._line.wake(1, cancel_run, environment_no, run_id, now=self._clock.now())
        if ending is not None:
            hold = self._holds.find(run_id)
            endpoints = self._directory.endpoints() if hold is None else {hold.endpoint}
            if hold is not None:
                # Whoever waits for the run is to look it up, though its code may take a while to end.
                self._holds.drop(hold)
            for endpoint in endpoints:
                endpoint.abort(run_id, "The run was cancelled.")
            self._hints.run_has_ended(run_id)
            if ending.is_to_be_told:
                self._hints.notifications.set()
        return await self.get(environment_no, run_id)

    async def wait(self, environment_no: int, run_id: str, *, timeout: float | None = None) -> RunAnswer:
        """Return a run, without tasks, when it has ended.

        Raises:
            NotFoundError: The environment has no such run.
            TimeoutError: It had not after ``timeout`` seconds; the run goes on.
        """
        async with asyncio.timeout(timeout):
            while True:
                # Asked before looking, so that an end between the two is not missed.
                ended = self._hints.await_end(run_id)
                try:
                    is_here = self._holds.find(run_id) is not None
                    if not is_here:
                        answer = await self.get(environment_no, run_id, take=0)
                        if answer.status.is_final:
                            return answer
                    # What this node holds can end only here, if the database is its own; then its end is told.
                    is_told = is_here and not self._shares_database
                    await self._clock.wait(ended, None if is_told else self._clock.now() + _RECHECK)
                finally:
                    self._hints.forget_end(run_id, ended)


async def cancel_run(tx: Session, environment_no: int, run_id: str, *, now: datetime) -> Waking[Ending | None]:
    """Cancel a run that has not ended, with its tasks; nothing of it is due any more."""
    run_no = await runs.find_number(tx, environment_no, run_id=run_id)
    if run_no is None:
        return Waking(None, [])
    await executions.record_held(tx, run_no=run_no, status=ExecutionStatus.CANCELED, now=now)
    if not await runs.cancel_if_active(tx, run_no, now=now):
        return Waking(None, [])
    await close_tasks(tx, run_no, TaskStatus.CANCELED, now)
    ending = await conclude(tx, run_no, now=now)
    return Waking(ending, ending.woken, int(ending.has_brought_back))
