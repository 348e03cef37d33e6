"""Requests from outside, and where they go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from perdure.sdk.answers import record_of
from perdure.sdk.client_part import ClientPart
from perdure.sdk.current import refuse_in_job
from perdure.sdk.names import check_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from perdure.sdk.dynamic_trigger import DynamicTrigger
    from perdure.sdk.records import EventRecord, TriggerRegistration


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

    async def register_trigger(
        self,
        trigger: DynamicTrigger[Any],
        id: str,
        params: Any = None,
        *,
        account_id: str | None = None,
        filter: Mapping[str, Any] | None = None,
    ) -> TriggerRegistration:
        """Register something with a dynamic trigger under an id, in place of what was; returns when that is durable.

        Its events start every job of the trigger from then on. A run of its own registers it with the service, if that
        does not know it yet.

        Args:
            trigger: The dynamic trigger.
            id: Names the registration, such as the id of a customer: 1 to 512 characters.
            params: A JSON value that the source is registered with.
            account_id: The external account that the runs concern, as ``ctx.account``.
            filter: What the payloads of the events must match, beside what trigger and source say.

        Raises:
            NotFoundError: The environment has never seen the trigger.
            InvalidFilterError: The filter cannot be compiled.
            InvalidArgumentError: Another argument is outside what it may be.

        See also: v2 protocol, sections 4.7 and 11.4.
        """
        from perdure.sdk.dynamic_trigger import registration_of, trigger_call

        refuse_in_job("client.register_trigger", "the trigger's register")
        call = trigger_call(trigger, id, params, account_id=account_id, filter=filter)
        return registration_of(await self.connected().call(lambda platform: platform.register_trigger(call)))
