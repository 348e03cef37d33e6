"""The calls of `perdure.sdk.io.sent_events`, for plain functions: they block.

Written by ``make generate`` from that module; change that one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.sdk.blocking import SyncPart

if TYPE_CHECKING:
    from perdure.protocol.keys import CacheKey
    from perdure.sdk.records import EventDetails, EventRecord


class SyncSentEventCalls(SyncPart):
    """`SentEventCalls` for plain functions: the same calls, blocking.

    Events that were sent.
    """

    def get_event(self, key: CacheKey | None = None, event_id: str | None = None) -> EventDetails:
        """Look an event up, as it was when this line was first reached.

        Args:
            key: The cache key, or ``None`` for an automatic one.
            event_id: The sender's id of the event, or the one that was made for it. It must be given.

        Returns:
            The event with the runs that it started.

        Raises:
            NotFoundError: There is no such event in this environment.
            InvalidArgumentError: The id is none.

        See also: v2 protocol, section 4.1.
        """
        return self._run(self._io.get_event(key, event_id))

    def cancel_event(self, key: CacheKey | None = None, event_id: str | None = None) -> EventRecord:
        """Cancel an event that was to be delivered later; it starts nothing then.

        Args:
            key: The cache key, or ``None`` for an automatic one.
            event_id: The sender's id of the event, or the one that was made for it. It must be given.

        Returns:
            The event with ``cancelled_at``; the same one if it was cancelled before.

        Raises:
            NotFoundError: There is no such event in this environment.
            AlreadyDeliveredError: It was delivered.
            InvalidArgumentError: The id is none.

        See also: v2 protocol, sections 4.1 and 9.
        """
        return self._run(self._io.cancel_event(key, event_id))
