"""An app behind a URL, asked for what it does outside of runs: each call is an action of the v2 protocol, section 3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from perdure.errors import FetchFailedError, FetchTimeoutError, JsonError, NotFoundError
from perdure.protocol.messages.codec import MessageShapeError, decode_message, encode_message
from perdure.protocol.messages.delivery import (
    Delivery,
    SourceDelivery,
    SourceDeliveryAnswer,
    WebhookDelivery,
    WebhookDeliveryAnswer,
    write_delivery_headers,
)
from perdure.protocol.messages.headers import ENDPOINT_ID_HEADER, Action
from perdure.protocol.messages.notifications import NotifiedStatus
from perdure.protocol.messages.triggers import InitializeTriggerBody, RegisterTriggerBody
from perdure.protocol.statuses import RunStatus
from perdure.transport.app_link import ACTION_SECONDS, AppLink, message_of
from perdure.transport.deliveries import delivered, response_of
from perdure.transport.greetings import check_pong, read_endpoint_id

if TYPE_CHECKING:
    from perdure.protocol.execution import JsonText
    from perdure.protocol.outbound import OutboundResponse
    from perdure.protocol.received import GivenResponse, ReceivedRequest

T = TypeVar("T")

WEBHOOK_SECONDS: Final = 120.0
"""How long it may take to answer to a request of a webhook: meanwhile it sends events."""

_NOT_FOUND: Final = 404


class AskedApp:
    """Asks an app for one thing at a time.

    Args:
        link: The way to the app.

    Attributes:
        id: The app's id.
    """

    def __init__(self, link: AppLink) -> None:
        self.id = link.endpoint_id
        self._link = link

    @property
    def url(self) -> str:
        """Where it is: where it was, or where that has led to."""
        return self._link.url

    @property
    def has_moved(self) -> bool:
        """Whether that has led elsewhere."""
        return self._link.has_moved

    @property
    def version(self) -> str:
        """The version of the protocol that its last answer names, or ``unknown``."""
        return self._link.version

    @property
    def sdk_version(self) -> str | None:
        """The version of its SDK that its last answer names, if it does."""
        return self._link.sdk_version

    @property
    def is_signed(self) -> bool:
        """Whether requests to it are signed."""
        return self._link.is_signed

    async def ping(self) -> None:
        """Ask whether the app is there, and is the one that is meant.

        Raises:
            FetchFailedError: It is not; the message says what it answered.
        """
        with self._link.looking():
            answer = await self._find(Action.PING, ((ENDPOINT_ID_HEADER, self.id),))
            self._link.check(answer)
            check_pong(answer, self._link.shown_url)

    async def validate(self) -> str:
        """Ask the app for its id.

        Raises:
            FetchFailedError: It does not say.
        """
        with self._link.looking():
            answer = await self._find(Action.VALIDATE)
            self._link.check(answer)
            return read_endpoint_id(answer, self._link.shown_url)

    async def _find(self, action: Action, headers: tuple[tuple[str, str], ...] = ()) -> OutboundResponse:
        """Ask the app where it is, and find it if it has moved.

        Raises:
            FetchFailedError: It does not answer.
        """
        try:
            return await self._link.find(action, headers=headers)
        except (FetchFailedError, FetchTimeoutError) as error:
            # Clients ask again as long as they read this.
            raise FetchFailedError(f"Could not connect to endpoint {self._link.shown_url}. {error.message}") from error

    async def notify(self, job_id: str, notification: JsonText) -> None:
        """Tell the app that a run of a job has ended (v2 protocol, section 3.13); none of v2 that it was cancelled.

        Raises:
            NotFoundError: Nobody answers, or the app has no such job.
            FetchFailedError: It answers that it failed.
        """
        body = notification.encode()
        # `onFailure` is for what went wrong there, and may look for an error that such a run has not.
        if not self._link.is_native and decode_message(body, NotifiedStatus).status is RunStatus.CANCELED:
            return
        try:
            answer = await self._link.post(Action.RUN_NOTIFICATION, body=body)
        except FetchFailedError as error:
            raise NotFoundError(f"Nobody answers at {self._link.shown_url}: {error.message}") from error
        if answer.status == _NOT_FOUND:
            raise NotFoundError(message_of(answer) or f"{self._link.shown_url} knows nothing of job {job_id!r}.")
        self._link.check(answer)

    async def respond(self, key: str, request: ReceivedRequest) -> GivenResponse:
        """Have the app answer a request to one of its HTTP endpoints (v2 protocol, section 3.10).

        Raises:
            FetchFailedError: It does not say what to answer.
        """
        delivery = Delivery(key=key, **delivered(request))
        action = Action.DELIVER_HTTP_ENDPOINT_REQUEST_FOR_RESPONSE
        return response_of(await self._deliver(action, delivery, request.body))

    async def deliver_source(self, delivery: SourceDelivery, body: bytes) -> SourceDeliveryAnswer:
        """Have the app make events of a request (v2 protocol, section 3.9).

        Raises:
            FetchFailedError: It does not.
        """
        said = await self._deliver(Action.DELIVER_HTTP_SOURCE_REQUEST, delivery, body)
        return self._read_answer(said, SourceDeliveryAnswer)

    async def deliver_webhook(self, delivery: WebhookDelivery, body: bytes) -> WebhookDeliveryAnswer:
        """Have the app verify a request and send the events that it is (v2 protocol, section 3.11).

        Raises:
            FetchFailedError: It does not.
        """
        said = await self._deliver(Action.DELIVER_WEBHOOK_REQUEST, delivery, body, timeout=WEBHOOK_SECONDS)
        return self._read_answer(said, WebhookDeliveryAnswer)

    async def initialize_trigger(self, body: InitializeTriggerBody) -> RegisterTriggerBody:
        """Have the app say what a registration with a dynamic trigger listens to (v2 protocol, section 3.8).

        Raises:
            FetchFailedError: It does not.
        """
        answer = await self._link.post(Action.INITIALIZE_TRIGGER, body=encode_message(body))
        self._link.check(answer)
        return self._read_answer(answer.body, RegisterTriggerBody)

    def _read_answer(self, body: bytes, kind: type[T]) -> T:
        try:
            return decode_message(body, kind)
        except (JsonError, MessageShapeError) as error:
            raise FetchFailedError(f"The answer of {self._link.shown_url} cannot be read. {error.message}") from error

    async def _deliver(
        self, action: Action, delivery: Delivery, body: bytes, *, timeout: float = ACTION_SECONDS
    ) -> bytes:
        headers = (*write_delivery_headers(delivery).items(), ("Content-Type", "application/octet-stream"))
        answer = await self._link.post(action, body=body, headers=headers, timeout=timeout, kind=None)
        self._link.check(answer)
        return answer.body
