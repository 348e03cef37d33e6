"""Hooks: functions of an app that are called when runs of its jobs have ended."""

from __future__ import annotations

import asyncio
import inspect
import logging
from typing import TYPE_CHECKING, Any, Literal, get_args

from perdure.errors import InvalidArgumentError
from perdure.sdk.io.body import is_async, name_of
from perdure.sdk.job_options import as_hook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from perdure.sdk.records import RunNotification

RunEvent = Literal["run_succeeded", "run_failed"]

_log = logging.getLogger(__name__)


class Hooks:
    """The functions that a client calls for every one of its jobs."""

    def __init__(self) -> None:
        self._by_event: dict[str, list[Callable[[RunNotification], Any]]] = {}

    def add(self, event: str, fn: object) -> None:
        """Add a function.

        Raises:
            InvalidArgumentError: There is no such event, or the function is none.
        """
        if event not in get_args(RunEvent):
            known = " and ".join(map(repr, get_args(RunEvent)))
            raise InvalidArgumentError(f"client.on knows the events {known}, not {event!r:.60}.")
        hook = as_hook(fn, what=f"What client.on({event!r}, …) is given")
        if hook is None:
            raise InvalidArgumentError(f"client.on({event!r}, …) needs a function.")
        self._by_event.setdefault(event, []).append(hook)

    def of(self, event: RunEvent) -> tuple[Callable[[RunNotification], Any], ...]:
        """List the functions for an event."""
        return tuple(self._by_event.get(event, ()))


async def call_hooks(
    hooks: Iterable[Callable[[RunNotification], Any]],
    notification: RunNotification,
    in_thread: Callable[[Callable[[], Any]], asyncio.Future[Any]],
) -> None:
    """Call every hook, plain ones in a thread; what the first that failed raised, once all have been called."""
    failures: list[Exception] = []
    for hook in hooks:
        try:
            await _call(hook, notification, in_thread)
        except (Exception, SystemExit) as raised:
            # It must not end the process that runs share.
            error = (
                raised if isinstance(raised, Exception) else RuntimeError(f"The hook called sys.exit({raised.code!r}).")
            )
            _log.warning("The hook %s failed for run %s: %s", name_of(hook), notification.run.id, error, exc_info=error)
            failures.append(error)
    if failures:
        raise failures[0]


async def _call(
    hook: Callable[[RunNotification], Any],
    notification: RunNotification,
    in_thread: Callable[[Callable[[], Any]], asyncio.Future[Any]],
) -> None:
    if is_async(hook):
        await hook(notification)
        return
    value = await in_thread(lambda: hook(notification))
    # A lambda around an async function gives a coroutine, which belongs on the loop.
    if inspect.iscoroutine(value):
        await value
