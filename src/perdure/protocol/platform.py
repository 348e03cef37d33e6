"""Platform: what the SDK may ask. One small interface per noun; direct in one process, or REST over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from perdure.protocol.events import EventAnswer, EventDetailsAnswer, EventOptions, EventRequest
    from perdure.protocol.execution import JsonText, TaskRecord, TaskState
    from perdure.protocol.runs import CancelAnswer, RunAnswer, RunEnd, RunPageAnswer
    from perdure.protocol.schedules import RegisterSchedule, ScheduleAnswer, UnregisterSchedule
    from perdure.protocol.sources import RegisterTrigger, TriggerAnswer, UpdatedSource, UpdateSource
    from perdure.protocol.state import PutStatus, StateCall, StateOutcome, StatusAnswer
    from perdure.protocol.task_waits import InvokeRequest


class HttpEndpointAnswer(Struct, frozen=True, gc=False):
    """A URL that takes requests for an app, whose id is ``endpoint_id``; whoever knows the URL may send to it."""

    id: str
    url: str
    source: str
    endpoint_id: str


class TasksPlatform(Protocol):
    """What an execution may write. Every call names the execution by run id and epoch."""

    def record_task(self, run_id: str, epoch: int, record: TaskRecord) -> Coroutine[Any, Any, None]:
        """Store a task's beginning, state or both; returns when it is durable.

        Raises:
            StaleExecutionError: A newer execution has begun.
            RunNotActiveError: The run has ended or was cancelled.
        """
        ...

    async def callback_url(self, task_id: str) -> str:
        """Give the URL where a request completes a task that waits for one (v2 protocol, section 8.1)."""
        ...

    async def perform_task(self, run_id: str, epoch: int, record: TaskRecord, call: StateCall) -> StateOutcome:
        """Do a task's work on state and record what came of it, in one transaction; returns when it is durable.

        Args:
            run_id: The run.
            epoch: The execution that asks.
            record: The task as COMPLETED; what the call comes to takes the place of its status, output and error.
            call: The work.

        Returns:
            What is recorded. A task that has its outcome keeps it: the work is done once.

        Raises:
            StaleExecutionError: A newer execution has begun.
            RunNotActiveError: The run has ended or was cancelled.
        """
        ...


class TaskRegister(Protocol):
    """Where a task is made before its body runs, and gets its id: a platform of the v2 protocol (section 6.5).

    One of perdure's needs none; it may only want an execution to end early.
    """

    def begins_tasks(self, run_id: str, epoch: int) -> bool:
        """Whether the tasks of an execution are made there."""
        ...

    def is_over(self, run_id: str, epoch: int) -> bool:
        """Whether an execution whose tasks are not made there is to end before its next one; from any thread."""
        ...

    def platform_of(self, run_id: str, epoch: int) -> Platform:
        """Give the platform as the code of an execution asks it: nothing is done once the run is not its own."""
        ...

    async def begin_task(self, run_id: str, epoch: int, record: TaskRecord) -> TaskState:
        """Give the stored task of a key; if the run has none yet, it is made as the record says, with another id.

        Raises:
            ExecutionError: The execution is over.
        """
        ...

    def has_line(self, run_id: str, epoch: int, key: str) -> bool:
        """Whether the run's log has the line with that idempotency key already."""
        ...


class EventsPlatform(Protocol):
    """Events: send, look up, cancel."""

    async def send_events(self, events: Sequence[EventRequest], options: EventOptions) -> list[EventAnswer]:
        """Store the events, all or none, and deliver those that are due; returns when they are durable."""
        ...

    async def get_event(self, event_id: str) -> EventDetailsAnswer:
        """Look an event up with the runs that it started."""
        ...

    async def cancel_event(self, event_id: str) -> EventAnswer:
        """Cancel an event whose delivery lies ahead; one that was cancelled stays as it is.

        Raises:
            AlreadyDeliveredError: It was delivered.
        """
        ...


