"""A node: the engine's parts, connected, and its services at work."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from perdure.engine.administration import Administration
from perdure.engine.alarms import Alarms
from perdure.engine.attempts import Attempts
from perdure.engine.attendance import BREAK, Attendance
from perdure.engine.callbacks import Callbacks
from perdure.engine.connections import Connections
from perdure.engine.deliveries import Deliveries
from perdure.engine.desks import Desks
from perdure.engine.directory import Directory
from perdure.engine.environments import Environment, Environments
from perdure.engine.events import Events
from perdure.engine.executions import Executions
from perdure.engine.handovers import Handovers
from perdure.engine.hints import Hints
from perdure.engine.holds import Hold, Holds
from perdure.engine.http_endpoints import HttpEndpoints
from perdure.engine.invocations import Invocations
from perdure.engine.key_ring import KeyRing
from perdure.engine.lease import Lease
from perdure.engine.line import Line
from perdure.engine.measures import Measures, Meter
from perdure.engine.missing_connections import MissingConnections
from perdure.engine.operations import Operations
from perdure.engine.posts import Poster
from perdure.engine.receiving_urls import ReceivingUrls
from perdure.engine.recovery import release_own
from perdure.engine.registration import Registration
from perdure.engine.requesters import Requester, Requesters
from perdure.engine.schedules import Schedules
from perdure.engine.services.execution import ExecutionService
from perdure.engine.services.lease import LeaseService
from perdure.engine.services.operations import OperationService
from perdure.engine.services.recovery import RecoveryService
from perdure.engine.services.retention import RetentionService
from perdure.engine.services.rounds import RoundService
from perdure.engine.services.time_outs import TimeOutService
from perdure.engine.services.timers import Act, TimerService
from perdure.engine.signing_keys import SigningKeys
from perdure.engine.source_intake import SourceIntake
from perdure.engine.sources import Sources
from perdure.engine.starts import Starts
from perdure.engine.tasks import Tasks
from perdure.engine.time_outs import Overtime
from perdure.engine.unreadable import UnreadableSecrets
from perdure.transport.http_endpoint import HttpEndpoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.config.settings import Settings
    from perdure.engine.clock import Clock
    from perdure.engine.desk import DirectDesk
    from perdure.engine.secret_box import SecretBox
    from perdure.engine.services.service import Service
    from perdure.engine.tracing import Tracing
    from perdure.protocol.endpoint import Endpoint
    from perdure.protocol.ids import IdGenerator
    from perdure.protocol.management import NodeAnswer
    from perdure.storage.environments import EnvironmentRow
    from perdure.storage.interface import Storage


_TELLING = timedelta(seconds=1)
"""How long notifications at work may take once no execution is."""

_UNWINDING = timedelta(seconds=1)
"""How long aborted executions may take to unwind."""


class Node:
    """Executes the runs of the environments that it serves; made by `opening.open_node`.

    Attributes:
        about: Who answers.
        clock: The time.
        settings: How it runs.
        environments: Those that it serves.
        keys: The keys that it is asked with.
        administration: What an operator asks.
        connections: Credentials that are kept for integrations.
        unreadable: Finds secrets that its key does not open.
    """

    own: Environment
    """The environment that is meant where none is named."""

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        ids: IdGenerator,
        settings: Settings,
        *,
        node_no: int,
        own_no: int,
        shares_database: bool,
        serves_all: bool,
        secrets: SecretBox,
        random_bytes: Callable[[int], bytes],
        origin: Callable[[], str],
        make_requester: Callable[[bool], Requester],
        about: NodeAnswer,
        tracing: Tracing | None,
    ) -> None:
        self._storage = storage
        self.clock = clock
        self.about = about
        self.settings = settings
        self._shares_database = shares_database
        self._serves_all = serves_all
        directory = self.directory = Directory()
        requesters = Requesters(make_requester, directory)
        keys = self.keys = KeyRing(clock, secrets)
        self._signing_keys = SigningKeys(keys, directory, secrets, own_no=own_no, serves_all=serves_all)
        holds = self.holds = Holds()
        hints = self.hints = Hints()
        self.lease = Lease(storage, clock, node_no=node_no, ttl=settings.lease_ttl, renewal=settings.lease_renewal)
        self.connections = Connections(storage, clock, ids, secrets, hints)
        self.unreadable = UnreadableSecrets(storage, secrets)
        self._meter = Meter(storage, clock)
        self.executions = Executions(
            storage, clock, directory, holds, hints, self.lease, self.connections,
            limit=settings.max_executions, must_queue=settings.concurrency_limit is not None, tracing=tracing,
        )  # fmt: skip
        self._line = Line(storage, clock, directory, self.executions, holds, hints, self.lease, settings)
        self._alarms = Alarms(clock, self._line)
        self._registration = Registration(storage, clock, directory, hints, self.connections)
        self.callbacks = Callbacks(clock, self._line, secrets, origin)
        poster = Poster(requesters, clock, self._signing_keys.newest)
        self.deliveries = Deliveries(storage, clock, directory, hints, poster, self.callbacks)
        attempts = Attempts(requesters, clock, secrets, ids, _randomness(random_bytes), tracing=tracing)
        self.operations = self._make_operations(secrets, attempts)
        hints.on_run_ended = self.operations.run_has_ended
        starts = Starts(storage, self.executions, hints)
        events = self._events = Events(storage, clock, ids, directory, starts, self._line, hints)
        self.connections.missing = MissingConnections(storage, clock, ids, events, origin)
        # Where there are others, what was due just before this node began may be theirs.
        self._attendance = Attendance(BREAK if shares_database else timedelta())
        self._schedules = Schedules(
            storage, clock, ids, directory, starts, hints, self._attendance, most=settings.max_schedules
        )
        invocations = Invocations(storage, clock, ids, directory, check_url=self.deliveries.check_url)
        tasks = Tasks(
            storage, clock, directory, holds, hints, invocations=invocations, starts=starts,
            executions=self.executions, operations=self.operations, tracing=tracing,
        )  # fmt: skip
        urls = ReceivingUrls(directory, secrets, origin)
        self._sources = Sources(storage, clock, ids, directory, events=events, urls=urls, secrets=secrets, hints=hints)
        intake = SourceIntake(storage, clock, events, hints)
        http_endpoints = HttpEndpoints(storage, clock, directory, events, intake, urls)
        self.handovers = Handovers(storage, clock, directory, events, self._sources, hints, self.connections)
        self.administration = Administration(
            storage, clock, ids, directory, keys, secrets, random_bytes=random_bytes, open_environment=self._serve_too
        )
        desks = Desks(
            storage=storage, clock=clock, ids=ids, settings=settings, about=about, secrets=secrets, tracing=tracing,
            directory=directory, holds=holds, hints=hints, keys=keys, signing_keys=self._signing_keys,
            requesters=requesters, registration=self._registration, line=self._line, starts=starts,
            invocations=invocations, events=events, tasks=tasks, schedules=self._schedules, sources=self._sources,
            http_endpoints=http_endpoints, callbacks=self.callbacks, connections=self.connections,
            administration=self.administration, unreadable=self.unreadable, shares_database=shares_database,
        )  # fmt: skip
        self.environments = Environments(storage, directory, keys, desks)
        self._loops: list[asyncio.Task[None]] = []

    def _make_operations(self, secrets: SecretBox, attempts: Attempts) -> Operations:
        limit, node_no = self.settings.max_fetches, self.lease.node_no
        return Operations(
            self._storage, self.clock, self._line, self.hints, secrets, attempts, node_no=node_no, limit=limit
        )

    def signing_key(self) -> str:
        """Give what notifications of its own environment are signed with."""
        return self._signing_keys.newest()

    @property
    def platform(self) -> DirectDesk:
        """All that its own environment can be asked."""
        return self.own.desk

    async def _serve_too(self, row: EnvironmentRow) -> None:
        """Serve an environment that was just created, if this node serves all."""
        if self._serves_all:
            await self.environments.open(row)

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
        self._loops = [asyncio.create_task(part.run()) for part in parts]

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
        return self._loops

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


def _randomness(random_bytes: Callable[[int], bytes]) -> Callable[[], float]:
    """Make what draws a number, uniform in [0, 1)."""
    return lambda: int.from_bytes(random_bytes(4)) / 2**32


async def _wait(holds: list[Hold], timeout: timedelta) -> set[asyncio.Task[None]]:
    """Wait for executions to end; those that have not."""
    at_work = [hold.task for hold in holds if hold.task is not None]
    return (await asyncio.wait(at_work, timeout=timeout.total_seconds()))[1] if at_work else set()
