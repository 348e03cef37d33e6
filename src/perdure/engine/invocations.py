"""Invocations: a run of one job, started by name (v2 protocol, section 8.4)."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from msgspec import Struct

from perdure.engine.event_limits import check_account, check_size
from perdure.engine.ingests import find_account
from perdure.engine.job_checks import check_there
from perdure.engine.notifications import describe_end
from perdure.engine.starts import create_runs
from perdure.errors import NotFoundError
from perdure.protocol.ids import RUN_PREFIX, IdGenerator
from perdure.protocol.task_waits import INVOKED, scoped_key
from perdure.storage import events, jobs, notifications, runs
from perdure.storage.events import NewEvent
from perdure.storage.runs import NewRun

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from perdure.engine.clock import Clock
    from perdure.engine.directory import Directory
    from perdure.engine.executions import Reservation
    from perdure.protocol.task_waits import InvokeRequest
    from perdure.storage.interface import Session, Storage
    from perdure.storage.jobs import JobRow
    from perdure.storage.run_queue import ClaimedRun
    from perdure.storage.runs import EventRun


class Invocation(Struct, frozen=True, gc=False):
    """An invocation that is to be stored: its event, its run, and where the end of that is told."""

    event: NewEvent
    run: NewRun
    callback_url: str | None


class Invocations:
    """Plans invocations.

    Args:
        storage: The database.
        clock: The time.
        ids: Makes ids.
        directory: Knows the jobs.
        check_url: Refuses a URL that the end of a run in an environment cannot be told to.
    """

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        ids: IdGenerator,
        directory: Directory,
        *,
        check_url: Callable[[int, str], None],
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._ids = ids
        self._directory = directory
        self._check_url = check_url

    async def plan(self, environment_no: int, request: InvokeRequest, *, event_id: str | None = None) -> Invocation:
        """Check an invocation and give it its ids.

        Args:
            environment_no: The environment.
            request: The invocation.
            event_id: The id of its event; ``None``: it is made of the idempotency key, or a new one.

        Raises:
            NotFoundError: The environment has never seen the job.
            JobDisabledError: Its app, which is elsewhere, declares it no more.
            InvalidArgumentError: The idempotency key is empty or too long, or the callback URL is none.
            BlockedAddressError: The callback URL is one of a closed address.
            ValueTooLargeError: Payload or context have more than 512 KiB.
        """
        check_size(request.payload, "payload")
        check_size(request.context, "context")
        check_account(request.account_id)
        if request.callback_url is not None:
            self._check_url(environment_no, request.callback_url)
        now = self._clock.now()
        job = self._directory.jobs.get((environment_no, request.job_id))
        if job is None:
            job = await self.find_job(environment_no, request.job_id)
        event = NewEvent(
            self._event_id(request) if event_id is None else event_id,
            INVOKED,
            "trigger.dev",
            request.payload,
            request.context,
            now,
            now,
            now,
            request.account_id,
            is_internal=True,
        )
        # A run that waits for another's end invokes it in each execution, with the same key.
        if job.is_gone and await self._storage.read(runs.find_of_event, environment_no, event_id=event.id) is None:
            check_there(job, request.job_id)
        run = NewRun(self._ids.new(RUN_PREFIX), job.job_no, request.job_id, job.version_no, job.version)
        return Invocation(event, run, request.callback_url)

    def _event_id(self, request: InvokeRequest) -> str:
        key = request.idempotency_key
        return self._ids.ulid() if key is None else scoped_key(request.job_id, key)

    async def find_job(self, environment_no: int, job_id: str) -> JobRow:
        """Look a job up.

        Raises:
            NotFoundError: The environment has never seen it; the message names the nearest.
        """
        job = await self._storage.read(jobs.find_job, environment_no, job_id=job_id)
        if job is None:
            raise await self._unknown_job(environment_no, job_id)
        # One that is gone here may be back by another node, of which this one does not hear.
        if job.job_no in self._directory.hosts and not job.is_gone:
            self._directory.jobs[environment_no, job_id] = job
        return job

    async def _unknown_job(self, environment_no: int, job_id: str) -> NotFoundError:
        known = await self._storage.read(jobs.list_job_ids, environment_no)
        nearest = get_close_matches(job_id, known, n=1, cutoff=0.5)
        hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
        return NotFoundError(f"This environment has never seen a job {job_id!r}.{hint}")


async def store_invocation(
    tx: Session, reservation: Reservation | None, environment_no: int, invocation: Invocation, *, now: datetime
) -> tuple[str, list[ClaimedRun]]:
    """Store the event of an invocation and its run; the id of the run that this event started first."""
    account_no, account = await find_account(tx, environment_no, invocation.event.account_id)
    event, run = invocation.event, invocation.run
    event_no = await events.insert_event(tx, environment_no, event=event, account_no=account_no, now=now)
    held: list[ClaimedRun] = []
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
        if invocation.callback_url is None:
            return run.id, held
    return await join_first(tx, environment_no, event.id, invocation.callback_url, now=now), held


async def join_first(
    tx: Session, environment_no: int, event_id: str, callback_url: str | None, *, now: datetime
) -> str:
    """Give the id of the run that an event started first, whose end is told to the URL, too.

    Raises:
        NotFoundError: There is none.
    """
    first = await find_invoked(tx, environment_no, event_id)
    if callback_url is not None:
        await _add_callback(tx, first, callback_url, now)
    return first.id


async def find_invoked(tx: Session, environment_no: int, event_id: str) -> EventRun:
    """Find the run that the event of an invocation started.

    Raises:
        NotFoundError: It was deleted, and the event was not yet.
    """
    found = await runs.find_of_event(tx, environment_no, event_id=event_id)
    if found is None:
        raise NotFoundError(f"The run that was invoked with this idempotency key no longer exists ({event_id}).")
    return found


async def _add_callback(tx: Session, first: EventRun, url: str, now: datetime) -> None:
    await notifications.add_callback(tx, first.run_no, url)
    if first.has_ended:
        end, body = await describe_end(tx, first.run_no)
        await notifications.insert_notification(tx, first.run_no, url=url, run=end, body=body, now=now)
