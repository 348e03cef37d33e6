"""Telling others of the ends of runs: at least once, with one id, and not for ever (v2 protocol, section 6.10).

What is to be told stands in the database since the transaction that ended the run. A node takes it, tells it, and
deletes it; if the node dies in between, it is told again.
"""

from __future__ import annotations

import asyncio
import logging
import math
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from perdure.engine.rounds import LONGEST, Rounds
from perdure.errors import NotFoundError, StorageError
from perdure.storage import notifications
from perdure.storage.notifications import Notification

if TYPE_CHECKING:
    from datetime import datetime

    from perdure.engine.callbacks import Callbacks
    from perdure.engine.clock import Clock
    from perdure.engine.directory import Directory
    from perdure.engine.hints import Hints
    from perdure.engine.posts import Poster
    from perdure.storage.interface import Storage

ATTEMPTS = 13
"""How often a notification is told before it is given up (v2 protocol, section 6.3)."""

_WITHOUT_CODE = timedelta(minutes=1)

_log = logging.getLogger(__name__)


def delay_after(attempts: int) -> timedelta:
    """How long to wait after so many attempts: eⁿ seconds, from the tenth on about six hours."""
    return timedelta(seconds=math.exp(min(attempts, 10)))


class Deliveries(Rounds[Notification]):
    """Tells what is due, a bounded number at once."""

    def __init__(
        self, storage: Storage, clock: Clock, directory: Directory, hints: Hints, poster: Poster, callbacks: Callbacks
    ) -> None:
        super().__init__(storage, clock, notifications, deal=self._tell, has_ended=lambda: hints.notifications.set())
        self._directory = directory
        self._poster = poster
        self._callbacks = callbacks

    async def _tell(self, one: Notification) -> None:
        try:
            async with asyncio.timeout(LONGEST.total_seconds()):
                is_told = await self._try(one)
            if is_told:
                await self._storage.write(notifications.delete_if_taken, one)
        except StorageError as error:
            # It is told again when it is due again.
            _log.warning("Notification %s: %s", one.id, error.message)
        except Exception as error:
            await self._put_off(one, error)

    def check_url(self, environment_no: int, url: str) -> None:
        """Refuse a URL that the end of a run in an environment can be seen never to be told to.

        Raises:
            InvalidArgumentError: It is no URL that requests are sent to.
            BlockedAddressError: It is one of a closed address.
        """
        if self._callbacks.find(url) is None:
            self._poster.check(environment_no, url)

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
            await self._postpone(notification, until, counts=False, is_absent=True)
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
            # An app elsewhere may be asked in vain for long; when it registers anew, it is there.
            await self._postpone(notification, until, counts=True, is_absent=isinstance(error, NotFoundError))
        except StorageError as failure:
            _log.warning("Notification %s: %s", notification.id, failure.message)

    async def _postpone(self, one: Notification, until: datetime, *, counts: bool, is_absent: bool) -> None:
        postpone = notifications.postpone_if_taken
        await self._storage.write(postpone, one, until=until, counts=counts, is_absent=is_absent)
