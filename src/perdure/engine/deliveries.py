"""Telling others of the ends of runs: at least once, with one id, and not for ever (v2 protocol, section 6.10).

What is to be told stands in the database since the transaction that ended the run. A node takes it, tells it, and
deletes it; if the node dies in between, it is told again.
"""

from __future__ import annotations

import asyncio
import logging
import math
from contextlib import suppress
from contextvars import Context
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from perdure.errors import NotFoundError, StorageError
from perdure.storage import notifications

if TYPE_CHECKING:
    from perdure.engine.callbacks import Callbacks
    from perdure.engine.clock import Clock
    from perdure.engine.directory import Directory
    from perdure.engine.hints import Hints
    from perdure.engine.posts import Poster
    from perdure.storage.interface import Storage
    from perdure.storage.notifications import Notification

AT_ONCE = 100
"""How many notifications a node tells at once."""

ATTEMPTS = 13
"""How often a notification is told before it is given up (v2 protocol, section 6.3)."""

TELLING = timedelta(minutes=5)
"""How long telling one may take."""

_SLACK = timedelta(seconds=30)
_WITHOUT_CODE = timedelta(minutes=1)

_log = logging.getLogger(__name__)


def delay_after(attempts: int) -> timedelta:
    """How long to wait after so many attempts: eⁿ seconds, from the tenth on about six hours."""
    return timedelta(seconds=math.exp(min(attempts, 10)))


class Deliveries:
    """Tells what is due, a bounded number at once."""

    def __init__(
        self, storage: Storage, clock: Clock, directory: Directory, hints: Hints, poster: Poster, callbacks: Callbacks
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._directory = directory
        self._hints = hints
        self._poster = poster
        self._callbacks = callbacks
        self._at_work: dict[asyncio.Task[None], Notification] = {}

    async def begin_due(self) -> datetime | None:
        """Begin to tell what is due, as far as there is room; when the next is due, ``None``: when one has ended."""
        while room := AT_ONCE - len(self._at_work):
            now = self._clock.now()
            due = await self._storage.read(notifications.next_due)
            if due is None or due > now:
                return due
            again = now + TELLING + _SLACK
            taken = await self._storage.write(notifications.take_due, now=now, due_again_at=again, limit=room)
            for one in taken:
                # In a context of its own: whoever is told is outside of every run.
                task = asyncio.create_task(self._tell(one), context=Context())
                self._at_work[task] = one
                task.add_done_callback(self._has_ended)
        return None

    def at_work(self) -> list[asyncio.Task[None]]:
        """Those that are being told."""
        return list(self._at_work)

    async def stop(self, *, grace: timedelta) -> None:
        """Let those at work end for so long; the rest is due at once, for whoever comes next."""
        if self._at_work:
            await asyncio.wait(self._at_work, timeout=grace.total_seconds())
        for task, one in list(self._at_work.items()):
            task.cancel()
            await self._storage.write(notifications.postpone_if_taken, one, until=self._clock.now(), counts=False)

    def _has_ended(self, task: asyncio.Task[None]) -> None:
        del self._at_work[task]
        self._hints.notifications.set()

    async def _tell(self, notification: Notification) -> None:
        try:
            async with asyncio.timeout(TELLING.total_seconds()):
                is_told = await self._try(notification)
            if is_told:
                await self._storage.write(notifications.delete_if_taken, notification)
        except StorageError as error:
            # It is told again when it is due again.
            _log.warning("Notification %s: %s", notification.id, error.message)
        except Exception as error:
            await self._put_off(notification, error)

    async def _try(self, notification: Notification) -> bool:
        """Tell it; ``False`` if there is nobody here to be told."""
        if notification.url is not None:
            task_id = self._callbacks.find(notification.url)
            if task_id is not None:
                # A task of this server waits for it: no request need be made.
                with suppress(NotFoundError):
                    await self._callbacks.complete(task_id, notification.body.encode())
                return True
            await self._poster.post(notification)
            return True
        endpoint = self._directory.hosts.get(notification.job_no)
        if endpoint is None:
            until = self._clock.now() + _WITHOUT_CODE
            await self._storage.write(notifications.postpone_if_taken, notification, until=until, counts=False)
            return False
        await endpoint.notify(notification.job_id, notification.body)
        return True

    async def _put_off(self, notification: Notification, error: Exception) -> None:
        whom = "its hooks" if notification.url is None else "its callback URL"
        what = f"{type(error).__name__}: {error}"
        try:
            if notification.attempts >= ATTEMPTS:
                _log.error("The end of run %s is no longer told to %s: %s", notification.id, whom, what)
                await self._storage.write(notifications.delete_if_taken, notification)
                return
            _log.warning("The end of run %s could not be told to %s: %s", notification.id, whom, what)
            until = self._clock.now() + delay_after(notification.attempts)
            await self._storage.write(notifications.postpone_if_taken, notification, until=until, counts=True)
        except StorageError as failure:
            _log.warning("Notification %s: %s", notification.id, failure.message)
