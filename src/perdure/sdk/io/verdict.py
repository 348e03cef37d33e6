"""What follows a failed attempt of a task: another one, at a time, or that the task has failed, and with what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.errors import InvalidArgumentError, UnserializableOutputError, ValueTooLargeError
from perdure.protocol.keys import display_key
from perdure.protocol.retries import retry_delay
from perdure.sdk.io.body import RunningTask, call_function, is_async
from perdure.sdk.io.raised import is_final_in
from perdure.sdk.retry import RetryAt, SkipRetrying

if TYPE_CHECKING:
    from datetime import datetime

    from perdure.sdk.ask import Ask
    from perdure.sdk.io.attempts import Attempts
    from perdure.sdk.scope import Scope

    Decision = BaseException | RetryAt | SkipRetrying | None


async def judge(attempts: Attempts, error: Exception, inner: Scope) -> tuple[Exception, datetime | None]:
    """Ask the task's ``on_error``, then its retry options.

    Args:
        attempts: The task.
        error: What its body raised.
        inner: The scope of the body.

    Returns:
        The error that is stored, and when the next attempt begins; ``None``: there is none.
    """
    if isinstance(error, UnserializableOutputError | ValueTooLargeError) and not is_final_in(inner, error):
        error = _returned(error, attempts.ask)
    try:
        decision = await _decide(attempts, error)
    except Exception as own:
        # What on_error raises is what the task failed with.
        return own, None
    if isinstance(decision, RetryAt):
        return (error if decision.error is None else decision.error), decision.at
    final = decision if isinstance(decision, Exception) else error
    return final, None if isinstance(decision, SkipRetrying) else _next_attempt(attempts, final, inner)


def _returned(error: UnserializableOutputError | ValueTooLargeError, ask: Ask) -> Exception:
    """Say which call returned what cannot be stored; a body may have met such an error elsewhere."""
    if not error.message.startswith("result"):
        return error
    told = f"{error.message} {ask.operation} {display_key(ask.key)!r} returned it"
    if isinstance(error, UnserializableOutputError):
        told += "; let it return JSON values, or models, dataclasses, dates and their like"
    named = type(error)(f"{told}.")
    named.__cause__ = error.__cause__
    return named.with_traceback(error.__traceback__)


async def _decide(attempts: Attempts, error: Exception) -> Decision:
    on_error = attempts.options.on_error
    if on_error is None:
        return None
    execution, task = attempts.execution, attempts.task
    io = execution.io if is_async(on_error) else execution.sync_io()
    decision = await call_function(execution, attempts.call, on_error, (error, RunningTask(task), io))
    if decision is not None and not isinstance(decision, Exception | RetryAt | SkipRetrying):
        raise InvalidArgumentError(
            f"on_error of task {task.name!r} returned {type(decision).__name__}; it may return None, an exception, "
            "RetryAt(...) or SkipRetrying()."
        )
    return decision


def _next_attempt(attempts: Attempts, error: Exception, inner: Scope) -> datetime | None:
    retry, host = attempts.options.retry, attempts.execution.host
    if retry is None or isinstance(error, UnserializableOutputError | ValueTooLargeError) or is_final_in(inner, error):
        return None
    delay = retry_delay(retry, attempts.task.attempts, host.random)
    return None if delay is None else host.now() + delay
