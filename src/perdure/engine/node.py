"""A node: the engine's parts, connected, and its services at work."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from perdure.engine.alarms import Alarms
from perdure.engine.attempts import Attempts, Requester
from perdure.engine.attendance import BREAK, Attendance
from perdure.engine.callbacks import Callbacks
from perdure.engine.cancellations import Cancellations
from perdure.engine.deliveries import Deliveries
from perdure.engine.desk import DirectDesk
from perdure.engine.directory import AWAITED_LIMIT, Directory
from perdure.engine.endpoints import Endpoints
from perdure.engine.events import Events
from perdure.engine.executions import Executions
from perdure.engine.following import Following
from perdure.engine.hints import Hints
from perdure.engine.holds import Hold, Holds
from perdure.engine.http_endpoints import HttpEndpoints
from perdure.engine.invocations import Invocations
from perdure.engine.lease import Lease
from perdure.engine.line import Line
from perdure.engine.lists import Lists
from perdure.engine.matching import Subscriptions
from perdure.engine.operations import Operations
from perdure.engine.posts import Poster
from perdure.engine.pruning import Pruning
from perdure.engine.recovery import recover_from_others, release_own
from perdure.engine.registration import Registration
from perdure.engine.remote_desk import RemoteDesk
from perdure.engine.remote_tasks import RemoteTasks
from perdure.engine.repeats import Repeats
from perdure.engine.runs import Runs
from perdure.engine.schedules import Schedules
from perdure.engine.secret_box import SecretBox
from perdure.engine.services.execution import ExecutionService
from perdure.engine.services.lease import LeaseService
from perdure.engine.services.notifications import NotificationService
from perdure.engine.services.operations import OperationService
from perdure.engine.services.recovery import RecoveryService
from perdure.engine.services.retention import RetentionService
from perdure.engine.services.time_outs import TimeOutService
from perdure.engine.services.timers import Act, TimerService
from perdure.engine.starts import Starts
from perdure.engine.state import State
from perdure.engine.tasks import Tasks
from perdure.engine.tenancy import default_tenant, open_tenant
from perdure.engine.time_outs import Overtime
from perdure.protocol.ids import IdGenerator
from perdure.protocol.management import NodeAnswer
from perdure.protocol.statuses import EnvironmentType
from perdure.storage import event_waits, jobs, nodes, notifications
from perdure.transport.outbound import Outbound

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.config.settings import Settings
    from perdure.engine.clock import Clock
    from perdure.engine.services.service import Service
    from perdure.protocol.endpoint import Endpoint
    from perdure.storage.interface import Storage


_TELLING = timedelta(seconds=1)
"""How long notifications at work may take once no execution is."""

_UNWINDING = timedelta(seconds=1)
"""How long aborted executions may take to unwind."""


class Node:
    """Executes the runs of one environment; made by `open_node`.

    Attributes:
        environment_no: That environment.
        about: Who answers.
        platform: All that it can be asked.
        remote: What endpoints elsewhere ask beside that.
        signing_key: Gives what its notifications are signed with.
    """

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        ids: IdGenerator,
        settings: Settings,
        *,
        environment_no: int,
        node_no: int,
        shares_database: bool,
        secrets: SecretBox,
        origin: Callable[[], str],
        poster: Poster,
        signing_key: Callable[[], str],
        requester: Requester,
        attempts: Attempts,
        about: NodeAnswer,
    ) -> None:
        self._storage = storage
        self._clock = clock
        self.environment_no = environment_no
        self.about = about
        self.signing_key = signing_key
        self._settings = settings
        self._shares_database = shares_database
        self.directory = Directory()
        self.holds = Holds()
        self.hints = Hints()
        self.lease = Lease(storage, clock, node_no=node_no, ttl=settings.lease_ttl, renewal=settings.lease_renewal)
        self.executions = Executions(
            storage, clock, self.directory, self.holds, self.hints, self.lease,
            limit=settings.max_executions, must_queue=settings.concurrency_limit is not None,
        )  # fmt: skip
        self._line = Line(
            storage, clock, self.directory, self.executions, self.holds, self.hints, self.lease, settings,
            environment_no=environment_no,
        )  # fmt: skip
        self._alarms = Alarms(clock, self._line)
        self._registration = Registration(storage, clock, self.directory, self.hints)
        self.callbacks = Callbacks(clock, self._line, secrets, origin)
        self.deliveries = Deliveries(storage, clock, self.directory, self.hints, poster, self.callbacks)
        self.operations = Operations(
            storage, clock, self._line, self.hints, secrets, attempts, node_no=node_no, limit=settings.max_fetches
        )
        self.hints.on_run_ended = self.operations.run_has_ended
        starts = Starts(storage, self.executions, self.hints)
        self._events = Events(storage, clock, ids, self.directory, starts, self._line, self.hints)
        # Where there are others, what was due just before this node began may be theirs.
        self._attendance = Attendance(BREAK if shares_database else timedelta())
        self._schedules = Schedules(
            storage, clock, ids, self.directory, starts, self.hints, self._attendance, most=settings.max_schedules
        )
        self._tasks = Tasks(
            storage, clock, self.directory, self.holds, self.hints,
            invocations=Invocations(storage, clock, ids, self.directory), starts=starts, executions=self.executions,
            operations=self.operations,
        )  # fmt: skip
        self._http_endpoints = HttpEndpoints(storage, clock, self.directory, self._events, secrets, origin)
        self.platform = self._open_desk(ids, starts, about)
        self.remote = self._open_remote(ids, requester, signing_key)
        self._loops: list[asyncio.Task[None]] = []

    def _open_desk(self, ids: IdGenerator, starts: Starts, about: NodeAnswer) -> DirectDesk:
        storage, clock, directory, holds, hints = self._storage, self._clock, self.directory, self.holds, self.hints
        invocations = Invocations(storage, clock, ids, directory)
        return DirectDesk(
            self.environment_no,
            about=about,
            http_endpoints=self._http_endpoints,
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
            state=State(storage, clock, holds, hints, max_schedules=self._settings.max_schedules),
            schedules=self._schedules,
        )  # fmt: skip

    def _open_remote(self, ids: IdGenerator, requester: Requester, signing_key: Callable[[], str]) -> RemoteDesk:
        storage, clock = self._storage, self._clock
        return RemoteDesk(
            self.environment_no,
            storage,
            self.directory,
            tasks=RemoteTasks(storage, clock, ids, self.holds, self._tasks),
            callbacks=self.callbacks,
            endpoints=Endpoints(
                storage, clock, self._registration, requester, environment_no=self.environment_no, api_key=signing_key
            ),
            http_endpoints=self._http_endpoints,
        )

    async def add(self, endpoint: Endpoint) -> None:
        """Register an app and execute its jobs from now on; see `Registration.register`."""
        await self._registration.register(self.environment_no, endpoint)

    def begin(self) -> None:
        """Begin to work; call it when the apps are there, or runs in line are put off for want of their code."""
        parts: list[Service] = [
            ExecutionService(self._storage, self._clock, self._line, self.executions, self.hints, self._settings),
            TimerService(self._storage, self._clock, self.hints, self._settings, self._acts(), self._attendance),
            NotificationService(self._clock, self.deliveries, self.hints, self._settings),
            OperationService(self._storage, self._clock, self.hints, self._settings, self.operations),
            LeaseService(
                self._clock,
                self.lease,
                self.executions,
                self.holds,
                self.hints,
                self._settings,
                shares_database=self._shares_database,
            ),
        ]
        if self._settings.max_run_duration is not None:
            overtime = Overtime(
                self._storage, self._clock, self.executions, self.holds, self.hints,
                node_no=self.lease.node_no, most=self._settings.max_run_duration,
            )  # fmt: skip
            parts.append(TimeOutService(self._clock, overtime, self._settings))
        if self._settings.retention is not None:
            parts.append(RetentionService(self._storage, self._clock, keep=self._settings.retention))
        if self._shares_database:
            parts.append(RecoveryService(self._storage, self._clock, self.lease, self.hints, self._settings))
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
        return [*executions, *self.operations.at_work(), *self.deliveries.at_work()]

    async def abandon(self) -> None:
        """Stop at once, as if the process had died: nothing is put back in line, and nothing else is stored."""
        self.hints.stop()
        self.executions.is_open = False
        await self.remote.endpoints.stop()
        left = [*self._loops, *self.at_work()]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await self.operations.cut()

    async def stop(self, *, grace: timedelta) -> None:
        """Take no more work, let executions end for so long, then put the rest back in line.

        Whoever restarts on the same database finds those runs due at once.
        """
        self.hints.stop()
        self.executions.is_open = False
        await self.remote.endpoints.stop()
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        await _wait(self.holds.all(), grace)
        await self.deliveries.stop(grace=_TELLING if grace else grace)
        # What sends their requests sends the notifications, too.
        await self.operations.stop()
        rest = self.holds.all()
        try:
            # First of all they may write no more; only then are they told.
            await self._storage.write(release_own, node_no=self.lease.node_no, now=self._clock.now())
        finally:
            for hold in rest:
                hold.endpoint.abort(hold.run_id, "The node stops.")
            for task in await _wait(rest, _UNWINDING):
                task.cancel()


async def _wait(holds: list[Hold], timeout: timedelta) -> set[asyncio.Task[None]]:
    """Wait for executions to end; those that have not."""
    at_work = [hold.task for hold in holds if hold.task is not None]
    return (await asyncio.wait(at_work, timeout=timeout.total_seconds()))[1] if at_work else set()


def make_outbound(settings: Settings, *, allow_loopback: bool) -> Outbound:
    """Make what sends requests, but only where the settings let them go."""
    return Outbound(
        allow_loopback=allow_loopback,
        allowed=settings.egress_allow,
        ports=settings.egress_ports,
        connections=settings.max_connections,
        connections_per_host=settings.max_connections_per_host,
    )


async def open_node(
    storage: Storage,
    *,
    clock: Clock,
    random_bytes: Callable[[int], bytes],
    settings: Settings,
    shares_database: bool = False,
    secret_key: Callable[[], bytes] | None = None,
    origin: Callable[[], str] = lambda: "http://localhost",
    api_key: str | None = None,
    requester: Requester | None = None,
    about: NodeAnswer | None = None,
) -> Node:
    """Set a node up on an open database; `Node.begin` sets it to work.

    Args:
        storage: The database.
        clock: The time.
        random_bytes: Gives that many random bytes, for ids.
        settings: How it runs.
        shares_database: Whether other nodes may be at work on the same database. If not, every execution that
            another node holds is lost, and is begun again at once.
        secret_key: Gives the database's key (32 bytes) when it is first needed; ``None``: a random one.
        origin: Gives the URL under which this node's routes are reached, without a slash at its end.
        api_key: What notifications are signed with; ``None``: a key derived from that of the database.
        requester: Sends requests on behalf of tasks, and notifications to URLs; ``None``: one that sends them where
            the settings allow it. The node closes it.
    """
    ids = IdGenerator(random_bytes, clock.now_ms)
    now = clock.now()
    environment_no, tenant = await storage.write(open_tenant, default_tenant(settings.environment, ids), now=now)
    node_no = await storage.write(nodes.insert_node, ids.new("node_"), lease_until=now + settings.lease_ttl, now=now)
    if not shares_database:
        await storage.write(recover_from_others, own_node_no=node_no, now=now)
        await storage.write(notifications.hasten_lost, now=now)
    secrets = SecretBox(secret_key if secret_key is not None else lambda: random_bytes(32), random_bytes)
    signing_key = secrets.signing_key if api_key is None else lambda: api_key
    if requester is None:
        requester = make_outbound(settings, allow_loopback=tenant.environment.type is EnvironmentType.DEVELOPMENT)
    if about is None:
        about = NodeAnswer("", 0, settings.database_url, settings.environment, "", now)
    node = Node(
        storage,
        clock,
        ids,
        settings,
        environment_no=environment_no,
        node_no=node_no,
        shares_database=shares_database,
        secrets=secrets,
        origin=origin,
        poster=Poster(requester, clock, signing_key),
        signing_key=signing_key,
        requester=requester,
        attempts=Attempts(requester, clock, secrets, ids, lambda: int.from_bytes(random_bytes(4)) / 2**32),
        about=about,
    )
    node.directory.tenants[environment_no] = tenant
    # Jobs that were registered once are started by events from the first moment on; their runs wait for the code.
    dispatchers = await storage.read(jobs.list_dispatchers, environment_no)
    node.directory.set_subscriptions(environment_no, Subscriptions(dispatchers))
    for environment, name in await storage.read(event_waits.list_names, limit=AWAITED_LIMIT + 1):
        node.directory.event_is_awaited(environment, name)
    node.directory.any_may_be_awaited |= shares_database
    return node
