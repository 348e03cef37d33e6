"""The line: claim runs that are due and begin their executions."""

from __future__ import annotations

from collections.abc import Container, Mapping
from copy import copy
from datetime import datetime, timedelta
from math import inf
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from msgspec import Struct

from perdure.engine.endings import Ending
from perdure.engine.lease import Lease, renew_in
from perdure.engine.places import Places, fill_places
from perdure.engine.quarantine import Probation, Suspects, put_off, quarantine
from perdure.engine.recovery import release_orphans
from perdure.engine.results import back_off
from perdure.engine.time_outs import end_in_line, why_timed_out
from perdure.storage import concurrency, run_queue, runs
from perdure.storage.run_queue import ClaimedRun, DueRun

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from perdure.config.settings import Settings
    from perdure.engine.clock import Clock
    from perdure.engine.directory import Directory
    from perdure.engine.executions import Executions
    from perdure.engine.hints import Hints
    from perdure.engine.holds import Holds
    from perdure.engine.waits import Waking, Woken
    from perdure.storage.interface import Session, Storage


P = ParamSpec("P")
R = TypeVar("R")


LOOK = 1000
"""How many runs that find no place one claim sets aside at most."""


class Claims(Struct, frozen=True):
    """What one look at the line came to.

    Attributes:
        seen: How many runs were due.
        may_be_more: Whether further runs may be due: there was no room to look at them.
        claimed: The runs that this node holds now.
        ended: What came of the runs that were given up.
        is_renewed: Whether the lease was renewed, if it was to be.
    """

    seen: int
    may_be_more: bool
    claimed: list[ClaimedRun]
    ended: list[tuple[str, Ending]]
    is_renewed: bool = True


_NOTHING = Claims(0, False, [], [], False)
_NOBODY: Mapping[int, Woken] = {}


class Claimant(Struct, frozen=True):
    """Who claims.

    Attributes:
        node_no: The node.
        hosted: The jobs whose code it has.
        environment_limit: How many executions of one environment may be at work; ``None``: any number.
        fruitless_limit: How many executions in a row may complete no task.
        max_run_duration: For how long a run may be executed in all; ``None``: without limit.
        suspects: Those at work that have lost their process repeatedly.
        lease_until: Until when the lease is renewed with the claim; ``None``: it is not.
    """

    node_no: int
    hosted: Container[int]
    environment_limit: int | None
    fruitless_limit: int
    max_run_duration: timedelta | None
    suspects: Suspects
    lease_until: datetime | None


