"""A job's function as a run executes it: the payload in, the result out, and what a run may not leave undone."""

from __future__ import annotations

import asyncio
import inspect
from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from perdure.errors import (
    InvalidArgumentError,
    PayloadValidationError,
    PayloadVerificationError,
    PerdureError,
    UnawaitedTaskError,
)
from perdure.protocol.execution import Abandoned, ExecutionResult, Failed, InvalidPayload, Succeeded
from perdure.protocol.keys import display_key
from perdure.sdk.context import Context
from perdure.sdk.failures import describe
from perdure.sdk.io import IO
from perdure.sdk.io.logger import LEVELS
from perdure.sdk.lane import run_in_thread
from perdure.sdk.seating import NoThreadError

if TYPE_CHECKING:
    from perdure.sdk.execution import Execution
    from perdure.sdk.http_endpoint import Verify
    from perdure.sdk.job import Job

PATIENCE = 10.0
"""How many seconds an execution waits for a thread before its run is put back in line."""


class Program:
    """Runs the job's function once and makes the execution's result of what it does."""

    def __init__(self, execution: Execution, job: Job[Any, Any]) -> None:
        self._execution = execution
        self._job = job

    async def __call__(self) -> ExecutionResult | None:
        """Run it.

        Returns:
            The result; ``None`` if the execution was interrupted, whose outcome is then known already.
        """
        execution, job = self._execution, self._job
        try:
            try:
                payload = job.parse_payload(execution.request.event.payload)
            except PayloadValidationError as error:
                return InvalidPayload(tuple((issue.path, issue.message) for issue in error.issues))
            verify = job.trigger.verifier()
            if verify is not None and not execution.request.run.is_test:
                await self._verify(verify, payload)
            execution.log_threshold = LEVELS[job.log_level.upper()] if job.log_level is not None else 0
            execution.io = IO(execution)
            execution.ctx = Context.of(execution.request)
            if job.is_plain:
                value = await self._call_in_thread(payload, execution.ctx)
            else:
                value = await job.call(payload, execution.io, execution.ctx)
            if execution.interrupted:
                return None
            await self._meet_cancellation()
            self._check_finished()
            return Succeeded(job.encode_output(value))
        except NoThreadError:
            return Abandoned(
                f"{execution.host.job_threads.limit} jobs that are plain functions are at work", no_room=True
            )
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            if execution.interrupted:
                raise
            return Failed(describe(_as_exception(error)))
        finally:
            self._leave_no_branch()

    async def _verify(self, verify: Verify, payload: Any) -> None:
        """Refuse a request that is not what it says it is.

        Raises:
            PayloadVerificationError: It is not.
        """
        from perdure.sdk.http_endpoint import verify_request

        if payload.received_at is None:
            # Replays may come much later, and must find the same.
            payload = replace(payload, received_at=self._execution.request.event.timestamp)
        result = await verify_request(verify, payload, self._execution.host.body_threads.run)
        if not result.success:
            raise PayloadVerificationError(f"Payload verification failed. {result.reason or ''}".rstrip())

    async def _call_in_thread(self, payload: Any, context: Context) -> Any:
        execution, job = self._execution, self._job
        code = partial(job.call, payload, execution.sync_io(), context)
        value: Any = await run_in_thread(execution, execution.host.job_threads, code, patience=PATIENCE)
        if inspect.iscoroutine(value):
            value.close()
            raise InvalidArgumentError(
                f"The function of job {job.id!r} is plain, and returned a coroutine. If it wraps an async function, "
                "make the wrapper async, too."
            )
        return value

    async def _meet_cancellation(self) -> None:
        """Raise the cancellation that the job's code has asked for itself, without awaiting anything since."""
        task = asyncio.current_task()
        # With a branch that waits, the run could be suspended meanwhile; it fails anyway.
        if task is not None and task.cancelling() and not self._execution.parking.parks:
            await asyncio.sleep(0)

    def _check_finished(self) -> None:
        """Refuse to end while something the run began is not done.

        Raises:
            UnawaitedTaskError: A call was not awaited, or a branch is unfinished.
        """
        execution = self._execution
        unawaited = execution.calls.unawaited()
        if unawaited is not None:
            operation, key = unawaited
            raise UnawaitedTaskError(
                f"The job ended, and its call io.{operation}({_shown(key)}) was never awaited; write await before it."
            )
        if sum(1 for task in execution.branches.all if not task.done()) <= 1:
            return
        ask = execution.memo.unsettled()
        what = f"io.{ask.operation}({_shown(ask.key)})" if ask is not None else "a task it started"
        raise UnawaitedTaskError(
            f"The job ended while {what} was unfinished in another branch; await every branch before returning."
        )

    def _leave_no_branch(self) -> None:
        """Cancel what the job's code left running; the run has its result."""
        execution = self._execution
        if execution.interrupted:
            return
        current = asyncio.current_task()
        for task in list(execution.branches.all):
            if task is not current:
                task.cancel()


def _shown(key: object) -> str:
    if key is None:
        return "…"
    try:
        return repr(display_key(key))  # type: ignore[arg-type]
    except PerdureError:
        return repr(key)


def _as_exception(error: BaseException) -> Exception:
    """Turn what is no exception (``sys.exit()``, a cancellation of its own) into one that says so."""
    if isinstance(error, Exception):
        return error
    if isinstance(error, SystemExit):
        return RuntimeError(f"The job called sys.exit({error.code!r}).")
    return RuntimeError(f"The job raised {type(error).__name__}: {error}")
