"""What an app does with events, from outside of runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from perdure.sdk.answers import details_of, record_of
from perdure.sdk.client_part import ClientPart
from perdure.sdk.current import refuse_in_job
from perdure.sdk.events import check_event_id, event_options, event_request, event_requests

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    from perdure.sdk.records import Event, EventDetails, EventRecord


class ClientEvents(ClientPart):
    """Events: sent, looked up, cancelled."""

    async def send_event(
        self,
        *,
        name: str,
        payload: Any = None,
        id: str | None = None,
        context: Any = None,
        source: str | None = None,
        timestamp: datetime | None = None,
        deliver_at: datetime | None = None,
        deliver_after: float | timedelta | None = None,
        account_id: str | None = None,
    ) -> EventRecord:
        """Send an event; returns when it is durable. Arguments and errors are those of `IO.send_event`.

        The same ``id`` again replaces an event that is still 5 s or more away, and otherwise gives the first one
        (v2 protocol, section 9).
        """
        refuse_in_job("client.send_event", "io.send_event")
        request = event_request(name=name, payload=payload, id=id, context=context, source=source, timestamp=timestamp)
        options = event_options(deliver_at=deliver_at, deliver_after=deliver_after, account_id=account_id)
        answers = await self.connected().call(lambda platform: platform.send_events([request], options))
        return record_of(answers[0])

    async def send_events(
        self,
        events: Sequence[Event | Mapping[str, Any]],
        *,
        deliver_at: datetime | None = None,
        deliver_after: float | timedelta | None = None,
        account_id: str | None = None,
    ) -> list[EventRecord]:
        """Send several events, all or none. Arguments and errors are those of `IO.send_events`."""
        refuse_in_job("client.send_events", "io.send_events")
        requests = event_requests(events)
        options = event_options(deliver_at=deliver_at, deliver_after=deliver_after, account_id=account_id)
        answers = await self.connected().call(lambda platform: platform.send_events(requests, options))
        return [record_of(answer) for answer in answers]

    async def get_event(self, event_id: str) -> EventDetails:
        """Look an event up, with the runs that it started.

        Args:
            event_id: The sender's id of the event, or the one that was made for it.

        Raises:
            NotFoundError: There is no such event in this environment.
            InvalidArgumentError: The id is none.

        See also: v2 protocol, section 4.1.
        """
        refuse_in_job("client.get_event", "io.get_event")
        event_id = check_event_id(event_id)
        return details_of(await self.connected().call(lambda platform: platform.get_event(event_id)))

    async def cancel_event(self, event_id: str) -> EventRecord:
        """Cancel an event that was to be delivered later; it starts nothing then.

        Args:
            event_id: The sender's id of the event, or the one that was made for it.

        Returns:
            The event with ``cancelled_at``; the same one if it is cancelled again.

        Raises:
            NotFoundError: There is no such event in this environment.
            AlreadyDeliveredError: It was delivered.
            InvalidArgumentError: The id is none.

        See also: v2 protocol, sections 4.1 and 9.
        """
        refuse_in_job("client.cancel_event", "io.cancel_event")
        event_id = check_event_id(event_id)
        return record_of(await self.connected().call(lambda platform: platform.cancel_event(event_id)))
