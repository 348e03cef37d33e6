"""From the arguments of the send and invoke calls to the platform's messages, checked at the edge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from perdure.errors import InvalidArgumentError, ValueTooLargeError
from perdure.protocol.events import EventOptions, EventRequest
from perdure.protocol.execution import JsonText
from perdure.protocol.limits import EVENT_BATCH, ID_LIMIT, LONGEST_DELAY, PAYLOAD_LIMIT
from perdure.protocol.task_waits import InvokeRequest
from perdure.sdk.codec import codec_for
from perdure.sdk.durations import instant, seconds_of
from perdure.sdk.names import check_id, check_name
from perdure.sdk.records import Event

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from perdure.sdk.job import Job

_EMPTY = JsonText("{}")
_FIELDS = frozenset({"name", "payload", "id", "context", "source", "timestamp"})


def event_request(event: object = None, **fields: Any) -> EventRequest:
    """Make the message of one event, given as an `Event`, a dict with the same names, or keyword arguments.

    Raises:
        InvalidArgumentError: A field is missing, unknown or outside its limits.
        UnserializableOutputError: The payload or the context has no JSON form.
        ValueTooLargeError: The payload is over 512 KiB as JSON.
    """
    if isinstance(event, Event):
        fields = {field: getattr(event, field) for field in _FIELDS}
    elif event is not None:
        if not isinstance(event, Mapping):
            raise InvalidArgumentError(f"An event is an Event or a dict with its names; this one is {event!r:.60}.")
        fields = dict(cast("Mapping[str, Any]", event))
        unknown = sorted(set(fields) - _FIELDS)
        if unknown:
            raise InvalidArgumentError(
                f"An event has no field {unknown[0]!r}; its fields are {', '.join(sorted(_FIELDS))}."
            )
    timestamp = fields.get("timestamp")
    return EventRequest(
        name=check_name(fields.get("name"), what="name"),
        payload=json_of(fields.get("payload"), "payload"),
        id=None if fields.get("id") is None else check_name(fields.get("id"), what="id", limit=ID_LIMIT),
        context=json_of(fields.get("context"), "context"),
        source="trigger.dev" if fields.get("source") is None else check_name(fields.get("source"), what="source"),
        timestamp=None if timestamp is None else instant(timestamp, what="timestamp"),
    )


def event_requests(events: object) -> list[EventRequest]:
    """Make the messages of several events; errors are those of `event_request`, also if there are more than 1,000."""
    if not isinstance(events, list | tuple):
        raise InvalidArgumentError(f"send_events takes a list of events; it was given {events!r:.60}.")
    listed = cast("Sequence[Any]", events)
    if len(listed) > EVENT_BATCH:
        raise InvalidArgumentError(
            f"send_events takes at most {EVENT_BATCH:,} events at once, not {len(listed):,}; none was sent."
        )
    return [event_request(one) for one in listed]


def check_event_id(value: object) -> str:
    """Check the id by which an event is looked up.

    Raises:
        InvalidArgumentError: It is no text that may name an event.
    """
    # Twice: ids that are made of others', as those of repeated runs are, are longer than what may be sent.
    return check_name(value, what="event_id", limit=2 * ID_LIMIT)


def event_options(
    *,
    deliver_at: datetime | None = None,
    deliver_after: float | timedelta | None = None,
    account_id: str | None = None,
) -> EventOptions:
    """Make the options of a send call.

    Raises:
        InvalidArgumentError: Both times are given, the instant is naive, or the delay is negative or over a year.
    """
    if deliver_at is not None and deliver_after is not None:
        raise InvalidArgumentError("An event takes deliver_at= or deliver_after=, not both.")
    delay = None if deliver_after is None else seconds_of(deliver_after, what="deliver_after")
    if delay is not None and delay > LONGEST_DELAY:
        raise InvalidArgumentError(
            f"deliver_after is at most a year, {LONGEST_DELAY} seconds, not {delay:g}; deliver_at may be later."
        )
    return EventOptions(
        deliver_at=None if deliver_at is None else instant(deliver_at, what="deliver_at"),
        deliver_after=delay,
        account_id=None if account_id is None else check_name(account_id, what="account_id", limit=ID_LIMIT),
    )


def invoke_request(
    job: Job[Any, Any] | str | None,
    payload: Any,
    *,
    idempotency_key: str | None = None,
    context: Any = None,
    account_id: str | None = None,
    callback_url: str | None = None,
) -> InvokeRequest:
    """Make the message that invokes a job.

    Raises:
        InvalidArgumentError: No job is named, or a field is outside its limits.
        InvalidUrlError, BlockedAddressError: Nothing can be sent to the callback URL.
        UnserializableOutputError: The payload has no JSON form.
        ValueTooLargeError: The payload is over 512 KiB as JSON.
    """
    job_id: object = job if isinstance(job, str) else getattr(job, "id", None)
    if not isinstance(job_id, str):
        raise InvalidArgumentError(
            f'invoke needs a job or its id, such as client.invoke("welcome", {{…}}); it was given {job!r:.60}.'
        )
    return InvokeRequest(
        job_id=check_id(job_id, what="A job's id"),
        payload=json_of(payload, "payload"),
        context=json_of(context, "context"),
        idempotency_key=None
        if idempotency_key is None
        else check_name(idempotency_key, what="idempotency_key", limit=ID_LIMIT),
        account_id=None if account_id is None else check_name(account_id, what="account_id", limit=ID_LIMIT),
        callback_url=None if callback_url is None else _callback_url(callback_url),
    )


def _callback_url(url: object) -> str:
    """Check the URL that is told of a run's end.

    Raises:
        InvalidUrlError: Nothing can be sent there.
        BlockedAddressError: Its host is an address in an unusual spelling.
    """
    if not isinstance(url, str):
        raise InvalidArgumentError(f"callback_url= is a URL as text; it was given {url!r:.60}.")
    # Loaded where it is first needed: few runs have such a URL.
    from perdure.protocol.web_url import parse_url

    return parse_url(url).text


def json_of(value: Any, what: str) -> JsonText:
    """Encode a payload or a context; models by alias, none as ``{}``."""
    if value is None:
        return _EMPTY
    text = codec_for(Any).encode(value, what)
    size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    if size > PAYLOAD_LIMIT:
        raise ValueTooLargeError(
            f"{what} is {size:,} bytes of JSON; at most {PAYLOAD_LIMIT:,} are stored. Store the bulk elsewhere and "
            "send a reference to it."
        )
    return text
