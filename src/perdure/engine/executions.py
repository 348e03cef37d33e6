"""Executions of this node: begin those of runs that it holds, apply what comes back."""

from __future__ import annotations

import asyncio
import logging
from contextvars import copy_context
from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from perdure.engine.endings import NOTHING, Ending
from perdure.engine.holds import Hold, Holds
from perdure.engine.launches import Launches
from perdure.engine.requeues import Unconnected, back_off
from perdure.engine.results import apply_result
from perdure.engine.run_ends import HeldRun
from perdure.engine.settled_tasks import SettledTasks
from perdure.errors import StorageUnavailableError, WriteRefusedError
from perdure.protocol.execution import Abandoned, AutoYielded, ErrorInfo, ExecutionResult, Failed, Succeeded, TaskState
from perdure.protocol.runs import RunEnd
from perdure.protocol.statuses import RunStatus, TaskStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from perdure.engine.clock import Clock
    from perdure.engine.connections import Connections
    from perdure.engine.directory import Directory
    from perdure.engine.hints import Hints
    from perdure.engine.lease import Lease
    from perdure.engine.tracing import Tracing
    from perdure.engine.waits import Resolved, Woken
    from perdure.storage.interface import Storage
    from perdure.storage.run_queue import ClaimedRun

_log = logging.getLogger(__name__)


class Reservation(Struct, frozen=True, gc=False):
    """Room for executions of runs that are created in a transition: they need not stand in line first.

    ``lease_until`` is set if the transition has to renew the lease, which was asked for at ``asked_at``.
    """

    node_no: int
    count: int
    asked_at: float
    lease_until: datetime | None


