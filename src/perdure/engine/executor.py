"""Executions: claim runs that are due, hand them to their endpoints, apply what comes back."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from msgspec import Struct

from perdure.engine.holds import Hold, Holds
from perdure.engine.lease import Lease, renew_in
from perdure.engine.results import HeldRun, apply_result, back_off, close_tasks
from perdure.errors import StorageUnavailableError
from perdure.protocol.execution import (
    Abandoned,
    ErrorInfo,
    ExecutionRequest,
    ExecutionResult,
    JobRef,
    RunInfo,
    TaskState,
)
from perdure.protocol.statuses import TaskStatus
from perdure.storage import run_queue, tasks
from perdure.storage.run_queue import ClaimedRun

if TYPE_CHECKING:
    from collections.abc import Container, Sequence
    from datetime import datetime

    from perdure.config.settings import Settings
    from perdure.engine.clock import Clock
    from perdure.engine.directory import Directory
    from perdure.engine.hints import Hints
    from perdure.storage.interface import Session, Storage

_log = logging.getLogger(__name__)


class Claims(Struct, frozen=True):
    """What one look at the line came to."""

    claimed: list[ClaimedRun]
    timed_out: list[str]


class Executor:
    """Executes runs: at most ``settings.max_executions`` at once."""

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        directory: Directory,
        holds: Holds,
        hints: Hints,
        lease: Lease,
        settings: Settings,
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._directory = directory
        self._holds = holds
        self._hints = hints
        self._lease = lease
        self._settings = settings

    async def claim(self) -> bool:
        """Begin executions of runs that are due, as far as there is room; whether there may be more."""
        room = min(self._settings.max_executions - len(self._holds), self._settings.claim_batch)
        if room <= 0:
            return False
        now = self._clock.now()
        renewal = self._lease.due_renewal(now)
        claims = await self._storage.write(
            claim_due,
            node_no=self._lease.node_no,
            hosted=self._directory.hosts,
            limit=room,
            fruitless_limit=self._settings.fruitless_limit,
            lease_until=None if renewal is None else renewal[1],
            now=now,
        )
        if renewal is not None:
            self._lease.renewed(renewal[0])
        for run in claims.claimed:
            self._begin(run)
        for run_id in claims.timed_out:
            self._hints.run_has_ended(run_id)
        return len(claims.claimed) + len(claims.timed_out) > 0

    def _begin(self, run: ClaimedRun) -> None:
        endpoint = self._directory.hosts[run.job_no]
        hold = Hold(run.run_no, run.id, run.epoch, endpoint, run.executing_since)
        self._holds.add(hold)
        self._hints.executions.set()
        hold.task = asyncio.get_running_loop().create_task(self._execute(hold, run))

    async def _execute(self, hold: Hold, run: ClaimedRun) -> None:
        try:
            request = self._request(run, [] if run.epoch == 1 else await self._tasks(hold))
            result = await hold.endpoint.execute(request)
        except Exception as error:
            _log.exception("Execution %d of run %s raised.", hold.epoch, hold.run_id)
            result = Abandoned(f"the execution raised {type(error).__name__}: {error}")
        await self._settle(hold, result)

    async def _tasks(self, hold: Hold) -> list[TaskState]:
        """Load what replay needs; if the endpoint still holds the suspended run, only what it waits for."""
        named = hold.endpoint.held(hold.run_id)
        if named is not None:
            rows = await self._storage.read(tasks.list_by_id, named)
            # Between asking and now the endpoint may have let go of the run.
            if hold.endpoint.held(hold.run_id) == named:
                return [state for _, state in rows]
        return [state for _, state in await self._storage.scan(tasks.list_of_runs, (hold.run_no,))]

    def _request(self, run: ClaimedRun, states: list[TaskState]) -> ExecutionRequest:
        return ExecutionRequest(
            run.epoch,
            RunInfo(run.id, run.is_test, False, run.started_at),
            JobRef(run.job_id, run.version),
            run.event,
            self._directory.tenants[run.environment_no],
            run.account,
            run.source,
            states,
            run.yielded,
        )

    async def _settle(self, hold: Hold, result: ExecutionResult) -> None:
        """Apply a result, however long the database cannot; the lease recovers the run if this node dies first."""
        failures = 0
        while True:
            held = HeldRun(
                hold.run_no, hold.epoch, self._lease.node_no, hold.since, hold.is_fruitful, hold.has_open_tasks
            )
            try:
                status = await self._storage.write(apply_result, held, result, now=self._clock.now())
                break
            except StorageUnavailableError:
                failures += 1
                await self._clock.wait(asyncio.Event(), self._clock.now() + back_off(failures))
        self._holds.drop(hold)
        if status is not None and status.is_final:
            self._hints.run_has_ended(hold.run_id)
        # A place is free, and the run itself may be in line.
        self._hints.run_is_in_line()

    def resolve(self, run_id: str, epoch: int, states: list[TaskState]) -> None:
        """Tell an execution at work here that waits of it are over."""
        hold = self._holds.find(run_id)
        if hold is not None and hold.epoch == epoch:
            hold.is_fruitful = hold.is_fruitful or any(state.status is TaskStatus.COMPLETED for state in states)
            hold.endpoint.resolve(run_id, epoch, states)


async def claim_due(
    tx: Session,
    *,
    node_no: int,
    hosted: Container[int],
    limit: int,
    fruitless_limit: int,
    lease_until: datetime | None,
    now: datetime,
) -> Claims:
    """Let a node hold runs that are due; put those off whose code it has not; end those that came to nothing."""
    await renew_in(tx, node_no, lease_until)
    take: list[int] = []
    timed_out: list[str] = []
    for run in await run_queue.list_due(tx, now=now, limit=limit):
        if run.fruitless >= fruitless_limit:
            timed_out.extend(await _time_out(tx, run.run_no, run.fruitless, now))
        elif run.job_no in hosted:
            take.append(run.run_no)
        else:
            until = now + back_off(run.failures + 1)
            await run_queue.postpone_if_in_line(
                tx, run.run_no, until=until, why=f"no code for job {run.job_id}", now=now
            )
    claimed = await run_queue.claim_if_in_line(tx, take, node_no=node_no, now=now) if take else []
    return Claims(claimed, timed_out)


async def _time_out(tx: Session, run_no: int, fruitless: int, now: datetime) -> Sequence[str]:
    error = ErrorInfo("RunTimedOutError", f"{fruitless} executions in a row completed no task.")
    run_id = await run_queue.time_out_if_in_line(tx, run_no, error=error, now=now)
    if run_id is None:
        return ()
    await close_tasks(tx, run_no, TaskStatus.CANCELED, now)
    return (run_id,)
