"""Runs, as callers see them: invoke, look up, cancel, await."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from difflib import get_close_matches
from hashlib import sha256
from typing import TYPE_CHECKING

from perdure.engine.event_limits import check_account, check_size
from perdure.engine.events import find_account
from perdure.engine.results import close_tasks
from perdure.engine.run_views import answer_of, read_run, read_statuses
from perdure.engine.starts import Starts, create_runs
from perdure.errors import InvalidArgumentError, NotFoundError
from perdure.protocol.ids import RUN_PREFIX, IdGenerator
from perdure.protocol.limits import ID_LIMIT
from perdure.protocol.statuses import ExecutionStatus, TaskStatus
from perdure.storage import events, executions, jobs, runs
from perdure.storage.events import NewEvent
from perdure.storage.runs import NewRun

if TYPE_CHECKING:
    from perdure.engine.clock import Clock
    from perdure.engine.directory import Directory
    from perdure.engine.executions import Reservation
    from perdure.engine.hints import Hints
    from perdure.engine.holds import Holds
    from perdure.protocol.platform import RunAnswer
    from perdure.protocol.task_waits import InvokeRequest
    from perdure.storage.interface import Session, Storage
    from perdure.storage.jobs import JobRow
    from perdure.storage.run_queue import ClaimedRun

MAX_PAGE = 50
_RECHECK = timedelta(seconds=1)


class Runs:
    """Starts, shows and stops runs."""

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        ids: IdGenerator,
        directory: Directory,
        starts: Starts,
        holds: Holds,
        hints: Hints,
        *,
        shares_database: bool,
    ) -> None:
        self._storage = storage
        self._shares_database = shares_database
        self._clock = clock
        self._ids = ids
        self._directory = directory
        self._starts = starts
        self._holds = holds
        self._hints = hints

    async def invoke(self, environment_no: int, request: InvokeRequest) -> str:
        """Create a run and return its id; with an idempotency key the job knows, the id of the first one.

        Raises:
            NotFoundError: The environment has never seen the job.
            InvalidArgumentError: The idempotency key is empty or too long.
            ValueTooLargeError: Payload or context have more than 512 KiB.
        """
        check_size(request.payload, "payload")
        check_size(request.context, "context")
        check_account(request.account_id)
        now = self._clock.now()
        job = self._directory.jobs.get((environment_no, request.job_id))
        if job is None:
            job = await self._find_job(environment_no, request.job_id)
        event = NewEvent(
            self._event_id(request),
            "invoke",
            "trigger.dev",
            request.payload,
            request.context,
            now,
            now,
            now,
            request.account_id,
            is_internal=True,
        )
        run = NewRun(self._ids.new(RUN_PREFIX), job.job_no, request.job_id, job.version_no, job.version)
        return await self._starts.write([run], create_invoked, environment_no, event, run, now=now)

    def _event_id(self, request: InvokeRequest) -> str:
        key = request.idempotency_key
        if key is None:
            return self._ids.ulid()
        if not 1 <= len(key) <= ID_LIMIT:
            raise InvalidArgumentError(f"An idempotency key has 1 to {ID_LIMIT} characters; this one has {len(key)}.")
        # Hashed with the job's id, the key is scoped to the job and cannot meet the id of an event that was sent.
        scoped = f"{len(request.job_id)}:{request.job_id}:{key}"
        return f"invoke:{sha256(scoped.encode(errors='surrogatepass')).hexdigest()}"

    async def _find_job(self, environment_no: int, job_id: str) -> JobRow:
        job = await self._storage.read(jobs.find_job, environment_no, job_id=job_id)
        if job is None:
            raise await self._unknown_job(environment_no, job_id)
        if job.job_no in self._directory.hosts:
            self._directory.jobs[environment_no, job_id] = job
        return job

    async def _unknown_job(self, environment_no: int, job_id: str) -> NotFoundError:
        known = await self._storage.read(jobs.list_job_ids, environment_no)
        nearest = get_close_matches(job_id, known, n=1, cutoff=0.5)
        hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
        return NotFoundError(f"This environment has never seen a job {job_id!r}.{hint}")

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
        cancelled = await self._storage.write(cancel_run, environment_no, run_id, now=self._clock.now())
        if cancelled:
            hold = self._holds.find(run_id)
            endpoints = self._directory.endpoints() if hold is None else {hold.endpoint}
            if hold is not None:
                # Whoever waits for the run is to look it up, though its code may take a while to end.
                self._holds.drop(hold)
            for endpoint in endpoints:
                endpoint.abort(run_id, "The run was cancelled.")
            self._hints.run_has_ended(run_id)
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


async def create_invoked(
    tx: Session, reservation: Reservation | None, environment_no: int, event: NewEvent, run: NewRun, *, now: datetime
) -> tuple[str, list[ClaimedRun]]:
    """Store the event of an invocation and its run; the id of the run that this event started first."""
    account_no, account = await find_account(tx, environment_no, event.account_id)
    event_no = await events.insert_event(tx, environment_no, event=event, account_no=account_no, now=now)
    if event_no is not None:
        held = await create_runs(
            tx,
            environment_no,
            event,
            event_no=event_no,
            account=account,
            planned=(run,),
            reservation=reservation,
            now=now,
        )
        return run.id, held
    row = await events.find_event(tx, environment_no, event_id=event.id)
    first = None if row is None else await runs.find_of_event(tx, row.event_no)
    if first is None:
        raise NotFoundError(f"The run that was invoked with this idempotency key no longer exists ({event.id}).")
    return first, []


async def cancel_run(tx: Session, environment_no: int, run_id: str, *, now: datetime) -> bool:
    """Cancel a run that has not ended, with its tasks; nothing of it is due any more."""
    run_no = await runs.find_number(tx, environment_no, run_id=run_id)
    if run_no is None:
        return False
    await executions.record_held(tx, run_no=run_no, status=ExecutionStatus.CANCELED, now=now)
    cancelled = await runs.cancel_if_active(tx, run_no, now=now)
    if cancelled:
        await close_tasks(tx, run_no, TaskStatus.CANCELED, now)
    return cancelled
