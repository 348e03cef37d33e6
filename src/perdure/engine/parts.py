"""The engine's parts, connected: what each of them needs of the others, said in one place."""

from __future__ import annotations

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
from perdure.engine.holds import Holds
from perdure.engine.http_endpoints import HttpEndpoints
from perdure.engine.invocations import Invocations
from perdure.engine.key_ring import KeyRing
from perdure.engine.lease import Lease
from perdure.engine.line import Line
from perdure.engine.measures import Meter
from perdure.engine.missing_connections import MissingConnections
from perdure.engine.operations import Operations
from perdure.engine.posts import Poster
from perdure.engine.receiving_urls import ReceivingUrls
from perdure.engine.registration import Registration
from perdure.engine.requesters import Requester, Requesters
from perdure.engine.schedules import Schedules
from perdure.engine.signing_keys import SigningKeys
from perdure.engine.source_intake import SourceIntake
from perdure.engine.sources import Sources
from perdure.engine.starts import Starts
from perdure.engine.tasks import Tasks
from perdure.engine.unreadable import UnreadableSecrets
from perdure.protocol.epochs import LIVES

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.config.settings import Settings
    from perdure.engine.clock import Clock
    from perdure.engine.secret_box import SecretBox
    from perdure.engine.tracing import Tracing
    from perdure.protocol.ids import IdGenerator
    from perdure.protocol.management import NodeAnswer
    from perdure.storage.environments import EnvironmentRow
    from perdure.storage.interface import Storage


class Parts:
    """The parts of a node.

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
        # Nodes that share a database execute each other's runs, and ask of each other's executions.
        holds = self.holds = Holds(0 if shares_database else 1 + int.from_bytes(random_bytes(4)) % (LIVES - 1))
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

    def _make_operations(self, secrets: SecretBox, attempts: Attempts) -> Operations:
        limit, node_no = self.settings.max_fetches, self.lease.node_no
        return Operations(
            self._storage, self.clock, self._line, self.hints, secrets, attempts, node_no=node_no, limit=limit
        )

    async def _serve_too(self, row: EnvironmentRow) -> None:
        """Serve an environment that was just created, if this node serves all."""
        if self._serves_all:
            await self.environments.open(row)


def _randomness(random_bytes: Callable[[int], bytes]) -> Callable[[], float]:
    """Make what draws a number, uniform in [0, 1)."""
    return lambda: int.from_bytes(random_bytes(4)) / 2**32
