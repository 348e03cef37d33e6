"""A node: its services at work, from its beginning to its end."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from perdure.engine.parts import Parts
from perdure.engine.recovery import release_own
from perdure.engine.services.execution import ExecutionService
from perdure.engine.services.lease import LeaseService
from perdure.engine.services.operations import OperationService
from perdure.engine.services.recovery import RecoveryService
from perdure.engine.services.retention import RetentionService
from perdure.engine.services.rounds import RoundService
from perdure.engine.services.time_outs import TimeOutService
from perdure.engine.services.timers import Act, TimerService
from perdure.engine.time_outs import Overtime
from perdure.transport.http_endpoint import HttpEndpoint

if TYPE_CHECKING:
    from perdure.engine.desk import DirectDesk
    from perdure.engine.holds import Hold
    from perdure.engine.measures import Measures
    from perdure.engine.services.service import Service
    from perdure.protocol.endpoint import Endpoint

_TELLING = timedelta(seconds=1)
"""How long notifications at work may take once no execution is."""

_UNWINDING = timedelta(seconds=1)
"""How long aborted executions may take to unwind."""

_PROVEN_SECONDS = 1.0
"""For how long a write shows that there can be others."""


class Node(Parts):
    """Executes the runs of the environments that it serves; made by `opening.open_node`."""

    _loops: tuple[asyncio.Task[None], ...] = ()
    _proven_until = 0.0

    def signing_key(self) -> str:
        """Give what notifications of its own environment are signed with."""
        return self._signing_keys.newest()

    @property
    def platform(self) -> DirectDesk:
        """All that its own environment can be asked."""
        return self.own.desk

    async def add(self, endpoint: Endpoint, *, environment_no: int | None = None) -> None:
        """Register an app and execute its jobs from now on; see `Registration.register`.

        Args:
            endpoint: The app.
            environment_no: The environment that it is in; ``None``: the node's own.
        """
        whose = self.own.number if environment_no is None else environment_no
        index = await self._registration.register(whose, endpoint)
        if index.sources:
            await self._sources.declare(whose, index)

    def begin(self) -> None:
        """Begin to work; call it when the apps are there, or runs in line are put off for want of their code."""
        parts: list[Service] = [
            ExecutionService(self._storage, self.clock, self._line, self.executions, self.hints, self.settings),
            TimerService(self._storage, self.clock, self.hints, self.settings, self._acts(), self._attendance),
            RoundService(self.clock, self.deliveries, self.hints.notifications, self.settings),
            RoundService(self.clock, self.handovers, self.hints.requests, self.settings),
            OperationService(self._storage, self.clock, self.hints, self.settings, self.operations),
            LeaseService(
                self.clock,
                self.lease,
                self.executions,
                self.holds,
                self.hints,
                self.settings,
                shares_database=self._shares_database,
            ),
        ]
        if self.settings.max_run_duration is not None:
            overtime = Overtime(
                self._storage, self.clock, self.executions, self.holds, self.hints,
                node_no=self.lease.node_no, most=self.settings.max_run_duration,
            )  # fmt: skip
            parts.append(TimeOutService(self.clock, overtime, self.settings))
        if self.settings.retention is not None:
            parts.append(RetentionService(self._storage, self.clock, keep=self.settings.retention))
        if self._shares_database:
            parts.append(RecoveryService(self._storage, self.clock, self.lease, self.hints, self.settings))
        self._loops = tuple(asyncio.create_task(part.run()) for part in parts)

    def _acts(self) -> list[Act]:
        return [
            self._alarms.fire,
            self._alarms.time_out,
            self._events.deliver_due,
            self._events.wake_more,
            self._schedules.fire_due,
        ]

    @property
    def stopping(self) -> asyncio.Event:
        """Set when it is about to stop: what goes on until something happens is to end then."""
        return self.hints.stopping

    @property
    def services(self) -> list[asyncio.Task[None]]:
        """The loops of this node; one that has nothing to do sleeps in `Clock.wait`."""
        return list(self._loops)

    def at_work(self) -> list[asyncio.Task[None]]:
        """What this node has begun beside its loops, and has not ended yet."""
        executions = [hold.task for hold in self.holds.all() if hold.task is not None]
        return [*executions, *self.operations.at_work(), *self.deliveries.at_work(), *self.handovers.at_work()]

    async def find_endpoints(self) -> None:
        """Look for the apps behind URLs that were registered once, in all environments that it serves."""
        for one in self.environments.all():
            await one.remote.endpoints.lookout.begin()

    async def _look_no_more(self) -> None:
        for one in self.environments.all():
            await one.remote.endpoints.lookout.stop()
        await self.administration.stop()

    async def check_storage(self) -> None:
        """Look whether the database can be written.

        Raises:
            StorageError: It cannot, or is not there any more.
        """
        # Anybody may ask, and a write costs a sync: one a second is enough.
        now = self.clock.monotonic()
        if now >= self._proven_until:
            await self.lease.prove()
            self._proven_until = now + _PROVEN_SECONDS

    async def measure(self) -> Measures:
        """Measure what this node is at, and what waits for it."""
        return await self._meter.measure(
            executions=len(self.holds),
            most_executions=self.settings.max_executions,
            requests=len(self.operations.at_work()),
            notifications=len(self.deliveries.at_work()),
        )

    async def abandon(self) -> None:
        """Stop at once, as if the process had died: nothing is put back in line, and nothing else is stored."""
        self.hints.stop()
        self.executions.is_open = False
        await self._look_no_more()
        left = [*self._loops, *self.at_work()]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        self._let_workers_go()
        await self.operations.cut()

    def _let_workers_go(self) -> None:
        for one in self.environments.all():
            one.remote.workers.stop()

    async def stop(self, *, grace: timedelta) -> None:
        """Take no more work, let executions end for so long, then put the rest back in line.

        Whoever restarts on the same database finds those runs due at once.
        """
        self.hints.stop()
        self.executions.is_open = False
        await self._look_no_more()
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        await _wait(self.holds.all(), grace)
        await self.deliveries.stop(grace=_TELLING if grace else grace)
        await self.handovers.stop(grace=_TELLING if grace else grace)
        # What sends their requests sends the notifications, too.
        await self.operations.stop()
        rest = self.holds.all()
        try:
            # First of all they may write no more; only then are they told.
            await self._storage.write(release_own, node_no=self.lease.node_no, now=self.clock.now())
        finally:
            for hold in rest:
                # What is executed elsewhere goes on as the next execution, if a node is back soon.
                if not isinstance(hold.endpoint, HttpEndpoint):
                    hold.endpoint.abort(hold.run_id, "The node stops.")
            for task in await _wait(rest, _UNWINDING):
                task.cancel()
            self._let_workers_go()
            self.hints.let_go()


async def _wait(holds: list[Hold], timeout: timedelta) -> set[asyncio.Task[None]]:
    """Wait for executions to end; those that have not."""
    at_work = [hold.task for hold in holds if hold.task is not None]
    return (await asyncio.wait(at_work, timeout=timeout.total_seconds()))[1] if at_work else set()
