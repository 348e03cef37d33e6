"""Stand-ins, for tests: what answers a task's key in place of its body, or of whoever outside would."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from perdure.errors import InvalidArgumentError
from perdure.protocol.json_text import load

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from perdure.sdk.ask import Ask
    from perdure.sdk.io.options import TaskOptions


class StandIn(Protocol):
    """Answers one key."""

    def answer(self, task_key: str, attempt: int, params: Any) -> Coroutine[Any, Any, Any]:
        """Give what the body would return, or raise what it would.

        Args:
            task_key: Names the task, in every execution.
            attempt: The number of the attempt, from 1.
            params: The call's parameters as JSON, or ``None``.
        """
        ...


class StandIns(Protocol):
    """The stand-ins of a host."""

    def find(self, path: str) -> StandIn | None:
        """Find the stand-in for a task, by the shown keys of the tasks around it and its own, joined by ``/``."""
        ...


@runtime_checkable
class Unwraps(Protocol):
    """A `TaskOptions.wrap` that also knows the way back: from a result to the JSON that is stored of it."""

    def unwrap(self, result: Any) -> Any:
        """Give the JSON value of a result."""
        ...


def replace_body(
    found: StandIn, ask: Ask, options: TaskOptions
) -> tuple[Callable[[], Coroutine[Any, Any, Any]], TaskOptions]:
    """Give the body and the options of a task that is answered by a stand-in: it neither waits nor asks outside."""
    wrap: Any = options.wrap
    is_call = options.call is not None
    changed = copy.copy(options)
    if options.wait is not None or options.noop or is_call:
        # What they were to try again is not the body.
        changed.retry = None
    changed.wait = changed.call = changed.delay_until = None
    changed.noop = False

    async def body() -> Any:
        assert ask.task is not None
        params = None if options.params is None else load(options.params)
        answer = await found.answer(ask.task_key, ask.task.attempts, params)
        if isinstance(wrap, Unwraps):
            return wrap.unwrap(answer)
        if is_call and wrap is not None:
            raise InvalidArgumentError(
                f"{options.operation} is answered by the database, which a test has of its own; what stands in for it "
                "can only be an exception."
            )
        return answer

    return body, changed
