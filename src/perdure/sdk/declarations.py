"""What the engine asks of a client beside executions: what it declares, and what its functions make of requests."""

from __future__ import annotations

from contextvars import Context
from typing import TYPE_CHECKING

from perdure.errors import NotFoundError
from perdure.protocol.received import ReceivedRequest
from perdure.sdk.client_index import index_of
from perdure.sdk.hooks import call_hooks
from perdure.sdk.http_request import HttpRequest
from perdure.sdk.notifications import notification_of

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from datetime import datetime

    from perdure.protocol.endpoint import Index
    from perdure.protocol.execution import JsonText
    from perdure.protocol.messages.delivery import SourceDelivery, SourceDeliveryAnswer
    from perdure.protocol.received import GivenResponse
    from perdure.sdk.client import Client
    from perdure.sdk.threads import ThreadPool


class Declarations:
    """Answers for a client what needs no run; the base of `Host`, which runs its jobs.

    Args:
        client: The client.

    Attributes:
        now: Gives the time.
        body_threads: Where plain functions run.
    """

    now: Callable[[], datetime]
    body_threads: ThreadPool
    _loop: asyncio.AbstractEventLoop

    def __init__(self, client: Client) -> None:
        self._client = client

    async def index(self) -> Index:
        """List what the client declares."""
        return index_of(self._client)

    async def deliver_source(self, delivery: SourceDelivery, body: bytes) -> SourceDeliveryAnswer:
        """Make events of a request to the source of a dynamic trigger.

        Raises:
            Exception: What the source's function raised; the request is to be handed over again.
        """
        trigger = self._client.dynamic_triggers.get(str(delivery.dynamic_id))
        if trigger is None:
            raise NotFoundError(f"There is no dynamic trigger {delivery.dynamic_id!r} in this process.")
        received = ReceivedRequest(delivery.http_method, delivery.http_url, delivery.http_headers, body, self.now())
        work = trigger.source.answer(delivery, HttpRequest.of(received), self.body_threads.run)
        # In a context of its own: whoever asks is outside of every run.
        return await self._loop.create_task(work, context=Context())

    async def respond(self, key: str, request: ReceivedRequest) -> GivenResponse:
        """Answer a request to an HTTP endpoint whose app wants to answer it.

        Raises:
            PerdureError: It does not say what to answer.
        """
        from perdure.sdk.http_responses import respond

        endpoint = self._client.http_endpoints.get(key)
        if endpoint is None or endpoint.respond_with is None:
            raise NotFoundError(f"There is no HTTP endpoint {key!r} in this process that answers requests.")
        # In a context of its own: whoever asks is outside of every run.
        task = self._loop.create_task(respond(endpoint, request, self.body_threads.run), context=Context())
        return await task

    async def notify(self, job_id: str, notification: JsonText) -> None:
        """Call the hooks of a job whose run has ended.

        Raises:
            Exception: What the first hook that failed raised; the notification is to be told again.
        """
        job = self._client.jobs.get(job_id)
        if job is None:
            raise NotFoundError(f"There is no job {job_id!r} in this process.")
        told = notification_of(notification, job.output_codec)
        await call_hooks(job.hooks(ok=told.ok), told, self.body_threads.run)
