"""A task on its way to its outcome: its waits, its attempts, and the records of both."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from perdure.errors import InvalidArgumentError
from perdure.protocol.execution import ErrorInfo, JsonText
from perdure.protocol.json_text import dump
from perdure.protocol.statuses import TaskStatus
from perdure.protocol.task_waits import Operation
from perdure.sdk import recording
from perdure.sdk.calls import ON_LOOP
from perdure.sdk.codec import PLAIN
from perdure.sdk.failures import normalize
from perdure.sdk.interrupts import Interrupt
from perdure.sdk.io.body import MAX_ARGUMENTS, RunningTask, call_body, required_arguments
from perdure.sdk.io.options import sequence_details
from perdure.sdk.io.outside import ask_outside
from perdure.sdk.io.raised import as_failure, note_failure
from perdure.sdk.io.results import decode_result, stored_result
from perdure.sdk.io.verdict import judge
from perdure.sdk.scope import OpenTask, Scope, current_scope

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from perdure.protocol.state import StateCall
    from perdure.protocol.task_waits import TaskWait
    from perdure.sdk.ask import Ask
    from perdure.sdk.branches import Branch
    from perdure.sdk.calls import Caller
    from perdure.sdk.codec import Codec
    from perdure.sdk.execution import Execution
    from perdure.sdk.io.options import TaskOptions


def _shown_with(running: RunningTask) -> JsonText | None:
    shown = sequence_details(running.output_properties, what="task.output_properties")
    return None if shown is None else JsonText(dump(shown, root="output_properties"))


class Attempts(Struct, eq=False):
    """One asked-for task on its way to its outcome.

    ``call`` says where it runs: on the event loop, or in a thread. What is stored is stored on the loop, where the
    order in which records are made is that in which they are handed over.
    """

    execution: Execution
    call: Caller
    branch: Branch
    scope: Scope
    ask: Ask
    codec: Codec
    fn: Callable[..., Any] | None
    options: TaskOptions
    task: OpenTask

    async def run(self) -> Any:
        """Wait if it is to wait, then run attempt after attempt."""
        state, until = self.ask.state, self.options.delay_until
        if self.options.wait is not None:
            return await self.wait_outside(self.options.wait)
        if state is not None and state.status is TaskStatus.WAITING:
            await self.wait(state.delay_until)
        elif state is None and until is not None and until > self.execution.host.now():
            await self.store(TaskStatus.WAITING, delay_until=until)
            await self.wait(until)
        if self.ask.is_settled:
            return stored_result(self.scope, self.ask, self.codec, self.options.parse_output)
        if self.options.noop:
            await self.store(TaskStatus.COMPLETED)
            return None
        if self.options.call is not None:
            return await self.perform(self.options.call(self.task))
        return await self.attempt()

    async def wait_outside(self, wait: TaskWait) -> Any:
        """Wait until the platform completes the task; before that, run the function once that asks for it outside."""
        # What is known of it and does not wait was reopened, when its run was let go on after it had ended.
        if self.ask.state is None or self.ask.state.status is not TaskStatus.WAITING:
            # It may be over as soon as it is stored.
            self.execution.parking.expect(self.task.id)
            await self.store(TaskStatus.WAITING, wait=wait)
            if isinstance(wait, Operation) and self.execution.host.is_patient:
                self.execution.parking.expect_promptly()
        if self.fn is not None:
            await self._ask_outside(wait)
        if not self.ask.is_settled:
            await self.wait(None)
        return stored_result(self.scope, self.ask, self.codec, self.options.parse_output)

    async def _ask_outside(self, wait: TaskWait) -> None:
        fn, execution = self.fn, self.execution
        assert fn is not None
        try:
            await ask_outside(execution, self.call, self.task, fn, self.options)
        except Exception as error:
            if execution.interrupted:
                raise Interrupt from error
            info, raised = normalize(error)
            await self.store(TaskStatus.ERRORED, error=info, wait=wait)
            note_failure(self.scope, raised)
            raise raised from raised.__cause__

    async def perform(self, call: StateCall) -> Any:
        """Let the platform do the work and record what came of it."""
        if not isinstance(self.call, int):
            return self.call.cross(partial(self._on_loop().perform, call))
        execution, task, ask = self.execution, self.task, self.ask
        before = task.is_stored, task.status
        record = task.record(TaskStatus.COMPLETED, None, execution.host.now(), recording.before(execution, task.parent))
        try:
            outcome = await recording.perform(execution, record, call)
        except asyncio.CancelledError:
            # The branch was cancelled, the work perhaps not: who asks again is given what was recorded.
            task.is_stored, task.status = before
            raise
        if outcome.error is not None:
            task.status = TaskStatus.ERRORED
        ask.settle(outcome.output, outcome.error)
        return stored_result(self.scope, ask, self.codec)

    async def go_on_after(self, error: Exception, inner: Scope) -> Any:
        """Deal with a first attempt that failed, then run attempt after attempt."""
        if self.execution.interrupted:
            raise Interrupt
        await self.failed(error, inner)
        if self.ask.is_settled:
            return stored_result(self.scope, self.ask, self.codec, self.options.parse_output)
        return await self.attempt()

    async def attempt(self) -> Any:
        """Run the body until it succeeds or has failed for good."""
        execution, task = self.execution, self.task
        fn = self.fn
        assert fn is not None
        takes = required_arguments(fn)
        if takes > MAX_ARGUMENTS:
            raise InvalidArgumentError(
                f"The function of task {task.name!r} takes {takes} arguments; it may take none, (task) or (task, io)."
            )
        if task.parent is not None and takes:
            # The body may hand its idempotency key to others; it holds the parent's id, which must outlive a crash.
            await execution.on_loop(self.call, partial(recording.store_begun, execution, task.parent))
        while True:
            with execution.lock:
                execution.memo.renew(task)
            inner = Scope(execution, task)
            outer = current_scope.set(inner)
            execution.open_tasks[task.id] = task
            try:
                returned, running = await call_body(execution, self.call, self.branch, fn, task, self.options.timeout)
                # With parse_output the type is that of what it returns, not of what is stored.
                output, value = (self.codec if self.options.parse_output is None else PLAIN).store(returned)
                properties = None if running is None else _shown_with(running)
            except Exception as error:
                raised: Exception = error
            except BaseException as error:
                if execution.interrupted:
                    raise
                raised = as_failure(self.branch, error)
            else:
                await self.store(TaskStatus.COMPLETED, output=output, properties=properties)
                parse_output = self.options.parse_output
                return value if parse_output is None else decode_result(output, self.codec, parse_output)
            finally:
                current_scope.reset(outer)
                execution.open_tasks.pop(task.id, None)
            if execution.interrupted:
                raise Interrupt
            await self.failed(raised, inner)
            if self.ask.is_settled:
                return stored_result(self.scope, self.ask, self.codec, self.options.parse_output)

    async def failed(self, error: Exception, inner: Scope) -> None:
        """Store a failed attempt: the task waits for its next one, or has failed for good, which raises."""
        final, retry_at = await judge(self, error, inner)
        info, raised = normalize(final)
        if retry_at is None:
            await self.store(TaskStatus.ERRORED, error=info)
            note_failure(self.scope, raised)
            raise raised
        await self.try_again(retry_at, info)

    async def try_again(self, at: datetime, error: ErrorInfo) -> None:
        """Store that an attempt has failed, and wait for the next one."""
        if not isinstance(self.call, int):
            return self.call.cross(partial(self._on_loop().try_again, at, error))
        self.task.attempts += 1
        await recording.record(
            self.execution,
            self.task.record(
                TaskStatus.WAITING,
                delay_until=at,
                attempt_error=error,
                before=recording.before(self.execution, self.task.parent),
            ),
        )
        await self.wait(at)
        return None

    async def wait(self, until: datetime | None) -> None:
        """Wait for the engine to say that the task is due, or to settle it."""
        if not isinstance(self.call, int):
            return self.call.cross(partial(self._on_loop().wait, until))
        execution = self.execution
        try:
            state = await execution.parking.park(self.branch, self.task.id, until)
        except BaseException as error:
            execution.was_unparked(self.branch, error)
            raise
        self.task.attempts = state.attempts
        self.task.is_stored = True
        self.task.status, self.task.delay_until = state.status, state.delay_until
        if state.status.is_final:
            self.ask.settle(state.output, state.error)
        return None

    def _on_loop(self) -> Attempts:
        """The same task, for what a thread has done on the loop."""
        return replace(self, call=ON_LOOP)

    async def complete(self, output: JsonText | None) -> None:
        """Store the result of a first attempt, on the event loop."""
        execution, task, ask = self.execution, self.task, self.ask
        record = task.record(
            TaskStatus.COMPLETED, output, execution.host.now(), recording.before(execution, task.parent)
        )
        try:
            await recording.record(execution, record)
        except asyncio.CancelledError:
            # The branch was cancelled, the write was not: what it stores is the result all the same.
            ask.settle(output)
            raise
        ask.settle(output)

    async def store(
        self,
        status: TaskStatus,
        *,
        output: JsonText | None = None,
        error: ErrorInfo | None = None,
        properties: JsonText | None = None,
        delay_until: datetime | None = None,
        wait: TaskWait | None = None,
    ) -> None:
        """Store a state of the task, and settle the memo once it is durable (or can no longer be stopped)."""
        if not isinstance(self.call, int):
            work = partial(self._on_loop().store, status, output=output, error=error, properties=properties)
            return self.call.cross(partial(work, delay_until=delay_until, wait=wait))
        execution = self.execution
        is_final = status is not TaskStatus.WAITING
        record = self.task.record(
            status,
            output,
            execution.host.now() if is_final else None,
            recording.before(execution, self.task.parent),
            error=error,
            delay_until=delay_until,
            output_properties=properties,
        )
        record.wait = wait
        try:
            await recording.record(execution, record)
        except asyncio.CancelledError:
            # The branch was cancelled, the write was not: what it stores is this task's result all the same.
            if is_final:
                self.ask.settle(output, error)
            raise
        if is_final:
            self.ask.settle(output, error)
        return None
