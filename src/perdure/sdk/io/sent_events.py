"""`io.get_event` and `io.cancel_event`: what became of an event, and taking one back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from perdure.sdk.answers import details_of, record_of
from perdure.sdk.events import check_event_id
from perdure.sdk.io.options import TaskOptions, details_text, params_text
from perdure.sdk.io.part import Part
from perdure.sdk.records import EventDetails, EventRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from perdure.protocol.keys import CacheKey


class SentEventCalls(Part):
    """Events that were sent."""

    def get_event(self, key: CacheKey | None = None, event_id: str | None = None) -> Coroutine[Any, Any, EventDetails]:
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
        found = check_event_id(event_id)

        async def get() -> EventDetails:
            return details_of(await self._execution.host.platform.get_event(found))

        return self._ask("get_event", "Get Event", key, found, get, EventDetails)

    def cancel_event(
        self, key: CacheKey | None = None, event_id: str | None = None
    ) -> Coroutine[Any, Any, EventRecord]:
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
        found = check_event_id(event_id)

        async def cancel() -> EventRecord:
            return record_of(await self._execution.held_platform.cancel_event(found))

        return self._ask("cancel_event", "Cancel Event", key, found, cancel, EventRecord)

    def _ask(
        self, operation: str, name: str, key: CacheKey | None, event_id: str, fn: Callable[[], Any], as_type: Any
    ) -> Coroutine[Any, Any, Any]:
        options = TaskOptions(
            operation=operation,
            name=name,
            params=params_text({"id": event_id}),
            as_type=as_type,
            details=details_text(properties=[{"label": "id", "text": event_id}]),
        )
        # The function is made anew each time; the call is the same one if the id is.
        return self._start(operation, key, fn, options, SentEventCalls)
