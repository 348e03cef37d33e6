"""What a server can have an app do, by the name of the action (v2 protocol, section 3)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
from msgspec import UNSET, Raw

from perdure.adapters.exchange import AppAnswer, AppRequest
from perdure.adapters.refusal import Refusal
from perdure.errors import InvalidArgumentError, JsonError, NotFoundError
from perdure.protocol.json_text import JsonText, check, load
from perdure.protocol.messages.answers import OkAnswer
from perdure.protocol.messages.codec import MessageShapeError, decode_message, encode_message
from perdure.protocol.messages.delivery import (
    Delivery,
    NormalizedResponse,
    SourceDelivery,
    SourceDeliveryAnswer,
    WebhookDelivery,
    WebhookDeliveryAnswer,
    read_delivery_headers,
)
from perdure.protocol.messages.endpoints import PingAnswer, ProbeBody, ValidateAnswer
from perdure.protocol.messages.execution import RunJobBody, RunMetadata
from perdure.protocol.messages.headers import (
    ENDPOINT_ID_HEADER,
    HELD_HEADER,
    NATIVE_HEADER,
    NOT_HELD,
    RESULT_HEADER,
    RUN_METADATA_HEADER,
    Action,
)
from perdure.protocol.messages.notifications import RunNotification
from perdure.protocol.messages.preprocessing import PreprocessRunAnswer, PreprocessRunBody
from perdure.protocol.messages.triggers import InitializeTriggerBody
from perdure.protocol.received import ReceivedRequest
from perdure.sdk.client_index import index_of
from perdure.transport.index_answer import index_answer
from perdure.transport.trigger_answer import trigger_answer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from msgspec import Struct

    from perdure.adapters.runtimes import Runtimes
    from perdure.sdk.client import Client

T = TypeVar("T")

LONGEST_PROBE: Final = 900.0
"""How many seconds PROBE_EXECUTION_TIMEOUT waits at most before it answers."""

# The key is the server's to know.
_REGISTERED: Final = "registered"
_OK: Final = NormalizedResponse(status=200, body=Raw(b'{"ok":true}'))


class Actions:
    """The actions of an app; each takes a request that was verified, and gives its answer.

    Args:
        client: Whose jobs.
        runtimes: What executes them.
        keeper: By which name suspended runs that stay in memory for a while are asked for here; ``None``: none stay.

    Attributes:
        by_name: Each by its name.
    """

    def __init__(self, client: Client, runtimes: Runtimes, *, keeper: str | None) -> None:
        self._client = client
        self._runtimes = runtimes
        self._keeper = keeper
        self.by_name: dict[str, Callable[[AppRequest], Awaitable[AppAnswer]]] = {
            Action.PING: self._ping,
            Action.VALIDATE: self._validate,
            Action.INDEX_ENDPOINT: self._index,
            Action.EXECUTE_JOB: self._execute,
            Action.PREPROCESS_RUN: self._preprocess,
            Action.INITIALIZE_TRIGGER: self._initialize,
            Action.DELIVER_HTTP_SOURCE_REQUEST: self._deliver_source,
            Action.DELIVER_HTTP_ENDPOINT_REQUEST_FOR_RESPONSE: self._deliver_request,
            Action.DELIVER_WEBHOOK_REQUEST: self._deliver_webhook,
            Action.PROBE_EXECUTION_TIMEOUT: self._probe,
            Action.RUN_NOTIFICATION: self._notify,
        }

    # Being found and indexed.

    async def _ping(self, request: AppRequest) -> AppAnswer:
        asked, own = request.headers.get(ENDPOINT_ID_HEADER), self._client.id
        if not asked:
            return _answer(PingAnswer(ok=False, error="Missing endpoint ID"))
        if asked != own:
            error = f"Endpoint ID mismatch error. Expected {own}, got {asked}"
            return _answer(PingAnswer(ok=False, error=error))
        return _answer(PingAnswer(ok=True))

    async def _validate(self, _request: AppRequest) -> AppAnswer:
        return _answer(ValidateAnswer(ok=True, endpoint_id=self._client.id))

    async def _index(self, _request: AppRequest) -> AppAnswer:
        examples = {job.id: text for job in self._client.jobs.values() if (text := job.all_examples()) is not None}
        return _answer(index_answer(index_of(self._client), examples))

    # Runs.

    async def _execute(self, request: AppRequest) -> AppAnswer:
        body = _read(request.body, RunJobBody, "Invalid execution")
        job = self._client.jobs.get(body.job.id)
        if job is None:
            raise Refusal(404, "Job not found")
        runtime = await self._runtimes.open()
        try:
            answer = await runtime.execute(
                body, is_native=NATIVE_HEADER in request.headers, time_left_ms=request.time_left_ms
            )
        except (JsonError, InvalidArgumentError):
            raise Refusal(400, "Invalid execution") from None
        if answer is None:
            raise Refusal(NOT_HELD, "The suspended run is no longer in memory.", has_versions=True)
        listens = RunMetadata(
            success_subscription=bool(job.hooks(ok=True)), failed_subscription=bool(job.hooks(ok=False))
        )
        headers = {RUN_METADATA_HEADER: encode_message(listens).decode()}
        if answer.is_native:
            headers[RESULT_HEADER] = "1"
        if self._keeper is not None and runtime.host.held(body.run.id) is not None:
            headers[HELD_HEADER] = self._keeper
        return AppAnswer(answer.status, headers, answer.body)

    async def _preprocess(self, request: AppRequest) -> AppAnswer:
        body = _read(request.body, PreprocessRunBody, "Invalid body")
        if body.job.id not in self._client.jobs:
            raise Refusal(404, "Job not found")
        return _answer(PreprocessRunAnswer(abort=False, properties=[]))

    async def _probe(self, request: AppRequest) -> AppAnswer:
        body = _read(request.body or b"{}", ProbeBody, "Invalid body")
        await asyncio.sleep(min(max(body.timeout / 1000, 0.0), LONGEST_PROBE))
        return _answer(OkAnswer())

    async def _notify(self, request: AppRequest) -> AppAnswer:
        told = _read(request.body, RunNotification, "Invalid body")
        runtime = await self._runtimes.open()
        try:
            await runtime.host.notify(told.job.id, JsonText(check(request.body)))
        except NotFoundError:
            raise Refusal(404, "Job not found", has_versions=True) from None
        return _answer(OkAnswer())

    # Requests from outside, and what this client has none of.

    async def _initialize(self, request: AppRequest) -> AppAnswer:
        # An app that has a dynamic trigger has imported it: not before the rest of the SDK is there.
        from perdure.sdk.dynamic_trigger import trigger_call

        body = _read(request.body, InitializeTriggerBody, "Invalid trigger body")
        trigger = self._client.dynamic_triggers.get(body.id)
        if trigger is None:
            raise Refusal(404, "Dynamic trigger not found")
        account_id = None if body.account_id is UNSET else body.account_id
        try:
            call = trigger_call(
                trigger, _REGISTERED, load(check(bytes(body.params))), account_id=account_id, filter=None
            )
        except (JsonError, InvalidArgumentError) as error:
            raise Refusal(400, error.message, has_versions=True) from error
        return _answer(trigger_answer(call))

    async def _deliver_source(self, request: AppRequest) -> AppAnswer:
        delivery: SourceDelivery = _read_headers(request, SourceDelivery)
        if delivery.dynamic_id not in self._client.dynamic_triggers:
            return _answer(SourceDeliveryAnswer(events=[], response=_OK))
        runtime = await self._runtimes.open()
        return _answer(await runtime.host.deliver_source(delivery, request.body))

    async def _deliver_request(self, request: AppRequest) -> AppAnswer:
        delivery: Delivery = _read_headers(request, Delivery)
        endpoint = self._client.http_endpoints.get(delivery.key)
        if endpoint is None or endpoint.respond_with is None:
            return _answer(_OK)
        runtime = await self._runtimes.open()
        received = ReceivedRequest(
            delivery.http_method, delivery.http_url, delivery.http_headers, request.body, runtime.now()
        )
        given = await runtime.host.respond(delivery.key, received)
        body = Raw(msgspec.json.encode(given.body.decode(errors="replace")))
        return _answer(NormalizedResponse(status=given.status, headers=dict(given.headers), body=body))

    async def _deliver_webhook(self, request: AppRequest) -> AppAnswer:
        _read_headers(request, WebhookDelivery)
        return _answer(WebhookDeliveryAnswer(response=_OK, verified=False))


def _answer(message: Struct | Any) -> AppAnswer:
    return AppAnswer(200, {}, encode_message(message))


def _read(body: bytes, kind: type[T], refusal: str) -> T:
    try:
        return decode_message(body, kind)
    except (JsonError, MessageShapeError, msgspec.ValidationError):
        raise Refusal(400, refusal) from None


def _read_headers(request: AppRequest, kind: type[Any]) -> Any:
    try:
        return read_delivery_headers(request.headers, kind)
    except (JsonError, MessageShapeError):
        raise Refusal(400, "Invalid headers") from None
