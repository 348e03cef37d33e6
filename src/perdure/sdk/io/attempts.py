"""A task on its way to its outcome: its waits, its attempts, and what is stored of each."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from msgspec import Struct
from msgspec.structs import replace

from perdure.errors import (
    InvalidArgumentError,
    PayloadValidationError,
    UnserializableOutputError,
    ValueTooLargeError,
)
from perdure.protocol.execution import ErrorInfo, JsonText
from perdure.protocol.json_text import dump, load
from perdure.protocol.keys import display_key
from perdure.protocol.retries import retry_delay
from perdure.protocol.statuses import TaskStatus
from perdure.protocol.task_waits import Operation
from perdure.sdk import recording
from perdure.sdk.calls import ON_LOOP
from perdure.sdk.codec import PLAIN
from perdure.sdk.failures import normalize, rebuild
from perdure.sdk.interrupts import Interrupt
from perdure.sdk.io.body import (
    MAX_ARGUMENTS,
    RunningTask,
    call_body,
    call_function,
    is_async,
    required_arguments,
)
from perdure.sdk.io.options import sequence_details
from perdure.sdk.io.outside import ask_outside
from perdure.sdk.retry import RetryAt, SkipRetrying
from perdure.sdk.scope import OpenTask, Scope, current_scope

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from perdure.protocol.state import StateCall
    from perdure.protocol.task_waits import TaskWait
    from perdure.sdk.branches import Branch
    from perdure.sdk.calls import Caller
    from perdure.sdk.codec import Codec
    from perdure.sdk.execution import Execution
    from perdure.sdk.io.options import TaskOptions
    from perdure.sdk.replay import Ask

Decision = BaseException | RetryAt | SkipRetrying | None


def stored_result(scope: Scope, ask: Ask, codec: Codec, parse_output: Callable[[Any], Any] | None = None) -> Any:
    """Return, or raise, what the memo holds for a key."""
    if ask.error is not None:
        raise note_failure(scope, rebuild(ask.error))
    try:
        return decode_result(ask.output, codec, parse_output)
    except PayloadValidationError as error:
        raise misfit_of(scope, ask, error) from error.__cause__


def decode_result(output: JsonText | None, codec: Codec, parse_output: Callable[[Any], Any] | None) -> Any:
    """Turn stored JSON into the value job code gets."""
    if output is None:
        return None
    if parse_output is None:
        return codec.decode(output)
    parsed = parse_output(load(output))
    return parsed if codec.is_plain else codec.decode(JsonText(dump(parsed)))


def misfit_of(scope: Scope, ask: Ask, error: PayloadValidationError) -> BaseException:
    """Say of which call the result does not fit; the body that asked for it is not tried again, nor would it help."""
    place = f"{ask.operation} {display_key(ask.key)!r}"
    told = f"{place}: {error.message} Catch this error, or ask for the type that comes."
    return note_failure(scope, PayloadValidationError(told, issues=error.issues))


def note_failure(scope: Scope, error: BaseException) -> BaseException:
    """Remember an error that is final, so that no enclosing task is retried for it."""
    if scope.failed is None:
        scope.failed = []
    scope.failed.append(error)
    return error


def _is_of(error: BaseException, failures: list[BaseException]) -> bool:
    """Whether an error is one of these, or a group of nothing else."""
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        return all(_is_of(one, failures) for one in group.exceptions)
    return any(error is one for one in failures)


def _shown_with(running: RunningTask) -> JsonText | None:
    shown = sequence_details(running.output_properties, what="task.output_properties")
    return None if shown is None else JsonText(dump(shown, root="output_properties"))


def exit_as_error(error: SystemExit) -> Exception:
    """Turn ``sys.exit()`` in a body into a failure: it must not end the process that other runs share."""
    return RuntimeError(f"The task called sys.exit({error.code!r}).")


def as_failure(branch: Branch, error: BaseException) -> Exception:
    """Turn what a body raised that is no ``Exception`` into a failure of its task.

    A body that awaits what somebody has cancelled has failed, though its branch was not cancelled.

    Raises:
        BaseException: That very one, if it unwinds the branch.
    """
    if isinstance(error, SystemExit):
        return exit_as_error(error)
    is_cancelled = isinstance(error, asyncio.CancelledError) and branch.task.cancelling() > 0
    if is_cancelled or isinstance(error, Interrupt | KeyboardInterrupt | GeneratorExit):
        raise error
    return normalize(error)[1]


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
        if isinstance(error, UnserializableOutputError | ValueTooLargeError) and not _is_of(error, inner.failed or []):
            error = self._returned(error)
        final = error
        retry_at: datetime | None = None
        try:
            decision = await self._decision(error)
        except Exception as own:
            # What on_error raises is what the task failed with.
            final, decision = own, SkipRetrying()
        if isinstance(decision, Exception):
            final = decision
        if isinstance(decision, RetryAt):
            retry_at = decision.at
            if decision.error is not None:
                final = decision.error
        elif not isinstance(decision, SkipRetrying):
            retry_at = self._next_attempt(final, inner)
        info, raised = normalize(final)
        if retry_at is None:
            await self.store(TaskStatus.ERRORED, error=info)
            note_failure(self.scope, raised)
            raise raised
        await self.try_again(retry_at, info)

    def _returned(self, error: UnserializableOutputError | ValueTooLargeError) -> Exception:
        """Say which call returned what cannot be stored; a body may have met such an error elsewhere."""
        if not error.message.startswith("result"):
            return error
        told = f"{error.message} {self.ask.operation} {display_key(self.ask.key)!r} returned it"
        if isinstance(error, UnserializableOutputError):
            told += "; let it return JSON values, or models, dataclasses, dates and their like"
        named = type(error)(f"{told}.")
        named.__cause__ = error.__cause__
        return named.with_traceback(error.__traceback__)

    async def _decision(self, error: Exception) -> Decision:
        on_error = self.options.on_error
        if on_error is None:
            return None
        execution = self.execution
        io = execution.io if is_async(on_error) else execution.sync_io()
        decision = await call_function(execution, self.call, on_error, (error, RunningTask(self.task), io))
        if decision is not None and not isinstance(decision, Exception | RetryAt | SkipRetrying):
            raise InvalidArgumentError(
                f"on_error of task {self.task.name!r} returned {type(decision).__name__}; it may return None, an "
                "exception, RetryAt(...) or SkipRetrying()."
            )
        return decision

    def _next_attempt(self, error: Exception, inner: Scope) -> datetime | None:
        if self.options.retry is None or isinstance(error, UnserializableOutputError | ValueTooLargeError):
            return None
        if inner.failed is not None and _is_of(error, inner.failed):
            return None
        delay = retry_delay(self.options.retry, self.task.attempts, self.execution.host.random)
        return None if delay is None else self.execution.host.now() + delay

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
