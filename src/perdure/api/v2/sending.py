"""Events, as clients of the v2 protocol send and cancel them (section 4.1), and wait for them (section 4.9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET, Raw

from perdure.api.answers import JsonAnswer
from perdure.api.refusals import Refusal, unfit, unfit_at
from perdure.api.routes import Route
from perdure.api.v2.shapes import cancelled_runs, instant, message_answer, not_found
from perdure.api.v2.tasks import BODY_LIMIT, DEPTH, is_native, read_message
from perdure.engine.event_limits import NAMED, check_member
from perdure.errors import AlreadyDeliveredError, InvalidArgumentError, NotFoundError, ValueTooLargeError
from perdure.protocol.events import EventOptions, EventRequest
from perdure.protocol.json_text import JsonText, check_part
from perdure.protocol.limits import LONGEST_DELAY
from perdure.protocol.messages.answers import CancelRunsAnswer, IdAnswer
from perdure.protocol.messages.codec import decode_request, encode_message
from perdure.protocol.messages.dispatchers import EphemeralDispatcherBody
from perdure.protocol.messages.events import ApiEventLog, SendEventBody, SendEventsBody
from perdure.protocol.task_waits import EventWait

if TYPE_CHECKING:
    from msgspec import UnsetType
    from starlette.responses import Response

    from perdure.api.calls import Call
    from perdure.protocol.events import EventAnswer
    from perdure.protocol.messages.events import RawEvent, SendEventOptions

MOST_NAMES = 100
"""Of how many names events may be that a task waits for."""

DISPATCHER_SECONDS = (10, 365 * 24 * 3600)
"""For how many seconds a task waits for an event at least and at most."""

BULK_LIMIT = 1000
"""How many events one call may send."""


async def send_event(call: Call) -> Response:
    """Send an event."""
    data = await call.json_bytes(limit=BODY_LIMIT, depth=DEPTH)
    body = decode_request(data, SendEventBody)
    requests = [_request(body.event, ("event",))]
    sent = await _send(call, requests, _options(body.options))
    return message_answer(event_log(sent[0]))


async def send_events(call: Call) -> Response:
    """Send several events, all or none."""
    data = await call.json_bytes(limit=BODY_LIMIT, depth=DEPTH)
    body = decode_request(data, SendEventsBody)
    if len(body.events) > BULK_LIMIT:
        raise unfit("events", f"One call sends at most {BULK_LIMIT:,} events.")
    requests = [_request(event, ("events", number)) for number, event in enumerate(body.events)]
    sent = await _send(call, requests, _options(body.options))
    return JsonAnswer(encode_message([event_log(one) for one in sent]))


async def cancel_event(call: Call) -> Response:
    """Cancel an event; one that was delivered is answered as it is, for clients that would ask again after a 4xx."""
    event_id, remote = call.part("event_id"), call.remote
    as_v2 = not is_native(call)
    try:
        return message_answer(event_log(await remote.events.cancel(remote.environment_no, event_id, as_v2=as_v2)))
    except NotFoundError:
        raise not_found("Event not found") from None
    except AlreadyDeliveredError:
        if not as_v2:
            raise
        return message_answer(event_log((await call.desk.get_event(event_id)).event))


async def cancel_runs(call: Call) -> Response:
    """Cancel the runs of an event."""
    try:
        done = await call.desk.cancel_runs_for_event(call.part("event_id"))
    except NotFoundError:
        raise not_found("Event not found") from None
    return cancelled_runs(done)


async def await_event(call: Call) -> Response:
    """Have the first matching event sent to the callback URL of a task."""
    body = await read_message(call, EphemeralDispatcherBody)
    names = [body.name] if isinstance(body.name, str) else list(dict.fromkeys(body.name))
    if not 0 < len(names) <= MOST_NAMES:
        raise unfit("name", f"A task waits for events of 1 to {MOST_NAMES} names.")
    shortest, longest = DISPATCHER_SECONDS
    if not shortest <= body.timeout_in_seconds <= longest:
        raise unfit("timeoutInSeconds", f"A task waits for an event for {shortest} to {longest:,} seconds, a year.")
    waits = [
        EventWait(
            name,
            "trigger.dev" if body.source is UNSET else body.source,
            _filter(body.filter),
            _filter(body.context_filter),
            None if body.account_id is UNSET else body.account_id,
            body.timeout_in_seconds,
        )
        for name in names
    ]
    return message_answer(IdAnswer(id=await call.remote.await_event(body.url, waits)))


def event_log(event: EventAnswer) -> ApiEventLog:
    """Write an event as messages have it."""
    return ApiEventLog(
        id=event.id,
        name=event.name,
        payload=Raw(event.payload.encode()),
        context=Raw(event.context.encode()),
        timestamp=instant(event.timestamp),
        deliver_at=instant(event.deliver_at),
        delivered_at=instant(event.delivered_at),
        cancelled_at=instant(event.cancelled_at),
    )


async def _send(call: Call, requests: list[EventRequest], options: EventOptions) -> list[EventAnswer]:
    if any(one.is_request for one in requests) and (options.deliver_at is not None or options.deliver_after):
        member = "deliverAfter" if options.deliver_at is None else "deliverAt"
        raise _conflict(member, "Events that are requests are delivered at once.")
    try:
        remote = call.remote
        return await remote.events.send(remote.environment_no, requests, options, as_v2=not is_native(call))
    except ValueTooLargeError as error:
        raise Refusal(413, "payload_too_large", error.message) from error


def _request(event: RawEvent, path: tuple[str | int, ...]) -> EventRequest:
    """Read an event; ``path``: where it stands in the body."""
    request = EventRequest(
        event.name,
        _json(event.payload),
        None if event.id is UNSET else event.id,
        _json(event.context),
        "trigger.dev" if event.source is UNSET else event.source,
        None if event.timestamp is UNSET else event.timestamp,
        is_request=event.payload_type == "REQUEST",
    )
    for member in NAMED:
        try:
            check_member(request, member)
        except InvalidArgumentError as error:
            raise unfit_at((*path, member), error.message) from error
    return request


def _options(options: SendEventOptions | UnsetType) -> EventOptions:
    if options is UNSET:
        return EventOptions()
    deliver_at = None if options.deliver_at is UNSET else options.deliver_at
    deliver_after = None if options.deliver_after is UNSET else options.deliver_after
    if deliver_at is not None and deliver_after is not None:
        raise _conflict("deliverAfter", "Give deliverAt or deliverAfter, not both.")
    if deliver_after is not None and not 0 <= deliver_after <= LONGEST_DELAY:
        sentence = f"deliverAfter is 0 to {LONGEST_DELAY} seconds, a year; deliverAt may be later."
        raise unfit_at(("options", "deliverAfter"), sentence)
    return EventOptions(deliver_at, deliver_after, None if options.account_id is UNSET else options.account_id)


def _conflict(member: str, sentence: str) -> Refusal:
    """Refuse an option that goes with none of what else was given."""
    issues = [{"path": ["options", member], "message": sentence}]
    return Refusal(422, "conflicting_fields", sentence, issues=issues)


def _json(text: Raw | UnsetType) -> JsonText:
    return JsonText("{}") if text is UNSET else JsonText(check_part(bytes(text)))


def _filter(text: Raw | UnsetType) -> JsonText | None:
    return None if text is UNSET or bytes(text).strip() in (b"null", b"{}") else _json(text)


ROUTES = (
    Route(
        method="POST", path="/api/v1/events", handler=send_event, summary="Send an event", body=SendEventBody,
        answer=ApiEventLog, has_v2_form=True,
    ),
    Route(
        method="POST", path="/api/v1/events/bulk", handler=send_events, summary="Send several events, all or none",
        body=SendEventsBody, answer=list[ApiEventLog], has_v2_form=True,
    ),
    Route(
        method="POST", path="/api/v1/events/{event_id}/cancel", handler=cancel_event, summary="Cancel an event",
        answer=ApiEventLog, errors=(404,), has_v2_form=True,
    ),
    Route(
        method="POST", path="/api/v1/events/{event_id}/cancel-runs", handler=cancel_runs,
        summary="Cancel the runs of an event", answer=CancelRunsAnswer, errors=(404,), has_v2_form=True,
    ),
    Route(
        method="POST", path="/api/v1/event-dispatchers/ephemeral", handler=await_event,
        summary="Have the first matching event sent to the callback URL of a task", body=EphemeralDispatcherBody,
        answer=IdAnswer, has_v2_form=True,
    ),
)  # fmt: skip
