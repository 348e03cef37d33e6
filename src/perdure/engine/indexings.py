"""What apps have declared, each when it was asked last since this node was started."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from perdure.protocol.endpoint import Index

if TYPE_CHECKING:
    from perdure.engine.clock import Clock
    from perdure.errors import PerdureError
    from perdure.transport.asked_app import AskedApp


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
    """Remembers the last indexing of each app.

    Args:
        clock: The time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last: dict[str, Indexing] = {}

    def last(self, endpoint_id: str) -> Indexing | None:
        """Give that of an app; ``None``: there is none yet."""
        return self._last.get(endpoint_id)

    def list_before(self, since: datetime) -> set[str]:
        """List the apps that have been asked, but not since then."""
        return {endpoint_id for endpoint_id, one in self._last.items() if one.at <= since}

    def note(self, app: AskedApp, index: Index) -> Indexing:
        """Remember what an app is registered with."""
        return self._keep(app, index, "")

    def note_failure(self, app: AskedApp, error: PerdureError) -> Indexing:
        """Remember that an app could not be registered with what it declares."""
        return self._keep(app, None, error.message)

    def forget(self, endpoint_id: str) -> None:
        """Forget an app, which is gone."""
        self._last.pop(endpoint_id, None)

    def _keep(self, app: AskedApp, index: Index | None, error: str) -> Indexing:
        made = self._last[app.id] = Indexing(index, error, self._clock.now(), app.version, app.sdk_version)
        return made
