"""Running a task's body: what it takes, where it runs, how long it may."""

from __future__ import annotations

import asyncio
import functools
import inspect
from contextvars import copy_context
from types import FunctionType
from typing import TYPE_CHECKING, Any

from perdure.errors import TaskTimeoutError
from perdure.sdk.calls import ON_LOOP
from perdure.sdk.lane import run_in_thread

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.sdk.branches import Branch
    from perdure.sdk.calls import Caller
    from perdure.sdk.execution import Execution
    from perdure.sdk.scope import OpenTask

MAX_ARGUMENTS = 2
"""A body takes nothing, ``(task)`` or ``(task, io)``."""

_COROUTINE = inspect.CO_COROUTINE


class RunningTask:
    """The task whose body runs, for bodies that take it.

    Attributes:
        id: The task's id, the same in every attempt.
        idempotency_key: 64 hex digits, stable over attempts and crashes: hand it to third parties.
        attempt: The number of this attempt, from 1.
        callback_url: Where a POST request completes the task, if it was asked for with ``callback=``; else ``None``.
        output_properties: May be set to a list of ``{"label", "text", "url"}`` to show with the result.
    """

    __slots__ = ("attempt", "callback_url", "id", "idempotency_key", "output_properties")

    def __init__(self, task: OpenTask) -> None:
        asked = task.asked
        self.id = asked.id
        self.idempotency_key = asked.key
        self.attempt = task.attempts
        self.callback_url: str | None = None
        self.output_properties: list[dict[str, str]] | None = None


def required_arguments(fn: Callable[..., Any]) -> int:
    """Count what a body takes: its required positional parameters; 0, 1 (task) or 2 (task, io)."""
    if type(fn) is FunctionType:
        return fn.__code__.co_argcount - len(fn.__defaults__ or ())
    try:
        parameters = inspect.signature(fn).parameters.values()
    except (TypeError, ValueError):
        return 0
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(1 for one in parameters if one.kind in kinds and one.default is inspect.Parameter.empty)


def is_async(fn: Callable[..., Any]) -> bool:
    """Whether calling the function makes a coroutine without running any of it."""
    if type(fn) is FunctionType:
        return bool(fn.__code__.co_flags & _COROUTINE)
    while isinstance(fn, functools.partial):
        fn = fn.func
    if inspect.iscoroutinefunction(fn):
        return True
    return inspect.iscoroutinefunction(getattr(fn, "__call__", None))  # noqa: B004


def name_of(fn: Callable[..., Any]) -> str:
    """Name a function as it is written: its qualified name."""
    while isinstance(fn, functools.partial):
        fn = fn.func
    return getattr(fn, "__qualname__", None) or type(fn).__qualname__


async def call_body(
    execution: Execution, call: Caller, branch: Branch, fn: Callable[..., Any], task: OpenTask, timeout: float | None
) -> tuple[Any, RunningTask | None]:
    """Run the body once; ``call`` says where this runs."""
    if timeout is not None and not isinstance(call, int):
        # A thread cannot leave its own code to itself, so the body gets another one.
        return call.join(_call_as_branch(execution, fn, task, timeout))
    takes = required_arguments(fn)
    running = RunningTask(task) if takes else None
    arguments: tuple[Any, ...] = () if running is None else (running,)
    if takes == MAX_ARGUMENTS:
        arguments = (running, execution.io if is_async(fn) else execution.sync_io())
    if timeout is None:
        return await call_function(execution, call, fn, arguments), running
    limit = AttemptTimeout(timeout)
    branch.timeouts += (limit,)
    task.limit = limit
    try:
        async with limit.timer:
            return await call_function(execution, call, fn, arguments, may_borrow=False), running
    except TimeoutError:
        if not limit.timer.expired():
            raise
        asked = task.asked
        raise TaskTimeoutError(
            f"An attempt of {asked.operation} {asked.display_key!r} took longer than its timeout of {timeout:g} s; "
            "give it a longer timeout=, or retry=."
        ) from None
    finally:
        task.limit = None
        limit.close()
        branch.timeouts = tuple(one for one in branch.timeouts if one is not limit)


async def _call_as_branch(
    execution: Execution, fn: Callable[..., Any], task: OpenTask, timeout: float
) -> tuple[Any, RunningTask | None]:
    return await call_body(execution, ON_LOOP, execution.branch_at_hand(), fn, task, timeout)


async def call_function(
    execution: Execution,
    call: Caller,
    fn: Callable[..., Any],
    arguments: tuple[Any, ...],
    *,
    may_borrow: bool = True,
) -> Any:
    """Call a function of the user's: an async one on the event loop, a plain one in a thread.

    Args:
        execution: Whose function it is.
        call: Where this runs; a thread runs plain functions itself.
        fn: The function.
        arguments: What it is given; a plain function's ``io`` is a `SyncIO` (`Execution.sync_io`).
        may_borrow: Whether a thread of the run that waits may run it; one that may leave it behind may not.
    """
    if not isinstance(call, int):
        code = functools.partial(fn, *arguments)
        value: Any = code() if is_async(fn) else call.run_code(functools.partial(copy_context().run, code))
        # A lambda around an async function gives a coroutine, too; it belongs on the loop.
        return call.join(value) if inspect.iscoroutine(value) else value
    if is_async(fn):
        return await fn(*arguments)
    code = functools.partial(fn, *arguments)
    value = await run_in_thread(execution, execution.host.body_threads, code, may_borrow=may_borrow)
    return await value if inspect.iscoroutine(value) else value


class AttemptTimeout:
    """Bounds an attempt; the time in which the attempt is parked does not count.

    It is parked while the branch that runs the body is, or while every branch that the body has started is.
    """

    __slots__ = ("_branches", "_is_over", "_left", "_paused_branches", "_pauses", "timer")

    def __init__(self, seconds: float) -> None:
        self._left = seconds
        self._pauses = 0
        self._branches = 0
        self._paused_branches = 0
        self._is_over = False
        self.timer = asyncio.timeout(seconds)

    def close(self) -> None:
        """Note that the attempt is over, though branches it has started may not be."""
        self._is_over = True

    def pause(self) -> None:
        """Note that the body's own branch is parked; pauses nest."""
        self._pauses += 1
        self._adjust()

    def go_on(self) -> None:
        """Note that it goes on."""
        self._pauses -= 1
        self._adjust()

    def branch_began(self) -> None:
        """Note that the body has started a branch."""
        self._branches += 1
        self._adjust()

    def branch_ended(self) -> None:
        """Note that a branch of the body has ended."""
        self._branches -= 1
        self._adjust()

    def branch_paused(self) -> None:
        """Note that a branch of the body is parked."""
        self._paused_branches += 1
        self._adjust()

    def branch_went_on(self) -> None:
        """Note that a branch of the body goes on."""
        self._paused_branches -= 1
        self._adjust()

    def _adjust(self) -> None:
        if self._is_over or self.timer.expired():
            return
        is_parked = self._pauses > 0 or 0 < self._branches <= self._paused_branches
        when, now = self.timer.when(), asyncio.get_running_loop().time()
        if is_parked and when is not None:
            self._left = max(0.0, when - now)
            self.timer.reschedule(None)
        elif not is_parked and when is None:
            self.timer.reschedule(now + self._left)
