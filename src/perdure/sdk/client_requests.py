"""Requests from outside, and where they go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.sdk.answers import record_of
from perdure.sdk.client_part import ClientPart
from perdure.sdk.current import refuse_in_job
from perdure.sdk.names import check_id

if TYPE_CHECKING:
    from perdure.sdk.records import EventRecord


class ClientRequests(ClientPart):
    """Looking up HTTP endpoints, and replaying what they have received."""

    async def get_http_endpoint_url(self, id: str) -> str:
        """Give the URL of an HTTP endpoint, to be told to those who send there; it stays the same.

        Args:
            id: That of an HTTP endpoint of any app of the environment.

        Raises:
            NotFoundError: There is none of that id.

        See also: v2 protocol, section 11.1.
        """
        refuse_in_job("client.get_http_endpoint_url", "io.run_task")
        check_id(id, what="id")
        return (await self.connected().call(lambda platform: platform.get_http_endpoint(id))).url

    async def replay_request(self, event_id: str) -> EventRecord:
        """Take in a request once more that an HTTP endpoint has received: it starts runs as it would now.

        Args:
            event_id: The event that the request is.

        Returns:
            The new event.

        Raises:
            NotFoundError: There is no such event.
            InvalidArgumentError: It is no request.
        """
        refuse_in_job("client.replay_request", "io.run_task")
        check_id(event_id, what="event_id")
        return record_of(await self.connected().call(lambda platform: platform.replay_request(event_id)))