class RunsPlatform(Protocol):
    """Runs: start, look up, cancel, await."""

    async def invoke_job(self, request: InvokeRequest) -> str:
        """Create a run and return its id; with a known idempotency key, the id of the first one."""
        ...

    async def get_run(
        self, run_id: str, *, cursor: str | None = None, take: int = 20, subtasks: bool = False
    ) -> RunAnswer:
        """Look a run up with one page of its tasks."""
        ...

    async def cancel_run(self, run_id: str) -> RunAnswer:
        """Cancel a run that has not ended; returns it as it then is."""
        ...

    async def get_runs(self, job_id: str, *, cursor: str | None = None, take: int = 20) -> RunPageAnswer:
        """List a page of a job's runs, newest first."""
        ...

    async def cancel_runs_for_event(self, event_id: str) -> CancelAnswer:
        """Cancel the runs of an event that have not ended."""
        ...

    async def cancel_runs_for_job(self, job_id: str) -> CancelAnswer:
        """Cancel the runs of a job that have not ended."""
        ...

    async def rerun(self, run_id: str) -> RunAnswer:
        """Start a run of the same job and version with the same event; returns it as it then is."""
        ...

    async def continue_run(self, run_id: str) -> RunAnswer:
        """Let a run go on that has ended without success; returns it as it then is.

        Raises:
            CannotContinueError: It has not ended, or has succeeded.
        """
        ...

    async def wait_for_run(self, run_id: str, *, timeout: float | None = None) -> RunAnswer:
        """Return the run, without tasks, when it has ended.

        Raises:
            TimeoutError: It had not after ``timeout`` seconds; the run goes on.
        """
        ...

    async def wait_for_end(self, run_id: str, *, timeout: float | None = None) -> RunEnd:
        """Return what the run came to when it has ended; otherwise as `wait_for_run`."""
        ...


class StatePlatform(Protocol):
    """Stored values, by the keys of the v2 protocol, section 4.5, and the statuses of runs (section 4.3)."""

    async def get_value(self, key: str) -> JsonText | None:
        """Look a value up."""
        ...

    async def has_value(self, key: str) -> bool:
        """Whether there is a value."""
        ...

    async def set_value(self, key: str, value: JsonText) -> None:
        """Store a value; returns when it is durable."""
        ...

    async def delete_value(self, key: str) -> bool:
        """Delete a value; whether there was one."""
        ...

    async def put_status(self, run_id: str, call: PutStatus) -> StatusAnswer:
        """Create a status of a run or change it, whether the run has ended or not."""
        ...

    async def get_run_statuses(self, run_id: str) -> RunAnswer:
        """Look a run up with its statuses, without its tasks and its log."""
        ...


class SchedulesPlatform(Protocol):
    """Registrations with dynamic schedules (v2 protocol, section 4.6)."""

    async def register_schedule(self, call: RegisterSchedule) -> ScheduleAnswer:
        """Let a dynamic schedule tick under a key, in place of how it ticked before."""
        ...

    async def unregister_schedule(self, call: UnregisterSchedule) -> ScheduleAnswer:
        """Let a dynamic schedule tick no more under a key."""
        ...


class RequestsPlatform(Protocol):
    """Requests from outside (v2 protocol, section 11.1)."""

    async def get_http_endpoint(self, id: str) -> HttpEndpointAnswer:
        """Look an HTTP endpoint up."""
        ...

    async def replay_request(self, event_id: str) -> EventAnswer:
        """Take in a request once more that was received as this event; the new event."""
        ...

    async def register_trigger(self, call: RegisterTrigger) -> TriggerAnswer:
        """Register something with a dynamic trigger under a key, in place of what was."""
        ...

    async def update_source(self, call: UpdateSource) -> UpdatedSource:
        """Note that a source is registered with its vendor."""
        ...


class Platform(
    TasksPlatform, EventsPlatform, RunsPlatform, StatePlatform, SchedulesPlatform, RequestsPlatform, Protocol
):
    """All of it."""
