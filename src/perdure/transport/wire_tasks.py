"""What executions write, by the routes of the v2 protocol: tasks are made, completed and failed (section 4.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from perdure.errors import (
    ExecutionError,
    InvalidArgumentError,
    NotConnectedError,
    NotFoundError,
    PerdureError,
    RunError,
    StaleExecutionError,
    WriteRefusedError,
)
from perdure.protocol.execution import ErrorInfo
from perdure.protocol.failures import failure_of
from perdure.protocol.messages.codec import decode_message, encode_message
from perdure.protocol.messages.dispatchers import EphemeralDispatcherBody
from perdure.protocol.messages.display import DisplayProperty
from perdure.protocol.messages.errors import ErrorWithStack
from perdure.protocol.messages.headers import (
    CACHED_TASKS_CURSOR_HEADER,
    EPOCH_HEADER,
    IDEMPOTENCY_KEY_HEADER,
    LAZY_CACHED_TASKS_VERSION,
    SERIALIZED_OUTPUT_VERSION,
    VERSION_HEADER,
)
from perdure.protocol.messages.tasks import CompleteTaskBody, CreateTaskAnswer, FailTaskBody, ServerTask
from perdure.protocol.state import StateOutcome
from perdure.protocol.statuses import TaskStatus
from perdure.protocol.task_batches import BatchItem
from perdure.protocol.task_waits import EventWait, RunsWait
from perdure.transport.outbox import Outbox
from perdure.transport.wire_execution import BODY_MS, END_MS, START_MS
from perdure.transport.wire_messages import create_body, dispatcher_seconds, state_of
from perdure.transport.wire_refusals import KeyRefusedError, RateLimitedError
from perdure.transport.wire_request import WireRequest, quoted
from perdure.transport.wire_state import perform

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.protocol.execution import JsonText, TaskRecord, TaskState
    from perdure.protocol.state import StateCall
    from perdure.protocol.task_batches import BatchOutcome
    from perdure.transport.wire_calls import WireCalls
    from perdure.transport.wire_execution import WireExecution
    from perdure.transport.wire_link import WireLink
    from perdure.transport.wire_state import StateAndSchedules

T = TypeVar("T")

_UNSPECIFIC: Final = (RunError, InvalidArgumentError, NotFoundError)
"""What a server says of a request, and not of what the job does."""


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
        self._outbox = Outbox(link, outlives_servers=outlives_servers)
        self._calls = calls
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
        await self._write_lines(execution, record)
        if self.is_stopping:
            raise execution.auto_yield("start_task")
        execution.check_time(START_MS, "start_task")
        task = await self._create(execution, record)
        wait = record.wait
        if task.status is TaskStatus.WAITING and isinstance(wait, EventWait | RunsWait):
            task = await self._ask_outside(execution, record, task)
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
        await self._write_lines(execution, record)
        if record.is_new:
            await self._create(execution, record)
        elif record.status is TaskStatus.COMPLETED:
            await self._complete(execution, record, record.output)
        elif record.status is TaskStatus.ERRORED:
            await self._fail(execution, record.id, record.error, name=record.name)
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
        await self._write_lines(execution, record)
        try:
            output = await perform(self._state(), run_id, call)
        except NotConnectedError as error:
            raise self._lost(execution, error) from error
        except RunError as error:
            info = failure_of(error)
            await self._fail(execution, record.id, info, name=record.name)
            return StateOutcome(error=info)
        await self._complete(execution, record, output)
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
            raise self._lost(execution, error) from error
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

    async def _write_lines(self, execution: WireExecution, record: TaskRecord) -> None:
        for line in record.ancestors:
            await self._create(execution, line)

    async def _create(self, execution: WireExecution, record: TaskRecord) -> ServerTask:
        path = f"/api/v1/runs/{quoted(execution.run_id)}/tasks"
        headers = (
            (IDEMPOTENCY_KEY_HEADER, record.key),
            (VERSION_HEADER, LAZY_CACHED_TASKS_VERSION),
            (CACHED_TASKS_CURSOR_HEADER, ""),
        )
        body = encode_message(create_body(record))
        task = (await self._write(execution, path, body, CreateTaskAnswer, name=record.name, headers=headers)).task
        execution.check_task(task, "after_run_task")
        return task

    async def _complete(self, execution: WireExecution, record: TaskRecord, output: JsonText | None) -> None:
        properties: Any = UNSET
        if record.output_properties is not None:
            properties = msgspec.json.decode(record.output_properties, type=list[DisplayProperty])
        body = CompleteTaskBody(output=UNSET if output is None else output, properties=properties)
        headers = ((VERSION_HEADER, SERIALIZED_OUTPUT_VERSION),)
        path = self._path(execution, record.id, "complete")
        try:
            task = await self._write(
                execution, path, encode_message(body), ServerTask, name=record.name, headers=headers
            )
        except StaleExecutionError as error:
            if isinstance(error.__cause__, NotConnectedError):
                raise execution.yield_completed(record.id, output) from error
            raise
        execution.check_task(task, "after_complete_task")
        execution.check_time(END_MS, "after_complete_task")

    async def _fail(self, execution: WireExecution, task_id: str, error: ErrorInfo | None, *, name: str) -> ServerTask:
        given = ErrorInfo("Error", "The task failed.") if error is None else error
        body = FailTaskBody(
            error=ErrorWithStack(
                message=given.message,
                name=given.name,
                stack=UNSET if given.stack is None else given.stack,
                data=UNSET if given.data is None else given.data,
            )
        )
        path = self._path(execution, task_id, "fail")
        task = await self._write(execution, path, encode_message(body), ServerTask, name=name)
        execution.check_task(task, "after_complete_task")
        return task

    async def _ask_outside(self, execution: WireExecution, record: TaskRecord, task: ServerTask) -> ServerTask:
        """Have what a task waits for sent to its callback URL: an event, or the end of a run that is started."""
        wait, url = record.wait, task.callback_url
        assert isinstance(url, str)
        try:
            if isinstance(wait, EventWait):
                await self._calls.await_event(
                    EphemeralDispatcherBody(
                        url=url,
                        name=wait.name,
                        source=wait.source,
                        filter=UNSET if wait.filter is None else msgspec.Raw(wait.filter.encode()),
                        context_filter=UNSET
                        if wait.context_filter is None
                        else msgspec.Raw(wait.context_filter.encode()),
                        account_id=UNSET if wait.account_id is None else wait.account_id,
                        timeout_in_seconds=dispatcher_seconds(wait.timeout),
                    )
                )
            elif isinstance(wait, RunsWait):
                request = wait.requests[0]
                key = request.idempotency_key or record.key
                await self._calls.invoke_job(replace(request, idempotency_key=key, callback_url=url))
        except NotConnectedError as error:
            raise self._lost(execution, error) from error
        except RunError as error:
            # What the task waits for cannot be begun: that is what it fails with.
            return await self._fail(execution, task.id, failure_of(error), name=record.name)
        return task

    async def _write(
        self,
        execution: WireExecution,
        path: str,
        body: bytes,
        kind: type[T],
        *,
        name: str,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> T:
        if execution.epoch is not None:
            headers = (*headers, (EPOCH_HEADER, str(execution.epoch)))
        try:
            request = WireRequest("POST", path, body, headers)
            reply = await self._link.ask(request, reads=lambda body: decode_message(body, kind))
            return decode_message(reply.body, kind)
        except NotConnectedError as error:
            raise self._lost(execution, error) from error
        except PerdureError as error:
            raise_refused(error, name)

    def _lost(self, execution: WireExecution, error: NotConnectedError) -> StaleExecutionError:
        if isinstance(error, RateLimitedError):
            lost = execution.yield_until(error.reset)
        else:
            if isinstance(error, KeyRefusedError):
                execution.problem = error.message
            lost = StaleExecutionError(error.message)
        lost.__cause__ = error
        return lost

    def _path(self, execution: WireExecution, task_id: str, verb: str) -> str:
        return f"/api/v1/runs/{quoted(execution.run_id)}/tasks/{quoted(task_id)}/{verb}"


def raise_refused(error: PerdureError, name: str) -> NoReturn:
    """Raise what job code is told when the platform does not store a task.

    To execute the run again would not help: it would ask for the same.

    Args:
        error: What the platform said.
        name: The task's name.

    Raises:
        ExecutionError: The execution has lost its run.
        RunError: What is wrong, as in a node's own process; if that is not said, a `WriteRefusedError`.
    """
    if isinstance(error, ExecutionError):
        raise error
    if isinstance(error, RunError) and type(error) not in _UNSPECIFIC:
        raise error
    raise WriteRefusedError(f"The server does not store task {name!r}. {error.message}") from error
