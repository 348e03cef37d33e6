"""Desks: what each environment can be asked, by this process and by endpoints elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from perdure.config.settings import Settings
from perdure.engine.administration import Administration
from perdure.engine.callbacks import Callbacks
from perdure.engine.cancellations import Cancellations
from perdure.engine.clock import Clock
from perdure.engine.connections import Connections
from perdure.engine.desk import DirectDesk
from perdure.engine.directory import Directory
from perdure.engine.endpoints import Endpoints
from perdure.engine.events import Events
from perdure.engine.following import Following
from perdure.engine.held_tasks import HeldTasks
from perdure.engine.hints import Hints
from perdure.engine.holds import Holds
from perdure.engine.http_endpoints import HttpEndpoints
from perdure.engine.invocations import Invocations
from perdure.engine.key_ring import KeyRing
from perdure.engine.late_tasks import LateTasks
from perdure.engine.line import Line
from perdure.engine.lists import Lists
from perdure.engine.pruning import Pruning
from perdure.engine.registration import Registration
from perdure.engine.remote_apps import RemoteApps
from perdure.engine.remote_desk import RemoteDesk
from perdure.engine.remote_tasks import RemoteTasks
from perdure.engine.repeats import Repeats
from perdure.engine.requesters import Requesters
from perdure.engine.runs import Runs
from perdure.engine.schedules import Schedules
from perdure.engine.secret_box import SecretBox
from perdure.engine.signing_keys import SigningKeys
from perdure.engine.sources import Sources
from perdure.engine.starts import Starts
from perdure.engine.state import State
from perdure.engine.stored_texts import StoredTexts
from perdure.engine.task_batches import TaskBatches
from perdure.engine.tasks import Tasks
from perdure.engine.tracing import Tracing, no_headers
from perdure.engine.unreadable import UnreadableSecrets
from perdure.engine.workers import Workers
from perdure.protocol.ids import IdGenerator
from perdure.protocol.management import NodeAnswer
from perdure.storage.interface import Storage

if TYPE_CHECKING:
    from perdure.storage.environments import EnvironmentRow


class Desks(Struct, frozen=True, kw_only=True):
    """Makes desks of the parts of a node that all its environments share."""

    storage: Storage
    clock: Clock
    ids: IdGenerator
    settings: Settings
    about: NodeAnswer
    secrets: SecretBox
    tracing: Tracing | None
    directory: Directory
    holds: Holds
    hints: Hints
    keys: KeyRing
    signing_keys: SigningKeys
    requesters: Requesters
    registration: Registration
    line: Line
    starts: Starts
    invocations: Invocations
    events: Events
    tasks: Tasks
    schedules: Schedules
    sources: Sources
    http_endpoints: HttpEndpoints
    callbacks: Callbacks
    connections: Connections
    administration: Administration
    unreadable: UnreadableSecrets
    shares_database: bool

    def make(self, row: EnvironmentRow, remote: RemoteDesk) -> DirectDesk:
        """Make what an environment can be asked; ``remote`` is what its endpoints ask beside that."""
        storage, clock, holds, hints = self.storage, self.clock, self.holds, self.hints
        return DirectDesk(
            row.number,
            http_endpoints=self.http_endpoints,
            sources=self.sources,
            about=replace(self.about, environment=row.tenant.environment.slug),
            administration=self.administration,
            endpoints=remote.endpoints,
            connections=self.connections,
            unreadable=self.unreadable,
            lists=Lists(storage),
            following=Following(storage, clock, hints),
            pruning=Pruning(storage, clock),
            callbacks=self.callbacks,
            events=self.events,
            runs=self._make_runs(),
            cancellations=Cancellations(storage, clock, self.invocations, self.directory, self.line, holds, hints),
            repeats=Repeats(storage, clock, self.ids, hints),
            tasks=self.tasks,
            state=self._make_state(),
            schedules=self.schedules,
        )

    def make_remote(self, row: EnvironmentRow) -> RemoteDesk:
        """Make what the endpoints of an environment ask, and those who ask for them."""
        storage, clock, number, holds, hints = self.storage, self.clock, row.number, self.holds, self.hints
        requires_signatures = self.settings.require_signatures
        apps = RemoteApps(
            storage, clock, hints, self.requesters, environment_no=number,
            api_keys=lambda: self.signing_keys.of(number),
            requires_signatures=requires_signatures,
            trace_headers=no_headers if self.tracing is None else self.tracing.headers,
            life=holds.life,
        )  # fmt: skip
        endpoints = Endpoints(
            storage, clock, self.registration, self.sources, self.directory, apps, environment_no=number,
            secrets=self.secrets, requires_signatures=requires_signatures,
        )  # fmt: skip
        return RemoteDesk(
            number,
            storage,
            self.directory,
            clock,
            events=self.events,
            runs=self._make_runs(),
            tasks=RemoteTasks(
                storage,
                clock,
                self.ids,
                holds,
                self.tasks,
                held=HeldTasks(storage, hints, self.tracing),
                late=LateTasks(storage, hints),
            ),
            batches=TaskBatches(
                number, storage, holds, tasks=self.tasks, state=self._make_state(), callbacks=self.callbacks
            ),
            callbacks=self.callbacks,
            endpoints=endpoints,
            http_endpoints=self.http_endpoints,
            sources=self.sources,
            connections=self.connections,
            public_keys=lambda: self.keys.texts(number, is_public=True),
            workers=Workers(
                self.registration,
                endpoints.lookout,
                environment_no=number,
                open_app=apps.open_worker,
                monotonic=clock.monotonic,
            ),
            texts=StoredTexts(storage, clock, number),
            hints=hints,
        )  # fmt: skip

    def _make_runs(self) -> Runs:
        return Runs(
            self.storage, self.clock, self.invocations, self.starts, self.holds, self.hints,
            shares_database=self.shares_database,
        )  # fmt: skip

    def _make_state(self) -> State:
        return State(self.storage, self.clock, self.holds, self.hints, max_schedules=self.settings.max_schedules)
