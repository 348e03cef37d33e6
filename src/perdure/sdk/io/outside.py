"""Tasks whose result comes from outside: the function that asks for it, run once before the task waits."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from perdure.protocol.execution import JsonText
from perdure.sdk import recording
from perdure.sdk.calls import ON_LOOP
from perdure.sdk.io.body import RunningTask, is_async, required_arguments
from perdure.sdk.io.options import TaskOptions
from perdure.sdk.plain_codec import Codec
from perdure.sdk.scope import PASSES_ON, OpenTask, Scope, current_scope

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.sdk.calls import Caller
    from perdure.sdk.execution import Execution
    from perdure.sdk.io.options import OnError

_KEY = "callback"


async def ask_outside(
    execution: Execution, call: Caller, task: OpenTask, fn: Callable[..., Any], options: TaskOptions
) -> None:
    """Run the function that hands the task's callback URL on, as a task of its own inside this one.

    That it has returned is recorded, so it is not called again; what it returned is not kept.
    """
    from perdure.sdk.io.run_task import run_task

    url = await execution.on_loop(call, partial(recording.callback_url, execution, task.id))
    body = _with_url(fn, url) if options.takes_url else _with_task(fn, url)
    inner = TaskOptions(
        operation=PASSES_ON,
        name=PASSES_ON,
        retry=options.retry,
        timeout=options.timeout,
        on_error=None if options.on_error is None else _deciding(options.on_error, url),
        codec=_NOTHING,
    )
    outer = current_scope.set(Scope(execution, task))
    try:
        await run_task(execution, ON_LOOP if isinstance(call, int) else call, _KEY, body, inner, fn)
    finally:
        current_scope.reset(outer)


def _with_url(fn: Callable[..., Any], url: str) -> Callable[[], Any]:
    """The body that calls the function with the URL; it is async if the function is."""
    if not is_async(fn):
        return lambda: fn(url)

    async def call() -> Any:
        return await fn(url)

    return call


def _with_task(fn: Callable[..., Any], url: str) -> Callable[[RunningTask, Any], Any]:
    """The body that calls the function with the task, which has the URL."""
    takes = required_arguments(fn)

    def call(task: RunningTask, io: Any) -> Any:
        task.callback_url = url
        return fn(*(task, io)[:takes])

    async def call_async(task: RunningTask, io: Any) -> Any:
        return await call(task, io)

    return call_async if is_async(fn) else call


def _deciding(on_error: OnError, url: str) -> OnError:
    """What is asked about a failure, with a task that has the URL."""

    def call(error: Exception, task: RunningTask, io: Any) -> Any:
        task.callback_url = url
        return on_error(error, task, io)

    async def call_async(error: Exception, task: RunningTask, io: Any) -> Any:
        return await call(error, task, io)

    return call_async if is_async(on_error) else call


class _NothingCodec(Codec):
    """Keeps nothing of a value."""

    __slots__ = ()

    def store(self, value: object, root: str = "result") -> tuple[JsonText, Any]:
        """Store nothing."""
        return JsonText("null"), None


_NOTHING = _NothingCodec()
