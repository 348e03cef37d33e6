"""Tasks by the routes of the v2 protocol, section 4.2: made, completed and failed, one request each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from perdure.errors import NotConnectedError, PerdureError, RunError
from perdure.protocol.execution import ErrorInfo
from perdure.protocol.failures import failure_of
from perdure.protocol.json_text import load
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
from perdure.protocol.task_waits import EventWait, RunsWait
from perdure.transport.wire_execution import END_MS
from perdure.transport.wire_messages import create_body, dispatcher_seconds
from perdure.transport.wire_refusals import lost, raise_refused
from perdure.transport.wire_request import WireRequest, quoted

if TYPE_CHECKING:
    from perdure.protocol.execution import JsonText, TaskRecord
    from perdure.transport.wire_calls import WireCalls
    from perdure.transport.wire_execution import WireExecution
    from perdure.transport.wire_link import WireLink

T = TypeVar("T")


class TaskRoutes:
    """Writes the tasks of executions.

    Args:
        link: The way to the platform.
        calls: What else it is asked, in forms that any platform knows.
    """

    def __init__(self, link: WireLink, calls: WireCalls) -> None:
        self._link = link
        self._calls = calls

    async def write_lines(self, execution: WireExecution, record: TaskRecord) -> None:
        """Store the lines of the log, and the enclosing tasks, that come with a task.

        Raises:
            ExecutionError: The execution is over, or its platform does not answer.
            RunError: The platform refuses it.
        """
        for line in record.ancestors:
            await self.create(execution, line)

    async def create(self, execution: WireExecution, record: TaskRecord) -> ServerTask:
        """Make a task, unless the run has it; the task as it is stored.

        Raises:
            ExecutionError: The execution is over, or its platform does not answer.
            RunError: The platform refuses it.
        """
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

    async def complete(self, execution: WireExecution, record: TaskRecord, output: JsonText | None) -> None:
        """Store the result of a task.

        Raises:
            ExecutionError: The execution is over, or its platform does not answer.
            RunError: The platform refuses it.
        """
        properties: Any = UNSET
        if record.output_properties is not None:
            properties = msgspec.convert(load(record.output_properties), list[DisplayProperty])
        body = CompleteTaskBody(output=UNSET if output is None else output, properties=properties)
        headers = ((VERSION_HEADER, SERIALIZED_OUTPUT_VERSION),)
        path = _path(execution, record.id, "complete")
        # Until the platform has it, it goes with the answer, however the execution ends: it has taken work.
        execution.unstored[record.id] = (output, properties)
        try:
            task = await self._write(
                execution, path, encode_message(body), ServerTask, name=record.name, headers=headers
            )
        except RunError:
            del execution.unstored[record.id]
            raise
        del execution.unstored[record.id]
        execution.check_task(task, "after_complete_task")
        execution.check_time(END_MS, "after_complete_task")

    async def fail(self, execution: WireExecution, task_id: str, error: ErrorInfo | None, *, name: str) -> ServerTask:
        """Store that a task has failed; the task as it is stored then.

        Raises:
            ExecutionError: The execution is over, or its platform does not answer.
            RunError: The platform refuses it.
        """
        given = ErrorInfo("Error", "The task failed.") if error is None else error
        body = FailTaskBody(
            error=ErrorWithStack(
                message=given.message,
                name=given.name,
                stack=UNSET if given.stack is None else given.stack,
                data=UNSET if given.data is None else given.data,
            )
        )
        path = _path(execution, task_id, "fail")
        task = await self._write(execution, path, encode_message(body), ServerTask, name=name)
        execution.check_task(task, "after_complete_task")
        return task

    async def ask_outside(self, execution: WireExecution, record: TaskRecord, task: ServerTask) -> ServerTask:
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
            raise lost(execution, error) from error
        except RunError as error:
            # What the task waits for cannot be begun: that is what it fails with.
            return await self.fail(execution, task.id, failure_of(error), name=record.name)
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
            raise lost(execution, error) from error
        except PerdureError as error:
            raise_refused(error, name)


def _path(execution: WireExecution, task_id: str, verb: str) -> str:
    return f"/api/v1/runs/{quoted(execution.run_id)}/tasks/{quoted(task_id)}/{verb}"
