"""All that can be asked of a node in its own process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from perdure.engine.platform import DirectPlatform
from perdure.protocol.management import EventFilter, RunFilter
from perdure.protocol.sources import UpdatedSource

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import timedelta

    from perdure.engine.administration import Administration
    from perdure.engine.connections import Connections
    from perdure.engine.endpoints import Endpoints
    from perdure.engine.following import Following
    from perdure.engine.http_endpoints import HttpEndpoints
    from perdure.engine.lists import Lists
    from perdure.engine.pruning import Pruning
    from perdure.engine.sources import Sources
    from perdure.engine.unreadable import UnreadableSecrets
    from perdure.protocol.administration import EndpointAnswer, EnvironmentAnswer, KeyAnswer, MadeKeyAnswer
    from perdure.protocol.connections import ConnectionInfo, ConnectionPage, NewConnection
    from perdure.protocol.events import EventAnswer
    from perdure.protocol.management import (
        EventPageAnswer,
        JobAnswer,
        NodeAnswer,
        PruneAnswer,
        SchedulePageAnswer,
        ValuePageAnswer,
    )
    from perdure.protocol.platform import HttpEndpointAnswer
    from perdure.protocol.runs import RunAnswer, RunPageAnswer
    from perdure.protocol.sources import RegisterTrigger, TriggerAnswer, UpdateSource
    from perdure.protocol.statuses import EnvironmentType

_ALL_RUNS = RunFilter()
_ALL_EVENTS = EventFilter()


class DirectDesk(DirectPlatform):
    """Implements `perdure.protocol.management.Desk` for one environment of this node."""

    def __init__(
        self,
        environment_no: int,
        *,
        lists: Lists,
        following: Following,
        pruning: Pruning,
        about: NodeAnswer,
        http_endpoints: HttpEndpoints,
        sources: Sources,
        administration: Administration,
        endpoints: Endpoints,
        connections: Connections,
        unreadable: UnreadableSecrets,
        **parts: Any,
    ) -> None:
        super().__init__(environment_no, lists=lists, **parts)
        self._following = following
        self._pruning = pruning
        self._about = about
        self._http_endpoints = http_endpoints
        self._sources = sources
        self._administration = administration
        self._endpoints = endpoints
        self._connections = connections
        self._unreadable = unreadable

    async def list_runs(
        self, filter: RunFilter = _ALL_RUNS, *, cursor: str | None = None, take: int = 20
    ) -> RunPageAnswer:
        """List a page of runs, newest first; see `Lists.runs`."""
        return await self._lists.runs(self._environment_no, filter, cursor=cursor, take=take)

    async def list_events(
        self, filter: EventFilter = _ALL_EVENTS, *, cursor: str | None = None, take: int = 20
    ) -> EventPageAnswer:
        """List a page of events, newest first; see `Lists.events`."""
        return await self._lists.events(self._environment_no, filter, cursor=cursor, take=take)

    async def list_jobs(self) -> list[JobAnswer]:
        """List every job that was ever registered; see `Lists.jobs`."""
        return await self._lists.jobs(self._environment_no)

    async def list_http_endpoints(self) -> list[HttpEndpointAnswer]:
        """List the HTTP endpoints that apps declare; see `HttpEndpoints.list`."""
        return await self._http_endpoints.list(self._environment_no)

    async def get_http_endpoint(self, id: str) -> HttpEndpointAnswer:
        """Look an HTTP endpoint up; see `HttpEndpoints.get`."""
        return await self._http_endpoints.get(self._environment_no, id)

    async def replay_request(self, event_id: str) -> EventAnswer:
        """Take in a request once more; see `HttpEndpoints.replay`."""
        return await self._http_endpoints.replay(self._environment_no, event_id)

    async def register_trigger(self, call: RegisterTrigger) -> TriggerAnswer:
        """Register something with a dynamic trigger; see `Sources.register`."""
        return await self._sources.register(self._environment_no, call)

    async def update_source(self, call: UpdateSource) -> UpdatedSource:
        """Note that a source is registered with its vendor; see `Sources.update_source`."""
        source = await self._sources.update_source(
            self._environment_no,
            endpoint_id=call.endpoint_id,
            key=call.key,
            options=call.options,
            secret=call.secret,
            data=call.data,
        )
        return UpdatedSource(source.id, source.key)

    async def list_schedules(self, *, cursor: str | None = None, take: int = 20) -> SchedulePageAnswer:
        """List a page of schedules, oldest first; see `Lists.schedules`."""
        return await self._lists.schedules(self._environment_no, cursor=cursor, take=take)

    async def list_values(self, *, prefix: str = "", cursor: str | None = None, take: int = 20) -> ValuePageAnswer:
        """List a page of the keys of stored values; see `Lists.values`."""
        return await self._lists.values(self._environment_no, prefix=prefix, cursor=cursor, take=take)

    def follow_run(self, run_id: str) -> AsyncIterator[RunAnswer]:
        """Follow a run until it has ended; see `Following.run`."""
        return self._following.run(self._environment_no, run_id)

    def follow_runs(self, filter: RunFilter = _ALL_RUNS) -> AsyncIterator[RunAnswer]:
        """Follow the runs that change from now on; see `Following.runs`."""
        return self._following.runs(self._environment_no, filter)

    async def prune(self, *, older_than: timedelta, dry_run: bool = False) -> PruneAnswer:
        """Delete what ended longer ago than that; see `Pruning.prune`."""
        return await self._pruning.prune(self._environment_no, older_than=older_than, dry_run=dry_run)

    async def get_node(self) -> NodeAnswer:
        """Say who answers, and which secrets it cannot read."""
        return replace(self._about, unreadable=await self._unreadable.count(self._environment_no))

    async def list_environments(self) -> list[EnvironmentAnswer]:
        """List every environment; see `Administration.list_environments`."""
        return await self._administration.list_environments()

    async def create_environment(self, slug: str, kind: EnvironmentType | None = None) -> EnvironmentAnswer:
        """Create an environment; see `Administration.create_environment`."""
        return await self._administration.create_environment(slug, kind)

    async def list_keys(self) -> list[KeyAnswer]:
        """List the keys of this environment; see `Administration.list_keys`."""
        return await self._administration.list_keys(self._environment_no)

    async def create_key(self, *, is_public: bool = False) -> MadeKeyAnswer:
        """Make a key of this environment; see `Administration.create_key`."""
        return await self._administration.create_key(self._environment_no, is_public=is_public)

    async def rotate_key(self, key_id: str, *, overlap: timedelta) -> MadeKeyAnswer:
        """Make a key in place of another; see `Administration.rotate_key`."""
        return await self._administration.rotate_key(self._environment_no, key_id, overlap=overlap)

    async def revoke_key(self, key_id: str) -> None:
        """Take a key back; see `Administration.revoke_key`."""
        await self._administration.revoke_key(self._environment_no, key_id)

    async def list_endpoints(self) -> list[EndpointAnswer]:
        """List the apps behind URLs; see `Endpoints.list`."""
        return [self._endpoints.show(row) for row in await self._endpoints.list()]

    async def add_endpoint(self, endpoint_id: str | None, url: str) -> EndpointAnswer:
        """Register an app behind a URL; see `Endpoints.add`."""
        row, _ = await self._endpoints.add(endpoint_id, url)
        return self._endpoints.show(row)

    async def index_endpoint(self, endpoint_id: str) -> EndpointAnswer:
        """Ask an app anew what it declares; see `Endpoints.refresh`."""
        return self._endpoints.show(await self._endpoints.refresh(endpoint_id))

    async def remove_endpoint(self, endpoint_id: str) -> None:
        """Forget an app; see `Endpoints.remove`."""
        await self._endpoints.remove(endpoint_id)

    async def list_connections(self, *, cursor: str | None = None, take: int = 20) -> ConnectionPage:
        """List a page of connections; see `Connections.page`."""
        return await self._connections.page(self._environment_no, cursor=cursor, take=take)

    async def put_connection(self, new: NewConnection) -> ConnectionInfo:
        """Store a connection; see `Connections.put`."""
        return await self._connections.put(self._environment_no, new)

    async def delete_connection(self, connection_id: str) -> None:
        """Forget a connection; see `Connections.delete`."""
        await self._connections.delete(self._environment_no, connection_id)
