"""Endpoint as it is on the wire: one action of ``x-trigger-action`` each (v2 protocol, section 3).

`perdure.protocol.endpoint` is what the engine asks of an app in its own process; for one behind HTTP those calls become
these, and the app's handler answers them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from perdure.protocol.messages.answers import OkAnswer
    from perdure.protocol.messages.delivery import (
        Delivery,
        NormalizedResponse,
        SourceDelivery,
        SourceDeliveryAnswer,
        WebhookDelivery,
        WebhookDeliveryAnswer,
    )
    from perdure.protocol.messages.endpoints import PingAnswer, ProbeBody, ValidateAnswer
    from perdure.protocol.messages.execution import RunJobBody, RunMetadata
    from perdure.protocol.messages.indexing import IndexAnswer
    from perdure.protocol.messages.notifications import RunNotification
    from perdure.protocol.messages.outcomes import RunJobResponse
    from perdure.protocol.messages.preprocessing import PreprocessRunAnswer, PreprocessRunBody
    from perdure.protocol.messages.triggers import InitializeTriggerBody, RegisterTriggerBody


class EndpointActions(Protocol):
    """Being found, indexed and executed (sections 3.3 to 3.8, 3.12, 3.13)."""

    async def ping(self, endpoint_id: str) -> PingAnswer: ...

    async def validate(self) -> ValidateAnswer: ...

    async def index_endpoint(self) -> IndexAnswer: ...

    async def execute_job(self, body: RunJobBody) -> tuple[RunJobResponse, RunMetadata]: ...

    async def preprocess_run(self, body: PreprocessRunBody) -> PreprocessRunAnswer: ...

    async def initialize_trigger(self, body: InitializeTriggerBody) -> RegisterTriggerBody: ...

    async def probe_execution_timeout(self, body: ProbeBody) -> OkAnswer: ...

    async def run_notification(self, body: RunNotification) -> OkAnswer: ...


class DeliveryActions(Protocol):
    """Requests of the outside world, handed on (sections 3.9 to 3.11); the body travels as it came."""

    async def deliver_http_source_request(self, delivery: SourceDelivery, body: bytes) -> SourceDeliveryAnswer: ...

    async def deliver_http_endpoint_request_for_response(
        self, delivery: Delivery, body: bytes
    ) -> NormalizedResponse: ...

    async def deliver_webhook_request(self, delivery: WebhookDelivery, body: bytes) -> WebhookDeliveryAnswer: ...
