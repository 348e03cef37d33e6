"""An app behind a URL, as the engine sees it: each call is an action of the v2 protocol, section 3."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar, cast

import msgspec

from perdure.errors import FetchFailedError, FetchTimeoutError, JsonError, RunError
from perdure.protocol.execution import Abandoned, AutoYielded, ErrorInfo, ExecutionResult, Failed, Suspended
from perdure.protocol.messages.codec import MessageShapeError, decode_message, encode_message
from perdure.protocol.messages.delivery import (
    Delivery,
    SourceDelivery,
    SourceDeliveryAnswer,
    WebhookDelivery,
    WebhookDeliveryAnswer,
    write_delivery_headers,
)
from perdure.protocol.messages.execution import RunMetadata
from perdure.protocol.messages.headers import (
    ACTION_HEADER,
    ACTION_VERSION_HEADER,
    API_KEY_HEADER,
    ENDPOINT_ID_HEADER,
    HELD_HEADER,
    LAZY_CACHED_TASKS_VERSION,
    NATIVE_HEADER,
    NOT_HELD,
    RESULT_HEADER,
    RUN_HEADER,
    RUN_METADATA_HEADER,
    SERVER_USER_AGENT,
    Action,
)
from perdure.protocol.messages.indexing import IndexAnswer
from perdure.protocol.messages.triggers import InitializeTriggerBody, RegisterTriggerBody
from perdure.protocol.outbound import Bounds, OutboundRequest, OutboundResponse
from perdure.protocol.signing import (
    SIGNATURE_HEADER,
    SIGNED_AT_HEADER,
    SIGNED_ID_HEADER,
    signature_of,
    signing_secret,
)
from perdure.transport.deliveries import delivered, response_of
from perdure.transport.endpoint_index import index_of
from perdure.transport.execution_answer import result_of
from perdure.transport.execution_body import execution_body, known_task, resumed_body
from perdure.transport.kept_runs import KeptRuns
from perdure.transport.native_results import read_result
from perdure.transport.node_link import perdure_version
from perdure.transport.platform_timeouts import is_platform_timeout

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime

    from perdure.protocol.endpoint import Index
    from perdure.protocol.execution import ExecutionRequest, JsonText, TaskState
    from perdure.protocol.received import GivenResponse, ReceivedRequest
    from perdure.transport.kept_runs import Keepers

T = TypeVar("T")

EXECUTION_SECONDS: Final = 3600.0
"""How long an endpoint may take to answer EXECUTE_JOB; it yields long before, between two tasks."""

ACTION_SECONDS: Final = 30.0
"""How long it may take to answer any other action."""

WEBHOOK_SECONDS: Final = 120.0
"""How long it may take to answer to a request of a webhook: meanwhile it sends events."""

CHUNK_MS: Final = (10_000, 60_000, 120_000)
"""What an execution may take: at least, at first, and at most, in milliseconds."""

FAILURE_LIMIT: Final = 10
"""How many answers in a row may be failures of the endpoint (v2 protocol, section 6.7)."""

KEYS_TRIED: Final = 5
"""How many keys of its environment an endpoint is shown, until it takes one."""

_WRONG_KEY: Final = 401
_NO_KEY: Final = "Unauthorized: missing x-trigger-api-key header"
_MARGIN_MS: Final = 350
_GONE: Final = "the suspended run is no longer kept in memory"
_BOUNDS: Final = Bounds(EXECUTION_SECONDS, 6 * 1024 * 1024, 5 * 1024 * 1024)


class ProcessLostError(FetchFailedError):
    """What executed a run has died while it did so."""


class Requester(Protocol):
    """Sends requests; `perdure.transport.outbound.Outbound` is one."""

    async def request(self, request: OutboundRequest) -> OutboundResponse:
        """Send a request and read the whole answer; it raises a `RunError` if there is none."""
        ...


class HttpEndpoint:
    """Speaks to an app of the v2 protocol.

    Args:
        endpoint_id: The app's id.
        url: Where it is.
        api_keys: Gives the private keys of its environment, by one of which it knows who asks, likeliest first.
        trace_headers: Gives the headers that continue a trace there.
        requester: Sends the requests.
        now: Gives the time.
        listens: Told which ends of a job's runs the app wants to be told of.
        is_bounded: Whether an execution may take only so long.
        keepers: The workers that keep suspended runs of the app; ``None``: nobody does.
        is_signed: Whether the app verifies signatures, as far as is known; from when on it does, it is not shown a key.
        unix_time: Gives the time that requests are signed with, in seconds since 1970.

    Attributes:
        id: The app's id.
        url: Where it is.
        is_signed: Whether requests to it are signed.
    """

    def __init__(
        self,
        endpoint_id: str,
        url: str,
        *,
        api_keys: Callable[[], Sequence[str]],
        trace_headers: Callable[[], tuple[tuple[str, str], ...]] = tuple,
        requester: Requester,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
        listens: Callable[[str, RunMetadata], Awaitable[None]],
        is_bounded: bool = True,
        keepers: Keepers | None = None,
        is_signed: bool = False,
        unix_time: Callable[[], float] = time.time,
    ) -> None:
        self.id = endpoint_id
        self.url = url
        self.is_signed = is_signed
        self._unix_time = unix_time
        self._api_keys = api_keys
        self._trace_headers = trace_headers
        self._accepted: str | None = None
        self._requester = requester
        self._now = now
        self._monotonic = monotonic
        self._listens = listens
        self._is_bounded = is_bounded
        self._kept = None if keepers is None else KeptRuns(keepers, monotonic)
        # By run, the newest execution at work.
        self._epochs: dict[str, int] = {}
        self._chunk_ms = CHUNK_MS[1]
        # Only apps of perdure's verify signatures, so what a server has kept of that tells it what they take.
        self._is_native = is_signed
        self._known: dict[str, RunMetadata] = {}

    async def ping(self) -> None:
        """Ask whether the app is there, and is the one that is meant.

        Raises:
            FetchFailedError: It is not; the message says what it answered.
        """
        try:
            answer = await self._post(Action.PING, headers=((ENDPOINT_ID_HEADER, self.id),))
        except (FetchFailedError, FetchTimeoutError) as error:
            # Clients ask again as long as they read this.
            raise FetchFailedError(f"Could not connect to endpoint {self.url}. {error.message}") from error
        self._check(answer)
        said = _decode_object(answer.body)
        if said.get("ok") is not True:
            raise FetchFailedError(f"Endpoint {self.url} responded with error: {said.get('error')}")

    async def index(self) -> Index:
        """List what the app declares.

        Raises:
            FetchFailedError: It did not say.
        """
        answer = await self._post(Action.INDEX_ENDPOINT)
        self._check(answer)
        try:
            return index_of(self.id, decode_message(answer.body, IndexAnswer))
        except (JsonError, MessageShapeError) as error:
            raise FetchFailedError(f"The index of {self.url} cannot be read. {error.message}") from error

    async def execute(self, request: ExecutionRequest) -> ExecutionResult:
        """Have the app execute the job's function until it ends or every branch waits."""
        run_id = request.run.id
        kept = None if self._kept is None else self._kept.drop(run_id)
        if request.is_complete:
            keeper = None
        elif kept is not None and kept.epoch + 1 == request.epoch:
            keeper = kept.worker_id
        else:
            return Abandoned(_GONE, immediate=True)
        self._epochs[run_id] = request.epoch
        try:
            return await self._execute(request, keeper)
        finally:
            if self._epochs.get(run_id) == request.epoch:
                del self._epochs[run_id]

    async def _execute(self, request: ExecutionRequest, keeper: str | None) -> ExecutionResult:
        began = self._monotonic()
        held = () if keeper is None else ((HELD_HEADER, keeper),)
        if self._kept is not None:
            held = (*held, (RUN_HEADER, request.run.id))
        try:
            answer = await self._post(
                Action.EXECUTE_JOB, body=self._body(request), headers=held, timeout=EXECUTION_SECONDS
            )
        except FetchTimeoutError as error:
            return Abandoned(error.message, limit=FAILURE_LIMIT)
        except ProcessLostError as error:
            return Abandoned(error.message, lost=True)
        except RunError as error:
            # Nobody answers: that is no failure of the run, which waits until the app is back.
            lost = f"Connection could not be established to the endpoint ({self.url})"
            return Abandoned(lost if self._is_bounded else error.message, no_code=True)
        if 200 <= answer.status < 300:
            await self._learn(request.job.id, answer)
            result = self._read(answer)
            self._note_keeper(request, result, answer)
            return result
        if answer.status == NOT_HELD and keeper is not None:
            return Abandoned(_GONE, immediate=True)
        return self._refused(answer, took_ms=(self._monotonic() - began) * 1000)

    def _body(self, request: ExecutionRequest) -> bytes:
        if not request.is_complete:
            return encode_message(resumed_body(request, now=self._now(), is_native=self._is_native))
        limit_ms = self._chunk_ms - _MARGIN_MS if self._is_bounded else None
        return encode_message(execution_body(request, now=self._now(), limit_ms=limit_ms, is_native=self._is_native))

    def _note_keeper(self, request: ExecutionRequest, result: ExecutionResult, answer: OutboundResponse) -> None:
        if self._kept is None or not isinstance(result, Suspended):
            return
        keeper = next((value for name, value in answer.headers if name == HELD_HEADER), None)
        if keeper is not None:
            self._kept.keep(request.run.id, epoch=request.epoch, task_ids=result.task_ids, worker_id=keeper)

    def held(self, run_id: str) -> tuple[str, ...] | None:
        """Name the tasks that a suspended run waits for which a worker still has in memory."""
        kept = None if self._kept is None else self._kept.find(run_id)
        return None if kept is None else kept.task_ids

    def resolve(self, run_id: str, epoch: int, tasks: list[TaskState]) -> bool:
        """Tell a worker of waits that are over; an app behind a URL cannot be told, and is put right by the engine."""
        if self._kept is None or self._epochs.get(run_id) != epoch:
            return False
        return self._kept.resolve(run_id, epoch, [known_task(task) for task in tasks])

    async def notify(self, job_id: str, notification: JsonText) -> None:
        """Tell the app that a run of a job has ended (v2 protocol, section 3.13)."""
        self._check(await self._post(Action.RUN_NOTIFICATION, body=notification.encode()))

    def abort(self, run_id: str, reason: str) -> None:
        """Have workers stop a run, or forget it; an app behind a URL learns from its next call that it has lost it."""
        if self._kept is not None and (self._kept.drop(run_id) is not None or run_id in self._epochs):
            self._kept.abort(run_id)

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
        answer = await self._post(Action.INITIALIZE_TRIGGER, body=encode_message(body))
        self._check(answer)
        return self._read_answer(answer.body, RegisterTriggerBody)

    def _read_answer(self, body: bytes, kind: type[T]) -> T:
        try:
            return decode_message(body, kind)
        except (JsonError, MessageShapeError) as error:
            raise FetchFailedError(f"The answer of {self.url} cannot be read. {error.message}") from error

    async def _deliver(
        self, action: Action, delivery: Delivery, body: bytes, *, timeout: float = ACTION_SECONDS
    ) -> bytes:
        headers = (*write_delivery_headers(delivery).items(), ("Content-Type", "application/octet-stream"))
        answer = await self._post(action, body=body, headers=headers, timeout=timeout, kind=None)
        self._check(answer)
        return answer.body

    async def _post(
        self,
        action: Action,
        *,
        body: bytes | None = None,
        headers: tuple[tuple[str, str], ...] = (),
        timeout: float = ACTION_SECONDS,
        kind: str | None = "application/json",
    ) -> OutboundResponse:
        # The key of an environment may have been exchanged, and the app not know it yet.
        *others, last = sorted(self._api_keys()[:KEYS_TRIED], key=lambda key: key != self._accepted)
        for key in others:
            answer = await self._send(action, key, body=body, headers=headers, timeout=timeout, kind=kind)
            if answer.status != _WRONG_KEY:
                self._accepted = key
                return answer
        answer = await self._send(action, last, body=body, headers=headers, timeout=timeout, kind=kind)
        self._accepted = last if answer.status != _WRONG_KEY else None
        return answer

    async def _send(
        self,
        action: Action,
        key: str,
        *,
        body: bytes | None,
        headers: tuple[tuple[str, str], ...],
        timeout: float,
        kind: str | None,
    ) -> OutboundResponse:
        data = b"" if body is None else body
        sent = [
            *(self._signed(action, key, data, headers) if self.is_signed else ((API_KEY_HEADER, key),)),
            (ACTION_HEADER, action.value),
            (ACTION_VERSION_HEADER, LAZY_CACHED_TASKS_VERSION),
            ("User-Agent", SERVER_USER_AGENT),
            ("Accept", "application/json"),
            *headers,
            *self._trace_headers(),
        ]
        if body is not None and kind is not None:
            sent.append(("Content-Type", kind))
        if self._is_native:
            sent.append((NATIVE_HEADER, perdure_version()))
        request = OutboundRequest(
            "POST", self.url, tuple(sent), data, timeout, (API_KEY_HEADER, SIGNATURE_HEADER), _BOUNDS
        )
        answer = await self._requester.request(request)
        is_native = any(name == NATIVE_HEADER for name, _ in answer.headers)
        if answer.status == _WRONG_KEY and is_native and not self.is_signed:
            # It takes signed requests only.
            self.is_signed = True
            return await self._send(action, key, body=body, headers=headers, timeout=timeout, kind=kind)
        # An app may be written anew in another language; a failure of what stands before it says nothing of it.
        if 200 <= answer.status < 300:
            self._is_native = is_native
            # Who could take the header away again is not shown a key for it.
            self.is_signed = self.is_signed or self._is_native
        return answer

    def _signed(
        self, action: Action, key: str, body: bytes, headers: tuple[tuple[str, str], ...]
    ) -> tuple[tuple[str, str], ...]:
        secret = signing_secret(key, action=action.value, endpoint_id=self.id, headers=headers)
        signed_id, at = f"msg_{secrets.token_hex(12)}", str(int(self._unix_time()))
        signature = signature_of(secret, signed_id=signed_id, at=at, body=body)
        return ((SIGNED_ID_HEADER, signed_id), (SIGNED_AT_HEADER, at), (SIGNATURE_HEADER, signature))

    def _check(self, answer: OutboundResponse) -> None:
        if 200 <= answer.status < 300:
            return
        if answer.status == _WRONG_KEY:
            raise FetchFailedError(self._wrong_key(answer), status=_WRONG_KEY)
        raise FetchFailedError(
            f"Could not connect to endpoint {self.url}. Status code: {answer.status}", status=answer.status
        )

    def _wrong_key(self, answer: OutboundResponse) -> str:
        said = _message_of(answer) or "Trigger API key is invalid"
        if self.is_signed and said == _NO_KEY:
            return (
                f"The app at {self.url} does not verify signatures, and is not shown the key instead. If another app "
                "is there now, register it anew: perdure endpoints add."
            )
        return said

    def _read(self, answer: OutboundResponse) -> ExecutionResult:
        try:
            if any(name == RESULT_HEADER for name, _ in answer.headers):
                return read_result(answer.body)
            return result_of(answer.body)
        except JsonError:
            return Failed(ErrorInfo("EndpointError", "Endpoint responded with invalid JSON"))
        except MessageShapeError as error:
            return Failed(ErrorInfo("EndpointError", f"Endpoint responded with an answer of another shape. {error}"))

    def _refused(self, answer: OutboundResponse, *, took_ms: float) -> ExecutionResult:
        message = _message_of(answer)
        said = message or f"Endpoint responded with {answer.status} status code"
        if message == "Job not found":
            return Abandoned("no code for the job at its endpoint", no_code=True)
        if answer.status == _WRONG_KEY and self.is_signed:
            # Of clocks, or of keys that are exchanged: no failure of the run.
            return Abandoned(self._wrong_key(answer), no_code=True)
        if 400 <= answer.status < 500 and (answer.status != 408 or message is not None):
            return Failed(ErrorInfo("EndpointError", said))
        if is_platform_timeout(answer):
            least, _, most = CHUNK_MS
            self._chunk_ms = int(min(max(took_ms, least), most))
            return AutoYielded(f"the platform of the endpoint ended the execution after {took_ms / 1000:.0f} s")
        return Abandoned(said, limit=FAILURE_LIMIT)

    async def _learn(self, job_id: str, answer: OutboundResponse) -> None:
        """Note which ends of the job's runs the app wants to be told of."""
        text = next((value for name, value in answer.headers if name == RUN_METADATA_HEADER), None)
        try:
            said = RunMetadata() if text is None else decode_message(text.encode(), RunMetadata)
        except (JsonError, MessageShapeError):
            return
        if self._known.get(job_id) != said:
            await self._listens(job_id, said)
            self._known[job_id] = said


def _message_of(answer: OutboundResponse) -> str | None:
    message = _decode_object(answer.body).get("message")
    return message if isinstance(message, str) else None


def _decode_object(body: bytes) -> dict[str, Any]:
    try:
        value: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
