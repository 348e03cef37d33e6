"""Management: what the command line, a dashboard and other processes ask of a node beside what the SDK asks.

Like `perdure.protocol.platform` it has two implementations: direct, on the engine in this process; and over HTTP, by
the node's JSON API. Lists are paged by key: a page's ``next_cursor`` is where the next one begins, so that rows that
are added or deleted between two pages move nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from perdure.protocol.administration import AdministrationPlatform
from perdure.protocol.events import EventAnswer
from perdure.protocol.json_text import JsonText
from perdure.protocol.platform import HttpEndpointAnswer, Platform
from perdure.protocol.schedules import Timing
from perdure.protocol.statuses import RunStatus

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import timedelta

    from perdure.protocol.connections import ConnectionInfo, ConnectionPage, NewConnection
    from perdure.protocol.runs import RunAnswer, RunPageAnswer


class RunFilter(Struct, frozen=True, gc=False):
    """Which runs to list; what is not given does not matter."""

    job_id: str | None = None
    statuses: tuple[RunStatus, ...] = ()


class EventFilter(Struct, frozen=True, gc=False):
    """Which events to list; events that the platform itself makes, for ticks and invocations, only on demand."""

    name: str | None = None
    is_pending: bool = False
    internal: bool = False
    is_request: bool = False


class JobAnswer(Struct, frozen=True, gc=False):
    """A job in the version registered last. ``trigger`` is its trigger in the form of the v2 protocol's index."""

    id: str
    name: str
    version: str
    endpoint_id: str
    is_enabled: bool
    trigger: JsonText
    registered_at: datetime


class EventPageAnswer(Struct, frozen=True, gc=False):
    """A page of events, newest first."""

    events: tuple[EventAnswer, ...]
    next_cursor: str | None


class ScheduleListAnswer(Struct, frozen=True, gc=False):
    """A job's own schedule (``dynamic_id=None``, the key is the job's id) or a registration with a dynamic one."""

    dynamic_id: str | None
    key: str
    timing: Timing
    is_active: bool
    job_ids: tuple[str, ...]
    account_id: str | None
    last_tick_at: datetime | None
    next_tick_at: datetime | None


class SchedulePageAnswer(Struct, frozen=True, gc=False):
    """A page of schedules, oldest first."""

    schedules: tuple[ScheduleListAnswer, ...]
    next_cursor: str | None


class ValueAnswer(Struct, frozen=True, gc=False):
    """A stored value's key, as the v2 protocol has it (section 4.5), and its size in bytes of JSON."""

    key: str
    size: int
    updated_at: datetime


class ValuePageAnswer(Struct, frozen=True, gc=False):
    """A page of keys, in their order."""

    values: tuple[ValueAnswer, ...]
    next_cursor: str | None


class NodeAnswer(Struct, frozen=True, gc=False):
    """A node: who answers.

    ``unreadable`` counts the secrets of the environment that the database's key does not open, 100 of each kind at
    most: ``api_keys``, ``connections``, ``sources``, ``requests``.
    """

    version: str
    pid: int
    database: str
    environment: str
    url: str
    started_at: datetime
    unreadable: dict[str, int] = {}


class PruneAnswer(Struct, frozen=True, gc=False):
    """What was deleted, or would be."""

    runs: int
    events: int
    values: int


class ManagementPlatform(Protocol):
    """Lists, live changes, and the care of a database."""

    async def list_runs(self, filter: RunFilter = ..., *, cursor: str | None = None, take: int = 20) -> RunPageAnswer:
        """List a page of runs, newest first, without their tasks.

        Where few of very many runs have one of the statuses, a page may be short, even empty, and be followed by
        others all the same: what is looked at for one page is bounded.
        """
        ...

    async def list_events(
        self, filter: EventFilter = ..., *, cursor: str | None = None, take: int = 20
    ) -> EventPageAnswer:
        """List a page of events, newest first; a page may be short, as those of `list_runs`."""
        ...

    async def list_jobs(self) -> list[JobAnswer]:
        """List every job that was ever registered, by id."""
        ...

    async def list_http_endpoints(self) -> list[HttpEndpointAnswer]:
        """List the HTTP endpoints that apps declare, with their URLs, by id."""
        ...

    async def list_schedules(self, *, cursor: str | None = None, take: int = 20) -> SchedulePageAnswer:
        """List a page of schedules with their next ticks, oldest first."""
        ...

    async def list_values(self, *, prefix: str = "", cursor: str | None = None, take: int = 20) -> ValuePageAnswer:
        """List a page of the keys of stored values."""
        ...

    def follow_run(self, run_id: str) -> AsyncIterator[RunAnswer]:
        """Follow a run until it has ended: first as it is, then at each change.

        Each answer has the tasks, nested ones too, and the statuses that are new or have changed since the answer
        before, and the log lines that are new. The last one is final; of a run with very many tasks, others before it
        may be, too, so whoever wants everything reads to the end.

        Raises:
            NotFoundError: There is no such run in this environment.
            NotConnectedError: The node stops.
        """
        ...

    def follow_runs(self, filter: RunFilter = ...) -> AsyncIterator[RunAnswer]:
        """Follow the runs that change from now on: each as it is after a change, without its tasks.

        "Now" is when the first answer is asked for.

        Raises:
            NotConnectedError: The node stops.
        """
        ...

    async def get_node(self) -> NodeAnswer:
        """Say who answers."""
        ...

    async def prune(self, *, older_than: timedelta, dry_run: bool = False) -> PruneAnswer:
        """Delete what ended longer ago than that, as retention does; returns when it is done.

        The answer is what there was when it began.
        """
        ...


class ConnectionPlatform(Protocol):
    """Credentials that are kept for integrations."""

    async def list_connections(self, *, cursor: str | None = None, take: int = 20) -> ConnectionPage:
        """List a page of connections, oldest first; none of them with its credential."""
        ...

    async def put_connection(self, new: NewConnection) -> ConnectionInfo:
        """Store a connection in place of the one that its integration and account had; runs that wait for it go on."""
        ...

    async def delete_connection(self, connection_id: str) -> None:
        """Forget a connection."""
        ...


class Desk(Platform, ManagementPlatform, AdministrationPlatform, ConnectionPlatform, Protocol):
    """All that a node can be asked from outside its runs."""
