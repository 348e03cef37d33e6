"""Asking apps behind URLs what they declare, and what each said when it was asked last since this node was started."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from perdure.errors import PerdureError
from perdure.protocol.endpoint import Index
from perdure.storage import endpoints

if TYPE_CHECKING:
    from perdure.engine.clock import Clock
    from perdure.engine.registration import Registration
    from perdure.engine.sources import Sources
    from perdure.storage.interface import Storage
    from perdure.transport.asked_app import AskedApp
    from perdure.transport.http_endpoint import HttpEndpoint


class Indexing(Struct, frozen=True):
    """What an app has declared when it was asked; ``index=None``: it could not be registered so, for this ``error``.

    ``version`` and ``sdk_version`` are those that it has named.
    """

    index: Index | None
    error: str
    at: datetime
    version: str
    sdk_version: str | None


class Indexings:
    """Has the apps of an environment registered with what they declare, and remembers the last indexing of each.

    Args:
        storage: The database.
        clock: The time.
        registration: Takes apps in.
        sources: Has their webhooks and sources registered.
        environment_no: The environment.
    """

    def __init__(
        self, storage: Storage, clock: Clock, registration: Registration, sources: Sources, *, environment_no: int
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._registration = registration
        self._sources = sources
        self._environment_no = environment_no
        self._last: dict[str, Indexing] = {}

    async def ask(self, app: HttpEndpoint) -> Indexing:
        """Have an app say what it declares, and remember that, also if it cannot be registered so.

        Raises:
            FetchFailedError: The app does not answer.
            PerdureError: It cannot be registered with what it declares.
        """
        try:
            index = await self._registration.register(self._environment_no, app)
            await self._sources.declare(self._environment_no, index)
        except PerdureError as error:
            if app.id in self._last:
                self.note_failure(app, error)
            raise
        if app.has_moved:
            await self._storage.write(
                endpoints.move_url, self._environment_no, app.id, url=app.url, now=self._clock.now()
            )
        return self._keep(app, index, "")

    def last(self, endpoint_id: str) -> Indexing | None:
        """Give that of an app; ``None``: there is none yet."""
        return self._last.get(endpoint_id)

    def list_before(self, since: datetime) -> set[str]:
        """List the apps that have been asked, but not since then."""
        return {endpoint_id for endpoint_id, one in self._last.items() if one.at <= since}

    def note_failure(self, app: AskedApp, error: PerdureError) -> Indexing:
        """Remember that an app could not be registered with what it declares."""
        return self._keep(app, None, error.message)

    def forget(self, endpoint_id: str) -> None:
        """Forget an app, which is gone."""
        self._last.pop(endpoint_id, None)

    def _keep(self, app: AskedApp, index: Index | None, error: str) -> Indexing:
        made = self._last[app.id] = Indexing(index, error, self._clock.now(), app.version, app.sdk_version)
        return made
