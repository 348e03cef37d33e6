"""The line: claim runs that are due and begin their executions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from msgspec import Struct

from perdure.engine.lease import Lease, renew_in
from perdure.engine.recovery import release_orphans
from perdure.engine.results import back_off, close_tasks
from perdure.protocol.execution import ErrorInfo
from perdure.protocol.statuses import RunStatus, TaskStatus
from perdure.storage import run_queue, runs
from perdure.storage.run_queue import ClaimedRun

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Container, Sequence
    from datetime import datetime

    from perdure.config.settings import Settings
    from perdure.engine.clock import Clock
    from perdure.engine.directory import Directory
    from perdure.engine.executions import Executions
    from perdure.engine.hints import Hints
    from perdure.engine.holds import Holds
    from perdure.engine.waits import Waking
    from perdure.storage.interface import Session, Storage


P = ParamSpec("P")
R = TypeVar("R")


class Claims(Struct, frozen=True, gc=False):
    """What one look at the line came to; ``seen`` counts the runs that were due."""

    seen: int
    claimed: list[ClaimedRun]
    timed_out: list[str]
    is_renewed: bool = True


_NOTHING = Claims(0, [], [], False)


class Line:
    """Takes runs from the line as far as there is room."""

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        directory: Directory,
        executions: Executions,
        holds: Holds,
        hints: Hints,
        lease: Lease,
        settings: Settings,
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._directory = directory
        self._executions = executions
        self._holds = holds
        self._hints = hints
        self._lease = lease
        self._settings = settings

    async def claim(self) -> bool:
        """Begin executions of runs that are due, as far as there is room; whether any were due."""
        room = self._executions.take_room(self._settings.claim_batch)
        if not room:
            self._executions.has_backlog = True
            return False
        claims = await self._claim_after(room, _do_nothing)
        self._executions.has_backlog = claims.seen == room
        return claims.seen > 0

    async def wake(
        self,
        most: int,
        transition: Callable[Concatenate[Session, P], Awaitable[Waking[R]]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Run a transition that ends waits, and claim what is due in the same commit, as far as there is room.

        Args:
            most: How many runs to claim at most.
            transition: Gives its result with the runs it has woken.
            args: What follows the session.
            kwargs: Likewise.

        Returns:
            The transition's result, when it is durable.
        """
        room = 0 if self._executions.has_backlog else self._executions.take_room(most)
        claimed = 0
        if room:
            last: list[Waking[R]] = []

            async def first(tx: Session) -> bool:
                # A transition may be run again: only the last result counts.
                last[:] = [await transition(tx, *args, **kwargs)]
                return last[0].count_in_line() > 0

            claimed = len((await self._claim_after(room, first)).claimed)
            waking = last[0]
        else:
            waking = await self._storage.write(transition, *args, **kwargs)
        for woken in waking.woken:
            if woken.run.status is RunStatus.EXECUTING:
                self._executions.resolve(woken.run.id, woken.run.epoch, woken.states)
        if waking.next_timer is not None:
            self._hints.timer_is_set(waking.next_timer)
        if waking.count_in_line() > claimed:
            self._hints.run_is_in_line()
        return waking.result

    async def _claim_after(self, room: int, first: Callable[[Session], Awaitable[bool]]) -> Claims:
        """Do something, and if it says so claim what is due in the same commit; the room is given back."""
        now = self._clock.now()
        renewal = self._lease.due_renewal(now)
        try:
            claims = await self._storage.write(
                claim_due,
                first,
                node_no=self._lease.node_no,
                hosted=self._directory.hosts,
                limit=room,
                fruitless_limit=self._settings.fruitless_limit,
                lease_until=None if renewal is None else renewal[1],
                now=now,
            )
        except BaseException:
            self._executions.doubt()
            raise
        finally:
            self._executions.return_room(room)
        if renewal is not None and claims.is_renewed:
            self._lease.renewed(renewal[0])
        for run in claims.claimed:
            self._executions.begin(run)
        for run_id in claims.timed_out:
            self._hints.run_has_ended(run_id)
        return claims

    async def reconcile(self) -> None:
        """Put back in line what this node holds by the database's word, but does not know of.

        A claim whose commit failed half-way, or whose caller was cancelled, may have been stored all the same.
        """
        self._executions.is_in_doubt = False
        try:
            await self._release_orphans()
        except BaseException:
            self._executions.is_in_doubt = True
            raise

    async def _release_orphans(self) -> None:
        held = await self._storage.write(runs.list_held, self._lease.node_no)
        # Every claim committed before this unit has been taken up by now: units of work finish in their order.
        orphans: list[tuple[int, int]] = []
        for run_no, run_id, epoch in held:
            hold = self._holds.find(run_id)
            if hold is None or hold.epoch != epoch:
                orphans.append((run_no, epoch))
        if orphans:
            await self._storage.write(release_orphans, orphans, now=self._clock.now())


async def _do_nothing(_tx: Session) -> bool:
    return True


async def claim_due(
    tx: Session,
    first: Callable[[Session], Awaitable[bool]] = _do_nothing,
    *,
    node_no: int,
    hosted: Container[int],
    limit: int,
    fruitless_limit: int,
    lease_until: datetime | None,
    now: datetime,
) -> Claims:
    """Let a node hold runs that are due; put those off whose code it has not; end those that came to nothing.

    All of it only if ``first``, which puts runs in line, says so.
    """
    if not await first(tx):
        return _NOTHING
    await renew_in(tx, node_no, lease_until)
    take: list[int] = []
    timed_out: list[str] = []
    due = await run_queue.list_due(tx, now=now, limit=limit)
    for run in due:
        if run.fruitless >= fruitless_limit:
            timed_out.extend(await _time_out(tx, run.run_no, run.fruitless, now))
        elif run.job_no in hosted:
            take.append(run.run_no)
        else:
            until = now + back_off(run.failures + 1)
            why = f"no code for job {run.job_id}"
            await run_queue.postpone_if_in_line(tx, run.run_no, until=until, why=why, now=now)
    claimed = await run_queue.claim_if_in_line(tx, take, node_no=node_no, now=now) if take else []
    return Claims(len(due), claimed, timed_out)


async def _time_out(tx: Session, run_no: int, fruitless: int, now: datetime) -> Sequence[str]:
    error = ErrorInfo("RunTimedOutError", f"{fruitless} executions in a row completed no task.")
    run_id = await run_queue.time_out_if_in_line(tx, run_no, error=error, now=now)
    if run_id is None:
        return ()
    await close_tasks(tx, run_no, TaskStatus.CANCELED, now)
    return (run_id,)
