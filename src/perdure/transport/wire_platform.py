"""The platform of executions in another process than it: any platform of the v2 protocol, or one of perdure's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.transport.held_link import HeldLink
from perdure.transport.http_desk import HttpDesk
from perdure.transport.node_link import NodeLink
from perdure.transport.node_target import NamedNode
from perdure.transport.wire_calls import WireCalls
from perdure.transport.wire_link import WireLink
from perdure.transport.wire_tasks import WireTasks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from perdure.protocol.events import EventAnswer, EventDetailsAnswer, EventOptions, EventRequest
    from perdure.protocol.json_text import JsonText
    from perdure.protocol.platform import HttpEndpointAnswer, Platform
    from perdure.protocol.runs import CancelAnswer, RunAnswer, RunEnd, RunPageAnswer
    from perdure.protocol.schedules import RegisterSchedule, ScheduleAnswer, UnregisterSchedule
    from perdure.protocol.sources import RegisterTrigger, TriggerAnswer, UpdatedSource, UpdateSource
    from perdure.protocol.state import PutStatus, StatusAnswer
    from perdure.protocol.task_waits import InvokeRequest


class WirePlatform(WireTasks):
    """Implements `perdure.protocol.platform.Platform` and its ``TaskRegister``; for one event loop.

    What any platform knows is asked in the forms of the v2 protocol. One of perdure's is asked by its own API where
    that tells more; calls about runs are known to that alone.

    Args:
        url: The platform's URL, without a slash at the end.
        api_key: What it is asked with.
        endpoint_id: The app's id.
        is_signing: Whether the key is not shown, not even to a platform of which nothing is known.
        outlives_servers: Whether what is to be stored is kept while the platform is started anew.
        told: Called with what a platform of perdure's tells unasked: `perdure.protocol.worker_messages.WorkerResolve`.
    """

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        endpoint_id: str,
        is_signing: bool = False,
        outlives_servers: bool = True,
        told: Callable[[bytes], None] | None = None,
    ) -> None:
        link = WireLink(url, api_key, is_signing=is_signing, told=told)
        self._wire = WireCalls(link, endpoint_id)
        self._node = NodeLink(NamedNode(url, api_key))
        self._desk = HttpDesk(self._node)
        super().__init__(link, self._wire, lambda: self._any, outlives_servers=outlives_servers)

    def platform_of(self, run_id: str, epoch: int) -> Platform:
        """Give the platform as the code of an execution asks it: nothing is done once the run is not its own.

        Where each task is made before its body runs, making it says so already.
        """
        execution = self._find(epoch)
        if not execution.has_all:
            return self
        return HttpDesk(HeldLink(self._node, execution, self.say_at_work))

    @property
    def _any(self) -> HttpDesk | WireCalls:
        return self._desk if self._link.is_native else self._wire

    async def close(self) -> None:
        """Close every connection."""
        self.store_no_more()
        await self._link.close()
        await self._desk.close()

    async def send_events(self, events: Sequence[EventRequest], options: EventOptions) -> list[EventAnswer]:
        """Send events, all or none if the platform is perdure's."""
        return await self._any.send_events(events, options)

    async def get_event(self, event_id: str) -> EventDetailsAnswer:
        """Look an event up with the runs that it started."""
        return await self._any.get_event(event_id)

    async def cancel_event(self, event_id: str) -> EventAnswer:
        """Cancel an event whose delivery lies ahead."""
        return await self._any.cancel_event(event_id)

    async def invoke_job(self, request: InvokeRequest) -> str:
        """Start a run of a job; its id."""
        return await self._any.invoke_job(request)

    async def get_run(
        self, run_id: str, *, cursor: str | None = None, take: int = 20, subtasks: bool = False
    ) -> RunAnswer:
        """Look a run up with one page of its tasks."""
        return await self._desk.get_run(run_id, cursor=cursor, take=take, subtasks=subtasks)

    async def cancel_run(self, run_id: str) -> RunAnswer:
        """Cancel a run that has not ended."""
        return await self._desk.cancel_run(run_id)

    async def get_runs(self, job_id: str, *, cursor: str | None = None, take: int = 20) -> RunPageAnswer:
        """List a page of a job's runs."""
        return await self._desk.get_runs(job_id, cursor=cursor, take=take)

    async def cancel_runs_for_event(self, event_id: str) -> CancelAnswer:
        """Cancel the runs of an event."""
        return await self._desk.cancel_runs_for_event(event_id)

    async def cancel_runs_for_job(self, job_id: str) -> CancelAnswer:
        """Cancel the runs of a job."""
        return await self._desk.cancel_runs_for_job(job_id)

    async def rerun(self, run_id: str) -> RunAnswer:
        """Run a run once more."""
        return await self._desk.rerun(run_id)

    async def continue_run(self, run_id: str) -> RunAnswer:
        """Let a run go on that has ended without success."""
        return await self._desk.continue_run(run_id)

    async def wait_for_run(self, run_id: str, *, timeout: float | None = None) -> RunAnswer:
        """Return a run when it has ended."""
        return await self._desk.wait_for_run(run_id, timeout=timeout)

    async def wait_for_end(self, run_id: str, *, timeout: float | None = None) -> RunEnd:
        """Return what a run came to when it has ended."""
        return await self._desk.wait_for_end(run_id, timeout=timeout)

    async def get_value(self, key: str) -> JsonText | None:
        """Look a value up."""
        return await self._any.get_value(key)

    async def has_value(self, key: str) -> bool:
        """Whether there is a value."""
        return await self._any.has_value(key)

    async def set_value(self, key: str, value: JsonText) -> None:
        """Store a value."""
        await self._any.set_value(key, value)

    async def delete_value(self, key: str) -> bool:
        """Delete a value."""
        return await self._any.delete_value(key)

    async def put_status(self, run_id: str, call: PutStatus) -> StatusAnswer:
        """Create a status of a run or change it."""
        return await self._any.put_status(run_id, call)

    async def get_run_statuses(self, run_id: str) -> RunAnswer:
        """Look a run up with its statuses."""
        return await self._desk.get_run_statuses(run_id)

    async def get_http_endpoint(self, id: str) -> HttpEndpointAnswer:
        """Tell where requests to an HTTP endpoint go."""
        return await self._desk.get_http_endpoint(id)

    async def register_trigger(self, call: RegisterTrigger) -> TriggerAnswer:
        """Register something with a dynamic trigger."""
        return await self._desk.register_trigger(call)

    async def update_source(self, call: UpdateSource) -> UpdatedSource:
        """Note that a source is registered with its vendor."""
        return await self._desk.update_source(call)

    async def replay_request(self, event_id: str) -> EventAnswer:
        """Take in a request from outside once more."""
        return await self._desk.replay_request(event_id)

    async def register_schedule(self, call: RegisterSchedule) -> ScheduleAnswer:
        """Let a dynamic schedule tick under a key."""
        return await self._any.register_schedule(call)

    async def unregister_schedule(self, call: UnregisterSchedule) -> ScheduleAnswer:
        """Let a dynamic schedule tick no more under a key."""
        return await self._any.unregister_schedule(call)