class Look(Struct):
    """One look at the line, while it lasts."""

    claimant: Claimant
    now: datetime
    suspects: Suspects
    places: Places
    ended: list[tuple[str, Ending]]


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
        self._probation = Probation(holds, quarantine_after=settings.quarantine_after)

    async def claim(self) -> bool:
        """Begin executions of runs that are due, as far as there is room; whether any were due."""
        room = self._executions.take_room(self._settings.claim_batch)
        if not room:
            self._executions.has_backlog = True
            return False
        claims = await self._claim_after(room, _do_nothing)
        self._executions.has_backlog = claims.may_be_more
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
            woken: dict[int, Woken] = {}

            async def first(tx: Session) -> bool:
                # A transition may be run again: only the last result counts.
                last[:] = [await transition(tx, *args, **kwargs)]
                woken.clear()
                woken.update((one.run.run_no, one) for one in last[0].woken)
                return last[0].count_in_line() > 0

            claimed = len((await self._claim_after(room, first, woken)).claimed)
            waking = last[0]
        else:
            waking = await self._storage.write(transition, *args, **kwargs)
        self._executions.resolve_all(waking.woken)
        if waking.next_timer is not None:
            self._hints.timer_is_set(waking.next_timer)
        if waking.count_in_line() > claimed:
            self._hints.run_is_in_line()
        return waking.result

    async def _claim_after(
        self, room: int, first: Callable[[Session], Awaitable[bool]], woken: Mapping[int, Woken] = _NOBODY
    ) -> Claims:
        """Do something, and if it says so claim what is due in the same commit; the room is given back.

        ``woken`` are, by then, the runs that it woke.
        """
        now = self._clock.now()
        renewal = self._lease.due_renewal(now)
        suspects = self._probation.ask()
        begun: list[ClaimedRun] = []
        claimant = Claimant(
            self._lease.node_no,
            self._directory.hosts,
            self._settings.concurrency_limit,
            self._settings.fruitless_limit,
            self._settings.max_run_duration,
            suspects,
            None if renewal is None else renewal[1],
        )
        try:
            claims = await self._storage.write(claim_due, claimant, first, limit=room, now=now)
            begun = claims.claimed
        except BaseException:
            self._executions.doubt()
            raise
        finally:
            self._executions.return_room(room)
            self._probation.tell(suspects, begun)
        if renewal is not None and claims.is_renewed:
            self._lease.renewed(renewal[0])
        for run in claims.claimed:
            self._executions.begin(run, woken.get(run.run_no))
        for run_id, ending in claims.ended:
            self._hints.run_has_ended(run_id)
            self._executions.follow(ending)
        return claims

    async def fill_places(self) -> None:
        """Look whether runs that stand aside for want of a place could have one."""
        if not await self._storage.read(concurrency.list_waited_for):
            return
        if await self._storage.write(fill_places):
            self._hints.run_is_in_line()

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
    claimant: Claimant,
    first: Callable[[Session], Awaitable[bool]] = _do_nothing,
    *,
    limit: int,
    now: datetime,
) -> Claims:
    """Let a node hold runs that are due, as far as they find places; put off those whose code it has not.

    Those that have come to nothing too often, or have taken too many processes with them, are ended. All of it only if
    ``first``, which puts runs in line, says so.
    """
    if not await first(tx):
        return _NOTHING
    await renew_in(tx, claimant.node_no, claimant.lease_until)
    share = claimant.environment_limit
    # A transition may be run again: what it changes is its own.
    look = Look(claimant, now, copy(claimant.suspects), Places(share), [])
    hosted, suspects_from = claimant.hosted, claimant.suspects.first
    fruitless_limit, max_run_duration = claimant.fruitless_limit, claimant.max_run_duration
    most_ms = inf if max_run_duration is None else max_run_duration // timedelta(milliseconds=1)
    claimed: list[ClaimedRun] = []
    seen = 0
    while True:
        room = limit - len(claimed)
        due = await run_queue.list_due(tx, now=now, limit=room)
        seen += len(due)
        take: list[int] = []
        for run in due:
            is_plain = run.limit_no is None and run.job_no in hosted and run.fruitless < fruitless_limit
            is_in_time = run.spent_ms < most_ms
            if (share is None and is_plain and is_in_time and run.losses < suspects_from) or await _is_to_be_claimed(
                tx, run, look
            ):
                take.append(run.run_no)
        if take:
            claimed += await run_queue.claim_if_in_line(tx, take, node_no=claimant.node_no, now=now)
        has_aside = await look.places.store(tx)
        # Those who stand aside have left room for others.
        if not has_aside or len(due) < room or seen >= LOOK:
            return Claims(seen, len(due) == room, claimed, look.ended)


async def _is_to_be_claimed(tx: Session, run: DueRun, look: Look) -> bool:
    claimant, now = look.claimant, look.now
    if run.losses >= look.suspects.quarantine_after:
        look.ended += await quarantine(tx, run, now=now)
        return False
    why = why_timed_out(run, fruitless_limit=claimant.fruitless_limit, most=claimant.max_run_duration)
    if why is not None:
        look.ended += await end_in_line(tx, run, why, now=now)
        return False
    if run.job_no not in claimant.hosted:
        until = now + back_off(run.failures + 1)
        await run_queue.postpone_if_in_line(tx, run.run_no, until=until, why=f"no code for job {run.job_id}", now=now)
        return False
    if run.losses >= look.suspects.first and not look.suspects.take(run.losses):
        await put_off(tx, run, now=now)
        return False
    if not await look.places.has_share(tx, run.environment_no, run.run_no):
        return False
    if run.limit_no is not None and not await look.places.take(tx, run.limit_no, run.run_no):
        return False
    look.places.take_share(run.environment_no)
    return True