class Executions:
    """The executions at work here: at most ``limit`` at once."""

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        directory: Directory,
        holds: Holds,
        hints: Hints,
        lease: Lease,
        connections: Connections,
        *,
        limit: int,
        must_queue: bool = False,
        tracing: Tracing | None = None,
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._directory = directory
        self._holds = holds
        self._hints = hints
        self._lease = lease
        self._limit = limit
        self._must_queue = must_queue
        self._tracing = tracing
        self._launches = Launches(storage, clock, directory, connections, hints, tracing=tracing)
        self._traced = None if tracing is None else SettledTasks(storage, tracing)
        # An execution must not inherit the context of a call that happens to start it: that may be another run's.
        self._context = copy_context()
        self._loop = asyncio.get_running_loop()
        self._reserved = 0
        self.is_open = True
        self.has_backlog = False
        self.is_in_doubt = False

    def take_room(self, most: int) -> int:
        """Take room for executions, at most so many; how many. What is taken is to be given back."""
        room = self._limit - len(self._holds) - self._reserved if self.is_open else 0
        taken = max(0, min(room, most))
        self._reserved += taken
        return taken

    def return_room(self, count: int) -> None:
        """Give room back that was taken."""
        self._reserved -= count

    def reserve(self, job_nos: Sequence[int]) -> Reservation | None:
        """Take room for executions of these jobs; ``None`` if their runs must stand in line like others."""
        count = len(job_nos)
        hosts, away = self._directory.hosts, self._directory.absences.away
        # Whoever is in line already comes first.
        if count == 0 or self.has_backlog or self._must_queue:
            return None
        # Whether a limited job has a place is seen in the transaction that claims.
        startable = self._directory.startable
        for job_no in job_nos:
            if job_no not in startable or (away and hosts[job_no] in away):
                return None
        taken = self.take_room(count)
        if taken < count:
            self.return_room(taken)
            return None
        renewal = self._lease.due_renewal(self._clock.now())
        asked_at, lease_until = (0.0, None) if renewal is None else renewal
        return Reservation(self._lease.node_no, count, asked_at, lease_until)

    def take_up(self, reservation: Reservation, runs: Iterable[ClaimedRun]) -> None:
        """Begin the executions of the runs that were created, and give the rest of the room back."""
        self.return_room(reservation.count)
        if reservation.lease_until is not None:
            self._lease.renewed(reservation.asked_at)
        for run in runs:
            self.begin(run)
        if self.has_backlog:
            # Who came while the room was taken found none, and it may not have been needed.
            self._hints.run_is_in_line()

    def give_up(self, reservation: Reservation) -> None:
        """Give the room back: it is not known whether the runs were created."""
        self.return_room(reservation.count)
        self.doubt()

    def doubt(self) -> None:
        """Have the database asked what this node holds: it may be more than it knows of."""
        self.is_in_doubt = True
        self._hints.run_is_in_line()

    def begin(self, run: ClaimedRun, woken: Woken | None = None) -> None:
        """Execute a run that this node holds; ``woken``: what woke it, if that was in the commit that claimed it."""
        if woken is not None and self._traced is not None:
            self._traced.tell(woken)
        endpoint = self._directory.hosts.get(run.job_no)
        if endpoint is None or not self.is_open:
            # The code has just gone, or the node is about to: whoever is in doubt puts the run back in line.
            self.doubt()
            return
        since, environment_no = run.executing_since, run.environment_no
        hold = Hold(run.run_no, run.id, run.epoch, endpoint, since, environment_no=environment_no)
        hold.limit_no = self._directory.limits.get(run.job_no)
        if not len(self._holds):
            self._hints.executions.set()
        self._holds.add(hold)
        hold.task = self._loop.create_task(self._execute(hold, run, woken), context=self._context.copy())
        self._hints.run_has_changed(run.id)

    async def _execute(self, hold: Hold, run: ClaimedRun, woken: Woken | None) -> None:
        try:
            result: ExecutionResult | Unconnected
            try:
                result = await self._launches.launch(hold, run, woken)
            except Exception as error:
                _log.exception("Execution %d of run %s raised.", hold.epoch, hold.run_id)
                result = Abandoned(f"the execution raised {type(error).__name__}: {error}")
            if isinstance(result, AutoYielded) and result.lacks_task and hold.refused is not None:
                result = _refused(result, hold.refused)
            if self._holds.find(hold.run_id) is hold:
                # Its app may have put the job, and with it this execution, under another limit meanwhile.
                hold.limit_no = self._directory.limits.get(run.job_no, hold.limit_no)
                status = await self._settle(hold, run, result)
                if self._tracing is not None and status is not None and status.is_final:
                    if self._traced is not None:
                        await self._traced.told()
                    slug = self._directory.tenants[run.environment_no].environment.slug
                    self._tracing.run_has_ended(run, slug, status=status, at=self._clock.now())
            # Otherwise its run was cancelled, and the node may even have stopped before the code had ended.
        except Exception as error:
            _log.exception("The result of execution %d of run %s cannot be stored.", hold.epoch, hold.run_id)
            await self._settle(hold, run, Abandoned(f"its result could not be stored: {error}"))
        finally:
            # Cut short, by whomever: the database still says that this node holds the run.
            if self._holds.drop(hold):
                self._hints.run_is_held_no_more(hold.run_id)
                self.doubt()

    async def _settle(self, hold: Hold, run: ClaimedRun, result: ExecutionResult | Unconnected) -> RunStatus | None:
        """Apply a result, however long the database cannot; the lease recovers the run if this node dies first.

        Returns:
            What the run is then; ``None``: this node held it no more.
        """
        held = HeldRun(
            hold.run_no,
            hold.epoch,
            self._lease.node_no,
            hold.since,
            hold.is_fruitful,
            hold.has_open_tasks,
            hold.limit_no,
        )
        failures = 0
        while True:
            try:
                applied = await self._storage.write(apply_result, held, result, now=self._clock.now())
                break
            except StorageUnavailableError:
                failures += 1
                await self._clock.wait(asyncio.Event(), self._clock.now() + back_off(failures))
        self._holds.drop(hold)
        if not isinstance(result, (Abandoned, Unconnected)):
            for retry in result.retries:
                self._hints.timer_is_set(retry.at)
        status = applied.status
        if status is None:
            # It may have been stored before, in a commit of which nobody knows.
            self.doubt()
        if status is not None and status.is_final:
            end = RunEnd(run.id, run.job_id, status, result.output, None) if isinstance(result, Succeeded) else None
            self._hints.run_has_ended(run.id, end)
        else:
            self._hints.run_has_changed(hold.run_id)
            # It may have ended in a commit of which nobody knows.
            self._hints.run_is_held_no_more(hold.run_id)
        if applied.ending is not NOTHING:
            self.follow(applied.ending)
        if self.has_backlog or status is RunStatus.WAITING_TO_EXECUTE:
            # A place is free, or the run itself is in line.
            self._hints.run_is_in_line()
        return status

    def abandon_all(self, reason: str) -> None:
        """Stop every execution here: this node may hold their runs no longer."""
        for hold in self._holds.all():
            hold.endpoint.abort(hold.run_id, reason)
            if hold.task is not None:
                hold.task.cancel()
            self._holds.drop(hold)
        self.doubt()

    def follow(self, ending: Ending) -> None:
        """Tell whom a run's end concerns, now that it is stored."""
        self.resolve_all(ending.woken)
        if ending.has_brought_back or any(one.run.status is not RunStatus.EXECUTING for one in ending.woken):
            self._hints.run_is_in_line()
        if ending.is_to_be_told:
            self._hints.notifications.set()

    def resolve_all(self, woken: Iterable[Woken]) -> None:
        """Tell executions at work here that waits of theirs are over."""
        for one in woken:
            self._hints.run_has_changed(one.run.id)
            if self._traced is not None:
                self._traced.tell(one)
            if one.run.status is RunStatus.EXECUTING:
                self.resolve(one.run.id, one.run.epoch, one.states)

    def tell_of_others(self, resolved: Sequence[Resolved]) -> None:
        """Have tasks traced that wait no longer though their runs were not woken."""
        if resolved and self._traced is not None:
            self._traced.tell_of_others(resolved)

    def resolve(self, run_id: str, epoch: int, states: list[TaskState]) -> None:
        """Tell an execution at work here that waits of it are over."""
        hold = self._holds.find(run_id)
        if hold is not None and hold.epoch == epoch:
            hold.is_fruitful = hold.is_fruitful or any(state.status is TaskStatus.COMPLETED for state in states)
            if hold.early is not None:
                hold.early += states
                return
            if not hold.endpoint.resolve(run_id, epoch, states):
                hold.tell_or_keep(states)


def _refused(result: AutoYielded, sentence: str) -> Failed:
    """Let a run fail whose next execution would only be refused the same task again."""
    message = f"The server does not store a task of this run. {sentence}"
    return Failed(
        ErrorInfo(WriteRefusedError.__name__, message),
        retries=result.retries,
        completed=result.completed,
        properties=result.properties,
    )
