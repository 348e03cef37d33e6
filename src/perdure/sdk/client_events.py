"""What an app does with events that were sent, from outside of runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.sdk.answers import details_of, record_of
from perdure.sdk.client_part import ClientPart
from perdure.sdk.current import refuse_in_job
from perdure.sdk.events import check_event_id

if TYPE_CHECKING:
    from perdure.sdk.records import EventDetails, EventRecord


class ClientEvents(ClientPart):
    """Events that were sent."""

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
