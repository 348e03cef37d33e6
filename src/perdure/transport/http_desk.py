"""A node's desk over HTTP: what `perdure.engine` answers in its own process, asked by the node's own API."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from perdure.errors import PerdureError
from perdure.protocol.api_bodies import Prune
from perdure.protocol.api_json import encode
from perdure.protocol.events import EventAnswer
from perdure.protocol.management import JobAnswer, NodeAnswer, PruneAnswer
from perdure.protocol.platform import HttpEndpointAnswer
from perdure.protocol.sources import RegisterTrigger, TriggerAnswer, UpdatedSource, UpdateSource
from perdure.transport.http_administration import HttpAdministration
from perdure.transport.http_events import HttpEvents
from perdure.transport.http_runs import HttpRuns
from perdure.transport.http_state import HttpState
from perdure.transport.node_link import path_of
from perdure.transport.node_request import NodeRequest

if TYPE_CHECKING:
    from datetime import timedelta

    from perdure.protocol.execution import TaskRecord
    from perdure.protocol.state import StateCall, StateOutcome


class HttpDesk(HttpEvents, HttpRuns, HttpState, HttpAdministration):
    """Implements `perdure.protocol.management.Desk`. Answers and errors are those of the node's own process."""

    async def list_jobs(self) -> list[JobAnswer]:
        """List every job that was ever registered, by id."""
        return await self._get(list[JobAnswer], "jobs")

    async def list_http_endpoints(self) -> list[HttpEndpointAnswer]:
        """List the HTTP endpoints that apps declare, with their URLs, by id."""
        return await self._get(list[HttpEndpointAnswer], "http-endpoints")

    async def get_http_endpoint(self, id: str) -> HttpEndpointAnswer:
        """Look an HTTP endpoint up."""
        return await self._get(HttpEndpointAnswer, "http-endpoints", id)

    async def replay_request(self, event_id: str) -> EventAnswer:
        """Take in a request once more that was received as this event; the new event."""
        return await self._post(EventAnswer, "events", event_id, "replay", repeats=False)

    async def register_trigger(self, call: RegisterTrigger) -> TriggerAnswer:
        """Register something with a dynamic trigger under a key, in place of what was."""
        return await self._link.ask(NodeRequest("PUT", path_of("trigger-registrations"), encode(call)), TriggerAnswer)

    async def update_source(self, call: UpdateSource) -> UpdatedSource:
        """Note that a source is registered with its vendor."""
        return await self._link.ask(NodeRequest("PUT", path_of("sources"), encode(call)), UpdatedSource)

    async def get_node(self) -> NodeAnswer:
        """Say who answers."""
        return await self._get(NodeAnswer, "node")

    async def prune(self, *, older_than: timedelta, dry_run: bool = False) -> PruneAnswer:
        """Delete what ended longer ago than that, as retention does; returns when it is done."""
        return await self._post(PruneAnswer, "prune", body=Prune(older_than.total_seconds(), dry_run))

    # What an execution may do: executions are in the process of their node.

    async def record_task(self, run_id: str, epoch: int, record: TaskRecord) -> None:
        """Refuse."""
        _refuse_execution()

    async def perform_task(self, run_id: str, epoch: int, record: TaskRecord, call: StateCall) -> StateOutcome:
        """Refuse."""
        _refuse_execution()

    async def callback_url(self, task_id: str) -> str:
        """Refuse."""
        _refuse_execution()

    async def close(self) -> None:
        """Close every connection."""
        await self._link.close()


def _refuse_execution() -> NoReturn:
    raise PerdureError("Only the process of a node executes runs.")
