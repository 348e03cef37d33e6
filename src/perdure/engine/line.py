"""The line: claim runs that are due and begin their executions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from perdure.engine.claims import Away, Claimant, Claims, claim_due
from perdure.engine.places import fill_places
from perdure.engine.quarantine import Probation
from perdure.engine.recovery import release_orphans
from perdure.engine.wakes import Wakes, wake_and_claim, wake_only
from perdure.storage import concurrency, runs

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Container, Mapping
    from datetime import datetime

    from perdure.config.settings import Settings
    from perdure.engine.clock import Clock
    from perdure.engine.directory import Directory
    from perdure.engine.executions import Executions
    from perdure.engine.hints import Hints
    from perdure.engine.holds import Holds
    from perdure.engine.lease import Lease
    from perdure.engine.waits import Waking
    from perdure.storage.interface import Session, Storage
    from perdure.storage.run_queue import ClaimedRun


P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C", bound="Claims | Wakes[Any]")


_NONE_AWAY: Mapping[int, Away] = {}


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
        self._next_turn = clock.now()
        self._probation = Probation(holds, quarantine_after=settings.quarantine_after)

    async def claim(self) -> bool:
        """Begin executions of runs that are due, as far as there is room; whether any were due."""
        room = self._executions.take_room(self._settings.claim_batch)
        if not room:
            self._executions.has_backlog = True
            return False
        claims = await self._hold(room, self._clock.now(), claim_due)
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
        now = self._clock.now()

        def ends_waits(tx: Session) -> Awaitable[Waking[R]]:
            return transition(tx, *args, **kwargs)

        if room:
            wakes: Wakes[R] = await self._hold(room, now, wake_and_claim, ends_waits)
        else:
            try:
                wakes = await self._storage.write(wake_only, ends_waits, now=now)
            except BaseException:
                self._executions.doubt()
                raise
        begun = {run.run_no for run in wakes.claims.claimed}
        self._executions.resolve_all(one for one in wakes.woken if one.run.run_no not in begun)
        self._executions.tell_of_others(wakes.others)
        if wakes.next_timer is not None:
            self._hints.timer_is_set(wakes.next_timer)
        # Whoever came while the room was taken found none, and is told by nobody else.
        if wakes.in_line > 0 or (room and self._executions.has_backlog):
            self._hints.run_is_in_line()
        return wakes.result

    async def _hold(
        self,
        room: int,
        now: datetime,
        transition: Callable[..., Awaitable[C]],
        *args: Callable[[Session], Awaitable[Waking[Any]]],
    ) -> C:
        """Run a transition that claims runs, at most as many as there is room, and begin their executions."""
        renewal = self._lease.due_renewal(now)
        suspects = self._probation.ask()
        begun: list[ClaimedRun] = []
        hosted, away = self._look_around(now)
        claimant = Claimant(
            self._lease.node_no,
            hosted,
            away,
            self._settings.concurrency_limit,
            self._settings.fruitless_limit,
            self._settings.max_run_duration,
            suspects,
            None if renewal is None else renewal[1],
            self._next_turn,
        )
        try:
            outcome = await self._storage.write(transition, claimant, *args, limit=room, now=now)
            claims, woken = (outcome, ()) if isinstance(outcome, Claims) else (outcome.claims, outcome.woken)
            begun = claims.claimed
        except BaseException:
            self._executions.doubt()
            raise
        finally:
            self._executions.return_room(room)
            self._probation.tell(suspects, begun)
        if renewal is not None and claims.is_renewed:
            self._lease.renewed(renewal[0])
        if claims.next_turn is not None:
            self._next_turn = max(self._next_turn, claims.next_turn)
        for app in claims.tried:
            self._directory.absences.tried(app, now)
        by_run = {one.run.run_no: one for one in woken}
        for run in begun:
            self._executions.begin(run, by_run.get(run.run_no))
        for run_id, ending in claims.ended:
            self._hints.run_has_ended(run_id)
            self._executions.follow(ending)
        return outcome

    def _look_around(self, now: datetime) -> tuple[Container[int], Mapping[int, Away]]:
        """Give the jobs whose code is there, and those whose app is away."""
        hosts, absences = self._directory.hosts, self._directory.absences
        if not absences.away:
            return hosts, _NONE_AWAY
        apart = {app: Away(app, absences.why(app), absences.may_try(app, now)) for app in absences.away}
        away = {job_no: apart[app] for job_no, app in hosts.items() if app in apart}
        return hosts.keys() - away.keys(), away

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
        # Every claim committed before this unit has been taken up by now: units of work finish in their order. And
        # whatever else was given before it is stored by now, or never.
        self._hints.anything_may_be_due()
        orphans: list[tuple[int, int]] = []
        for run_no, run_id, epoch in held:
            hold = self._holds.find(run_id)
            if hold is None or hold.epoch != epoch:
                orphans.append((run_no, epoch))
        if orphans:
            await self._storage.write(release_orphans, orphans, now=self._clock.now())
