"""Tasks whose first part is done before they are made: what it hands over need not wait for the loop's next turn."""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from types import coroutine
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio


def start_now(loop: asyncio.AbstractEventLoop, code: Coroutine[Any, Any, None]) -> asyncio.Task[None] | None:
    """Run a coroutine until it waits for the first time, and make a task of the rest.

    Until then no task is at hand: it must not use ``asyncio.timeout`` and the like there.

    Args:
        loop: The event loop, which is running.
        code: The coroutine.

    Returns:
        The task; ``None``: nothing is left.
    """
    try:
        awaited = code.send(None)
    except StopIteration:
        return None
    return loop.create_task(_finish(code, awaited))


async def _finish(code: Coroutine[Any, Any, None], awaited: Any) -> None:
    await _go_on(code, awaited)


@coroutine
def _go_on(code: Coroutine[Any, Any, None], awaited: Any) -> Generator[Any, Any, None]:
    while True:
        try:
            answer = yield awaited
        except BaseException as error:
            failure: BaseException | None = error
            answer = None
        else:
            failure = None
        try:
            awaited = code.send(answer) if failure is None else code.throw(failure)
        except StopIteration:
            return
