"""Platform without a network: what the SDK asks of a node in its own process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from perdure.engine.lists import check_take
from perdure.protocol.management import RunFilter

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from perdure.engine.callbacks import Callbacks
    from perdure.engine.cancellations import Cancellations
    from perdure.engine.events import Events
    from perdure.engine.lists import Lists
    from perdure.engine.repeats import Repeats
    from perdure.engine.runs import Runs
    from perdure.engine.schedules import Schedules
    from perdure.engine.state import State
    from perdure.engine.tasks import Tasks
    from perdure.protocol.events import EventAnswer, EventDetailsAnswer, EventOptions, EventRequest
    from perdure.protocol.execution import JsonText, TaskRecord
    from perdure.protocol.runs import CancelAnswer, RunAnswer, RunEnd, RunPageAnswer
    from perdure.protocol.schedules import RegisterSchedule, ScheduleAnswer, UnregisterSchedule
    from perdure.protocol.state import PutStatus, StateCall, StateOutcome, StatusAnswer
    from perdure.protocol.task_waits import InvokeRequest


class DirectPlatform:
    """Implements `perdure.protocol.platform.Platform` for one environment of this node."""

    def __init__(
        self,
        environment_no: int,
        *,
        events: Events,
        runs: Runs,
        cancellations: Cancellations,
        repeats: Repeats,
        tasks: Tasks,
        callbacks: Callbacks,
        state: State,
        schedules: Schedules,
        lists: Lists,
    ) -> None:
        self._environment_no = environment_no
        self._events = events
        self._runs = runs
        self._cancellations = cancellations
        self._repeats = repeats
        self._tasks = tasks
        self._callbacks = callbacks
        self._state = state
        self._schedules = schedules
        self._lists = lists

    def record_task(self, run_id: str, epoch: int, record: TaskRecord) -> Coroutine[Any, Any, None]:
        """Store a task's beginning, state or both; see `Tasks.record`."""
        return self._tasks.record(self._environment_no, run_id, epoch, record)

    async def perform_task(self, run_id: str, epoch: int, record: TaskRecord, call: StateCall) -> StateOutcome:
        """Do a task's work on state and record what came of it; see `State.perform`."""
        return await self._state.perform(self._environment_no, run_id, epoch, record, call)

    async def callback_url(self, task_id: str) -> str:
        """Give the URL where a request completes a task; see `Callbacks.url`."""
        return self._callbacks.url(task_id)

    async def send_events(self, events: Sequence[EventRequest], options: EventOptions) -> list[EventAnswer]:
        """Store events, all or none, and deliver those that are due; see `Events.send`."""
        return await self._events.send(self._environment_no, events, options)

    async def get_event(self, event_id: str) -> EventDetailsAnswer:
        """Look an event up with the runs that it started; see `Events.get`."""
        return await self._events.get(self._environment_no, event_id)

    async def cancel_event(self, event_id: str) -> EventAnswer:
        """Cancel an event whose delivery lies ahead; see `Events.cancel`."""
        return await self._events.cancel(self._environment_no, event_id)

    async def invoke_job(self, request: InvokeRequest) -> str:
        """Create a run and return its id; see `Runs.invoke`."""
        return await self._runs.invoke(self._environment_no, request)

    async def get_run(
        self, run_id: str, *, cursor: str | None = None, take: int = 20, subtasks: bool = False
    ) -> RunAnswer:
        """Look a run up with one page of its tasks; see `Runs.get`."""
        check_take(take, "tasks")
        return await self._runs.get(self._environment_no, run_id, cursor=cursor, take=take, subtasks=subtasks)

    async def cancel_run(self, run_id: str) -> RunAnswer:
        """Cancel a run that has not ended; see `Cancellations.cancel`."""
        await self._cancellations.cancel(self._environment_no, run_id)
        return await self._runs.get(self._environment_no, run_id)

    async def get_runs(self, job_id: str, *, cursor: str | None = None, take: int = 20) -> RunPageAnswer:
        """List a page of a job's runs; see `Lists.runs`."""
        return await self._lists.runs(self._environment_no, RunFilter(job_id), cursor=cursor, take=take)

    async def cancel_runs_for_event(self, event_id: str) -> CancelAnswer:
        """Cancel the runs of an event; see `Cancellations.cancel_for_event`."""
        return await self._cancellations.cancel_for_event(self._environment_no, event_id)

    async def cancel_runs_for_job(self, job_id: str) -> CancelAnswer:
        """Cancel the runs of a job; see `Cancellations.cancel_for_job`."""
        return await self._cancellations.cancel_for_job(self._environment_no, job_id)

    async def rerun(self, run_id: str) -> RunAnswer:
        """Run a run once more; see `Repeats.rerun`."""
        return await self._runs.get(self._environment_no, await self._repeats.rerun(self._environment_no, run_id))

    async def continue_run(self, run_id: str) -> RunAnswer:
        """Let a run go on that has ended without success; see `Repeats.continue_run`."""
        await self._repeats.continue_run(self._environment_no, run_id)
        return await self._runs.get(self._environment_no, run_id)

    async def wait_for_run(self, run_id: str, *, timeout: float | None = None) -> RunAnswer:
        """Return the run, without tasks, when it has ended; see `Runs.wait`."""
        return await self._runs.wait(self._environment_no, run_id, timeout=timeout)

    async def wait_for_end(self, run_id: str, *, timeout: float | None = None) -> RunEnd:
        """Return what the run came to when it has ended; see `Runs.wait_for_end`."""
        return await self._runs.wait_for_end(self._environment_no, run_id, timeout=timeout)

    async def get_value(self, key: str) -> JsonText | None:
        """Look a value up; see `State.get_value`."""
        return await self._state.get_value(self._environment_no, key)

    async def has_value(self, key: str) -> bool:
        """Whether there is a value; see `State.has_value`."""
        return await self._state.has_value(self._environment_no, key)

    async def set_value(self, key: str, value: JsonText) -> None:
        """Store a value; see `State.set_value`."""
        await self._state.set_value(self._environment_no, key, value)

    async def delete_value(self, key: str) -> bool:
        """Delete a value; see `State.delete_value`."""
        return await self._state.delete_value(self._environment_no, key)

    async def put_status(self, run_id: str, call: PutStatus) -> StatusAnswer:
        """Create a status of a run or change it; see `State.put_status`."""
        return await self._state.put_status(self._environment_no, run_id, call)

    async def get_run_statuses(self, run_id: str) -> RunAnswer:
        """Look a run up with its statuses; see `Runs.get_statuses`."""
        return await self._runs.get_statuses(self._environment_no, run_id)

    async def register_schedule(self, call: RegisterSchedule) -> ScheduleAnswer:
        """Let a dynamic schedule tick under a key; see `Schedules.register`."""
        return await self._schedules.register(self._environment_no, call)

    async def unregister_schedule(self, call: UnregisterSchedule) -> ScheduleAnswer:
        """Let a dynamic schedule tick no more under a key; see `Schedules.unregister`."""
        return await self._schedules.unregister(self._environment_no, call)
