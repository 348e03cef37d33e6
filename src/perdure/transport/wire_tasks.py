"""What executions write of their tasks: at once in batches to a platform of perdure's, else by the routes of v2."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.errors import NotConnectedError, NotFoundError, PerdureError, RunError, StaleExecutionError
from perdure.protocol.failures import failure_of
from perdure.protocol.state import StateOutcome
from perdure.protocol.statuses import TaskStatus
from perdure.protocol.task_batches import BatchItem
from perdure.protocol.task_waits import EventWait, RunsWait
from perdure.transport.outbox import Outbox
from perdure.transport.task_routes import TaskRoutes
from perdure.transport.wire_execution import BODY_MS, START_MS
from perdure.transport.wire_messages import state_of
from perdure.transport.wire_refusals import lost, raise_refused
from perdure.transport.wire_state import perform

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.protocol.execution import TaskRecord, TaskState
    from perdure.protocol.state import StateCall
    from perdure.protocol.task_batches import BatchOutcome
    from perdure.transport.wire_calls import WireCalls
    from perdure.transport.wire_execution import WireExecution
    from perdure.transport.wire_link import WireLink
    from perdure.transport.wire_state import StateAndSchedules


class WireTasks:
    """Writes the tasks of executions; implements what `perdure.protocol.platform` has of tasks.

    Args:
        link: The way to the platform.
        calls: What else it is asked, in forms that any platform knows.
        state: Gives what does work on state.
        outlives_servers: Whether what is to be stored is kept while the platform is started anew.

    Attributes:
        is_stopping: Whether executions are to end between two tasks.
    """

    def __init__(
        self,
        link: WireLink,
        calls: WireCalls,
        state: Callable[[], StateAndSchedules],
        *,
        outlives_servers: bool = True,
    ) -> None:
        self._link = link
        self._routes = TaskRoutes(link, calls)
        self._outbox = Outbox(link, outlives_servers=outlives_servers)
        self._state = state
        self._executions: dict[int, WireExecution] = {}
        self.is_stopping = False

    def take_up(self, execution: WireExecution) -> None:
        """Take up an execution; its number is the epoch that its calls name."""
        self._executions[execution.number] = execution
        if execution.has_all:
            self._link.know_native()

    def forget(self, execution: WireExecution) -> None:
        """Forget an execution, which has ended."""
        self._executions.pop(execution.number, None)

    def may_be_told(self) -> bool:
        """Whether the platform has a way to tell executions of waits that are over."""
        return self._link.may_open_line()

    async def say_at_work(self, execution: WireExecution) -> None:
        """Say that it is at work here, so that the platform knows by which connection to tell it what is over.

        Raises:
            StaleExecutionError: The run is not this execution's any more.
            PerdureError: The platform does not answer.
        """
        if execution.epoch is not None:
            await self._outbox.put(BatchItem(execution.run_id, execution.epoch), execution)

    def store_no_more(self) -> None:
        """Give up what is on its way to the platform: the app stops."""
        self._outbox.close()

    async def begin_task(self, run_id: str, epoch: int, record: TaskRecord) -> TaskState:
        """Make a task, unless the run has it; see `perdure.protocol.platform.TaskRegister`."""
        execution = self._find(epoch)
        await self._routes.write_lines(execution, record)
        if self.is_stopping:
            raise execution.auto_yield("start_task")
        execution.check_time(START_MS, "start_task")
        task = await self._routes.create(execution, record)
        wait = record.wait
        if task.status is TaskStatus.WAITING and isinstance(wait, EventWait | RunsWait):
            task = await self._routes.ask_outside(execution, record, task)
        if task.status is TaskStatus.RUNNING:
            execution.check_time(BODY_MS, "before_execute_task")
        return state_of(task, record)

    def begins_tasks(self, run_id: str, epoch: int) -> bool:
        """Whether the platform is to make each task of an execution before its body runs."""
        return not self._find(epoch).has_all

    def is_over(self, run_id: str, epoch: int) -> bool:
        """Whether an execution is to end before its next task."""
        execution = self._executions.get(epoch)
        if execution is not None:
            if not (self.is_stopping or execution.is_ending or execution.is_short(BODY_MS)):
                return False
            execution.auto_yield("start_task")
        return True

    def has_line(self, run_id: str, epoch: int, key: str) -> bool:
        """Whether the run's log has a line already, as far as can be known; a few new lines may be taken for old."""
        noops = self._find(epoch).noops
        return noops is not None and key in noops

    async def record_task(self, run_id: str, epoch: int, record: TaskRecord) -> None:
        """Store what has become of a task that was made, or a log line."""
        execution = self._find(epoch)
        if execution.has_all:
            await self._put(execution, record)
            return
        await self._routes.write_lines(execution, record)
        if record.is_new:
            await self._routes.create(execution, record)
        elif record.status is TaskStatus.COMPLETED:
            await self._routes.complete(execution, record, record.output)
        elif record.status is TaskStatus.ERRORED:
            await self._routes.fail(execution, record.id, record.error, name=record.name)
        elif record.attempt_error is not None and record.delay_until is not None:
            # The answer to the execution says so.
            execution.retries[record.id] = (record.attempt_error, record.delay_until)

    async def perform_task(self, run_id: str, epoch: int, record: TaskRecord, call: StateCall) -> StateOutcome:
        """Do a task's work on state, and store what came of it."""
        execution = self._find(epoch)
        if execution.has_all:
            done = await self._put(execution, record, call)
            assert done is not None
            assert done.state is not None
            return done.state
        await self._routes.write_lines(execution, record)
        try:
            output = await perform(self._state(), run_id, call)
        except NotConnectedError as error:
            raise lost(execution, error) from error
        except RunError as error:
            info = failure_of(error)
            await self._routes.fail(execution, record.id, info, name=record.name)
            return StateOutcome(error=info)
        await self._routes.complete(execution, record, output)
        return StateOutcome(output)

    async def callback_url(self, task_id: str) -> str:
        """Give the URL where a request completes a task."""
        for execution in self._executions.values():
            task = execution.tasks.get(task_id)
            if task is not None and isinstance(task.callback_url, str):
                return task.callback_url
        try:
            return await self._outbox.url_of(task_id)
        except PerdureError as error:
            raise StaleExecutionError(error.message) from error

    async def _put(
        self, execution: WireExecution, record: TaskRecord, call: StateCall | None = None
    ) -> BatchOutcome | None:
        assert execution.epoch is not None
        try:
            item = BatchItem(execution.run_id, execution.epoch, record, call)
            outcome = await self._outbox.put(item, execution)
        except NotConnectedError as error:
            raise lost(execution, error) from error
        except NotFoundError as error:
            if execution.is_known:
                # Its server was put back to a backup that does not have the run, or not yet this task.
                raise StaleExecutionError(error.message) from error
            raise_refused(error, record.name)
        except PerdureError as error:
            raise_refused(error, record.name)
        if outcome is not None and outcome.ends:
            execution.is_ending = True
        return outcome

    def _find(self, epoch: int) -> WireExecution:
        execution = self._executions.get(epoch)
        if execution is None:
            raise StaleExecutionError
        return execution
