"""A node: the engine's parts, connected, and its services at work."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from msgspec.structs import replace

from perdure.engine.administration import Administration
from perdure.engine.alarms import Alarms
from perdure.engine.attempts import Attempts
from perdure.engine.attendance import BREAK, Attendance
from perdure.engine.callbacks import Callbacks
from perdure.engine.cancellations import Cancellations
from perdure.engine.connections import Connections
from perdure.engine.deliveries import Deliveries
from perdure.engine.desk import DirectDesk
from perdure.engine.directory import Directory
from perdure.engine.endpoints import Endpoints
from perdure.engine.environments import Environment, Environments
from perdure.engine.events import Events
from perdure.engine.executions import Executions
from perdure.engine.following import Following
from perdure.engine.handovers import Handovers
from perdure.engine.held_tasks import HeldTasks
from perdure.engine.hints import Hints
from perdure.engine.holds import Hold, Holds
from perdure.engine.http_endpoints import HttpEndpoints
from perdure.engine.invocations import Invocations
from perdure.engine.key_ring import KeyRing
from perdure.engine.lease import Lease
from perdure.engine.line import Line
from perdure.engine.lists import Lists
from perdure.engine.measures import Measures, measure
from perdure.engine.missing_connections import MissingConnections
from perdure.engine.operations import Operations
from perdure.engine.posts import Poster
from perdure.engine.pruning import Pruning
from perdure.engine.receiving_urls import ReceivingUrls
from perdure.engine.recovery import release_own
from perdure.engine.registration import Registration
from perdure.engine.remote_apps import RemoteApps
from perdure.engine.remote_desk import RemoteDesk
from perdure.engine.remote_tasks import RemoteTasks
from perdure.engine.repeats import Repeats
from perdure.engine.requesters import Requester, Requesters
from perdure.engine.runs import Runs
from perdure.engine.schedules import Schedules
from perdure.engine.services.execution import ExecutionService
from perdure.engine.services.lease import LeaseService
from perdure.engine.services.operations import OperationService
from perdure.engine.services.recovery import RecoveryService
from perdure.engine.services.retention import RetentionService
from perdure.engine.services.rounds import RoundService
from perdure.engine.services.time_outs import TimeOutService
from perdure.engine.services.timers import Act, TimerService
from perdure.engine.sources import Sources
from perdure.engine.starts import Starts
from perdure.engine.state import State
from perdure.engine.stored_texts import StoredTexts
from perdure.engine.task_batches import TaskBatches
from perdure.engine.tasks import Tasks
from perdure.engine.time_outs import Overtime
from perdure.engine.tracing import Tracing, no_headers
from perdure.engine.workers import Workers
from perdure.transport.http_endpoint import HttpEndpoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.config.settings import Settings
    from perdure.engine.clock import Clock
    from perdure.engine.secret_box import SecretBox
    from perdure.engine.services.service import Service
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
        self._ids = ids
        self.about = about
        self.settings = settings
        self._shares_database = shares_database
        self._serves_all = serves_all
        self._secrets = secrets
        self._tracing = tracing
        self.directory = Directory()
        self._requesters = Requesters(make_requester, self.directory)
        self.keys = KeyRing(clock, secrets)
        self.holds = Holds()
        self.hints = Hints()
        self.lease = Lease(storage, clock, node_no=node_no, ttl=settings.lease_ttl, renewal=settings.lease_renewal)
        self.connections = Connections(storage, clock, ids, secrets, self.hints)
        self.executions = Executions(
            storage, clock, self.directory, self.holds, self.hints, self.lease, self.connections,
            limit=settings.max_executions, must_queue=settings.concurrency_limit is not None, tracing=tracing,
        )  # fmt: skip
        self._line = Line(storage, clock, self.directory, self.executions, self.holds, self.hints, self.lease, settings)
        self._alarms = Alarms(clock, self._line)
        self._registration = Registration(storage, clock, self.directory, self.hints, self.connections)
        self.callbacks = Callbacks(clock, self._line, secrets, origin)
        poster = Poster(self._requesters, clock, self.signing_key)
        self.deliveries = Deliveries(storage, clock, self.directory, self.hints, poster, self.callbacks)
        self.operations = self._make_operations(random_bytes, node_no)
        self.hints.on_run_ended = self.operations.run_has_ended
        starts = self._starts = Starts(storage, self.executions, self.hints)
        self._events = Events(storage, clock, ids, self.directory, starts, self._line, self.hints)
        self.connections.missing = MissingConnections(storage, clock, ids, self._events, origin)
        # Where there are others, what was due just before this node began may be theirs.
        self._attendance = Attendance(BREAK if shares_database else timedelta())
        self._schedules = Schedules(
            storage, clock, ids, self.directory, starts, self.hints, self._attendance, most=settings.max_schedules
        )
        self._tasks = Tasks(
            storage, clock, self.directory, self.holds, self.hints,
            invocations=self._make_invocations(), starts=starts, executions=self.executions,
            operations=self.operations, tracing=tracing,
        )  # fmt: skip
        urls = ReceivingUrls(self.directory, secrets, origin)
        self._sources = Sources(
            storage, clock, ids, self.directory, events=self._events, urls=urls, secrets=secrets, hints=self.hints
        )
        self._http_endpoints = HttpEndpoints(storage, clock, self.directory, self._events, self._sources, urls)
        self.handovers = Handovers(
            storage, clock, self.directory, self._events, self._sources, self.hints, self.connections
        )
        self.environments = Environments(
            storage, self.directory, self.keys, make_desk=self._make_desk, make_remote=self._make_remote
        )
        self.administration = Administration(
            storage, clock, ids, self.directory, self.keys, secrets,
            random_bytes=random_bytes, open_environment=self._serve_too,
        )  # fmt: skip
        self._loops: list[asyncio.Task[None]] = []

    def _make_operations(self, random_bytes: Callable[[int], bytes], node_no: int) -> Operations:
        clock, secrets = self.clock, self._secrets

        def random() -> float:
            return int.from_bytes(random_bytes(4)) / 2**32

        attempts = Attempts(self._requesters, clock, secrets, self._ids, random, tracing=self._tracing)
        limit = self.settings.max_fetches
        return Operations(self._storage, clock, self._line, self.hints, secrets, attempts, node_no=node_no, limit=limit)

    @property
    def platform(self) -> DirectDesk:
        """All that its own environment can be asked."""
        return self.own.desk

    def signing_key(self, environment_no: int | None = None) -> str:
        """Give what notifications of an environment are signed with: its private key if there is one.

        Args:
            environment_no: The environment; ``None``: its own.
        """
        is_known = environment_no is not None and environment_no in self.directory.tenants
        whose = environment_no if is_known and environment_no is not None else self.own.number
        return self._private_keys(whose)[0]

    def _private_keys(self, environment_no: int) -> list[str]:
        given = [key.text for key in self.keys.given(environment_no) if key.text and not key.is_public]
        keys = self.keys.texts(environment_no) if self._serves_all else given
        if keys:
            return keys
        is_own = environment_no == self.own.number
        return [self._secrets.signing_key(None if is_own else self.directory.tenants[environment_no].environment.id)]

    async def _serve_too(self, row: EnvironmentRow) -> None:
        """Serve an environment that was just created, if this node serves all."""
        if self._serves_all:
            await self.environments.open(row)

    def _make_desk(self, row: EnvironmentRow, remote: RemoteDesk) -> DirectDesk:
        storage, clock, directory, holds, hints = self._storage, self.clock, self.directory, self.holds, self.hints
        ids, starts = self._ids, self._starts
        invocations = self._make_invocations()
        return DirectDesk(
            row.number,
            http_endpoints=self._http_endpoints,
            sources=self._sources,
            about=replace(self.about, environment=row.tenant.environment.slug),
            administration=self.administration,
            endpoints=remote.endpoints,
            connections=self.connections,
            lists=Lists(storage),
            following=Following(storage, clock, hints),
            pruning=Pruning(storage, clock),
            callbacks=self.callbacks,
            events=self._events,
            runs=Runs(
                storage, clock, invocations, starts, holds, hints, shares_database=self._shares_database,
            ),
            cancellations=Cancellations(storage, clock, invocations, directory, self._line, holds, hints),
            repeats=Repeats(storage, clock, ids, hints),
            tasks=self._tasks,
            state=self._make_state(),
            schedules=self._schedules,
        )  # fmt: skip

    def _make_invocations(self) -> Invocations:
        return Invocations(self._storage, self.clock, self._ids, self.directory, check_url=self.deliveries.check_url)

    def _make_state(self) -> State:
        return State(self._storage, self.clock, self.holds, self.hints, max_schedules=self.settings.max_schedules)

    def _make_remote(self, row: EnvironmentRow) -> RemoteDesk:
        storage, clock, number = self._storage, self.clock, row.number
        apps = RemoteApps(
            storage, clock, self.hints, self._requesters, environment_no=number,
            api_keys=lambda: self._private_keys(number),
            requires_signatures=self.settings.require_signatures,
            trace_headers=no_headers if self._tracing is None else self._tracing.headers,
        )  # fmt: skip
        endpoints = Endpoints(
            storage, clock, self._registration, self._sources, self.directory, apps, environment_no=number,
            secrets=self._secrets, requires_signatures=self.settings.require_signatures,
        )  # fmt: skip
        return RemoteDesk(
            number,
            storage,
            self.directory,
            clock,
            tasks=RemoteTasks(
                storage, clock, self._ids, self.holds, self._tasks, HeldTasks(storage, self.hints, self._tracing)
            ),
            batches=TaskBatches(
                number, storage, self.holds, tasks=self._tasks, state=self._make_state(), callbacks=self.callbacks
            ),
            callbacks=self.callbacks,
            endpoints=endpoints,
            http_endpoints=self._http_endpoints,
            sources=self._sources,
            connections=self.connections,
            public_keys=lambda: self.keys.texts(number, is_public=True),
            workers=Workers(
                self._registration, environment_no=number, open_app=apps.open_worker, monotonic=clock.monotonic
            ),
            texts=StoredTexts(storage, clock, number),
            hints=self.hints,
        )

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
            await one.remote.endpoints.begin()

    async def _look_no_more(self) -> None:
        for one in self.environments.all():
            await one.remote.endpoints.stop()
        await self.administration.stop()

    async def measure(self) -> Measures:
        """Measure what this node is at, and what waits for it."""
        return await measure(
            self._storage,
            self.clock,
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
