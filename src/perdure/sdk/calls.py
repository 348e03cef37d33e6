"""Calls of the task library: made, awaited, and over."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Coroutine
from functools import partial
from threading import get_ident
from typing import TYPE_CHECKING, Any

from perdure.errors import InvalidArgumentError, NotInRunError
from perdure.sdk.scope import current_scope

if TYPE_CHECKING:
    from typing import TypeAlias

    from perdure.sdk.ask import Ask
    from perdure.sdk.branches import AnyTask, Branch
    from perdure.sdk.execution import Execution
    from perdure.sdk.lane import Lane

    Caller: TypeAlias = int | Lane
    """Who makes a call: the event loop, where each call has a number, or a thread."""

ON_LOOP = -1
"""The event loop, for a call that was not opened (`Calls.open`)."""


class Calls:
    """The calls on the event loop that were made and not awaited yet.

    Attributes:
        next: The number of the next one.
    """

    __slots__ = ("_open", "next")

    def __init__(self) -> None:
        self.next = 0
        self._open: dict[int, tuple[str, object, Coroutine[Any, Any, Any]]] = {}

    def open(self, operation: str, key: object, coroutine: Coroutine[Any, Any, Any]) -> None:
        """Note that a call was made; `begin` notes that it was awaited."""
        self._open[self.next] = (operation, key, coroutine)
        self.next += 1

    def awaited(self, call: int) -> None:
        """Note that a call was awaited."""
        self._open.pop(call, None)

    def unawaited(self) -> tuple[str, object] | None:
        """Name a call that was made and never awaited, by operation and key."""
        # A call whose branch was cancelled before its first step is closed, not forgotten.
        for operation, key, made in self._open.values():
            if inspect.getcoroutinestate(made) != inspect.CORO_CLOSED:
                return operation, key
        return None

    def close(self) -> None:
        """Close what will never be awaited."""
        for _, _, coroutine in self._open.values():
            coroutine.close()
        self._open.clear()


def begin(execution: Execution, call: Caller) -> Branch | None:
    """Begin an awaited call; ``None`` if it must wait for ever (`never`).

    Args:
        call: The number that `Calls.open` gave it; or the thread that makes it.

    Raises:
        Interrupt: The execution is over.
        NotInRunError: It is over, or waits, and the code that calls is none of the run's.
        InvalidArgumentError: The code that calls is that of another run, or runs on another event loop.
    """
    if not isinstance(call, int):
        return call.begin()
    execution.calls.awaited(call)
    if execution.parking.is_suspended:
        _refuse_strangers(execution)
        # The job's own timer made it go on, in a run that waits.
        execution.interrupt()
    if execution.interrupted:
        _refuse_strangers(execution)
        if not execution.unwinding.refuse_call():
            return None
    # The loop is named because asking for it costs a system call; another thread would be given the task at work there.
    task = asyncio.current_task(execution.loop) if get_ident() == execution.thread else None
    branch = None if task is None else execution.branches.all.get(task)
    if branch is None:
        branch = _adopt_caller(execution, task)
    branch.calls += 1
    if execution.parking.parks:
        execution.parking.note_call()
    return branch


def _refuse_strangers(execution: Execution) -> None:
    scope = current_scope.get(None)
    if scope is None or scope.execution is not execution:
        raise NotInRunError(
            f"The io of run {execution.run_id} was used by code that the run does not execute now: outside of it, or "
            "after its end. Hand on what the job needs to tell, not its io."
        )


def _adopt_caller(execution: Execution, task: AnyTask | None) -> Branch:
    if task is None:
        raise InvalidArgumentError("io was awaited on another event loop than the one that its job runs on.")
    scope = current_scope.get(execution.root)
    if scope.execution is not execution:
        raise InvalidArgumentError("This io belongs to another run than the code that uses it; use the job's own.")
    return execution.adopt(task, scope)


async def share(execution: Execution, call: Caller, branch: Branch, ask: Ask) -> bool:
    """Wait for whoever works on the same task; whether it has settled (`Parking.share`)."""
    if not isinstance(call, int):
        return call.cross(partial(execution.parking.share, branch, ask))
    return await execution.parking.share(branch, ask)


def forget(execution: Execution, call: Caller, ask: Ask) -> None:
    """Forget a request that came to nothing, and let those who share it look again."""
    with execution.lock:
        execution.memo.forget(ask)
    if isinstance(call, int):
        ask.wake()
    else:
        execution.host.crossing.post(ask.wake)


async def never(execution: Execution) -> Any:
    """Wait for ever: the only way to stop code that catches everything it is given."""
    await execution.loop.create_future()


def finish(execution: Execution, call: Caller, branch: Branch) -> None:
    """End a call."""
    if not isinstance(call, int):
        return
    branch.calls -= 1
    if execution.parking.parks:
        # The quiet after which a run is suspended begins with the end of a call, however long that took.
        execution.parking.note_call()
        execution.parking.consider_soon()
