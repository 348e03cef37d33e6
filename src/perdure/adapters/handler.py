"""What an app answers to a server: one request in, one answer out (v2 protocol, section 3)."""

from __future__ import annotations

import asyncio
import logging
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
from msgspec import UNSET, Raw

from perdure.adapters.exchange import AppAnswer, AppRequest
from perdure.adapters.refusal import Refusal
from perdure.adapters.runtimes import Runtimes
from perdure.adapters.verification import Verification
from perdure.errors import InvalidArgumentError, JsonError, NotFoundError
from perdure.protocol.endpoint import Index
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
    ACTION_HEADER,
    ENDPOINT_ID_HEADER,
    HELD_HEADER,
    LAZY_CACHED_TASKS_VERSION,
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
from perdure.transport.index_answer import index_answer
from perdure.transport.node_link import perdure_version
from perdure.transport.trigger_answer import trigger_answer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from msgspec import Struct

    from perdure.protocol.worker_messages import WorkerResolve
    from perdure.sdk.client import Client

_log = logging.getLogger(__name__)
T = TypeVar("T")

LONGEST_PROBE: Final = 900.0
"""How many seconds PROBE_EXECUTION_TIMEOUT waits at most before it answers."""

_JSON: Final = {"content-type": "application/json"}
# The key is the server's to know.
_REGISTERED: Final = "registered"
_FAILED: Final = b'{"message":"The app failed; its log says how."}'
_OK: Final = NormalizedResponse(status=200, body=Raw(b'{"ok":true}'))


class AppHandler:
    """Answers what servers ask of a client's jobs, on any number of event loops.

    Args:
        client: The client.
        keeper: By which name suspended runs that stay in memory for a while are asked for here; ``None``: none stay.
        outlives_servers: Whether an execution waits for a server that is started anew.
    """

    def __init__(self, client: Client, *, keeper: str | None = None, outlives_servers: bool = True) -> None:
        self._client = client
        self._keeper = keeper
        self._verification = Verification(client)
        self._runtimes = Runtimes(client, keeps_runs=keeper is not None, outlives_servers=outlives_servers)
        self._actions: dict[str, Callable[[AppRequest], Awaitable[AppAnswer]]] = {
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

    async def handle(self, request: AppRequest) -> AppAnswer:
        """Answer a request. Cancel this when nobody waits for the answer any more: what it executes ends then."""
        if request.method == "HEAD":
            return AppAnswer(200, _JSON)
        began = monotonic()
        try:
            is_signed = self._verification.check(request)
            if request.method != "POST":
                raise Refusal(405, "Method not allowed (only POST is allowed)")
            action = request.headers.get(ACTION_HEADER)
            if not action:
                raise Refusal(400, "Missing x-trigger-action header")
            act = self._actions.get(action)
            if act is None:
                # A server of v2 is answered as its own apps do.
                raise Refusal(400 if is_signed else 405, "Method not allowed", code="unknown_action")
            answer = await act(request)
        except Refusal as refusal:
            headers = {**_JSON, **_versions()} if refusal.has_versions else _JSON
            return AppAnswer(refusal.status, headers, refusal.body())
        except Exception:
            # Code of the app outside of runs, such as a hook: the server asks again.
            _log.exception("What the server asked of client %r failed.", self._client.id)
            return AppAnswer(500, {**_JSON, **_versions()}, _FAILED)
        timing = {"x-trigger-request-timing": f"dur={(monotonic() - began) * 1000:.3f}"}
        return AppAnswer(answer.status, {**_JSON, **_versions(), **timing, **answer.headers}, answer.body)

    def drain(self) -> None:
        """Let what executes on this event loop end between two tasks."""
        runtime = self._runtimes.here()
        if runtime is not None:
            runtime.drain()

    def abort_run(self, run_id: str) -> None:
        """End what executes of a run on this event loop, or forget it if it is suspended."""
        runtime = self._runtimes.here()
        if runtime is not None:
            runtime.abort_run(run_id)

    def resolve(self, over: WorkerResolve) -> None:
        """Let an execution on this event loop go on, waits of which are over."""
        runtime = self._runtimes.here()
        if runtime is not None:
            runtime.resolve(over)

    def abort(self) -> None:
        """End what executes on this event loop at once; it is executed again elsewhere."""
        runtime = self._runtimes.here()
        if runtime is not None:
            runtime.abort()

    async def close(self) -> None:
        """End what executes on this event loop; a further request begins anew."""
        await self._runtimes.close()

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
        return _answer(index_answer(_index_of(self._client), examples))

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


def _answer(message: Struct | Any, headers: Mapping[str, str] | None = None) -> AppAnswer:
    return AppAnswer(200, {} if headers is None else headers, encode_message(message))


def _index_of(client: Client) -> Index:
    endpoints = tuple(endpoint.spec() for endpoint in client.http_endpoints.values())
    return Index(
        client.id,
        tuple(job.spec() for job in client.jobs.values()),
        tuple(client.dynamic_schedules),
        endpoints,
        dynamic_triggers=tuple(client.dynamic_triggers),
    )


def _versions() -> dict[str, str]:
    version = perdure_version()
    return {"trigger-version": LAZY_CACHED_TASKS_VERSION, "trigger-sdk-version": version, NATIVE_HEADER: version}


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
