"""Code whose first part is done at once, and the second as soon as what it waits for is there: most has no third."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from functools import partial
from types import coroutine
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_FUTURE: Final[type[Any]] = asyncio.Future
"""What is awaited that tells whoever waits by itself."""


def start_now(
    loop: asyncio.AbstractEventLoop, code: Coroutine[Any, Any, None], keep: Callable[[asyncio.Task[None]], None]
) -> None:
    """Run a coroutine until it waits for the second time, and make a task of the rest.

    Until then no task is at hand: it must not use ``asyncio.timeout`` and the like there, and nobody cancels it. A task
    costs as much as what an answer that waits for one commit does before and after that.

    Args:
        loop: The event loop, which is running.
        code: The coroutine.
        keep: Called with the task, if there is a rest.
    """
    try:
        awaited = code.send(None)
    except StopIteration:
        return
    if isinstance(awaited, _FUTURE):
        # By that whoever drives a coroutine knows that it is awaited.
        awaited._asyncio_future_blocking = False  # noqa: SLF001
        awaited.add_done_callback(partial(_go_on_once, loop, code, keep))
    else:
        keep(loop.create_task(_finish(code, awaited)))


def _go_on_once(
    loop: asyncio.AbstractEventLoop,
    code: Coroutine[Any, Any, None],
    keep: Callable[[asyncio.Task[None]], None],
    _: asyncio.Future[Any],
) -> None:
    # What has come of the future, the code asks it itself.
    try:
        awaited = code.send(None)
    except StopIteration:
        return
    keep(loop.create_task(_finish(code, awaited)))


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
