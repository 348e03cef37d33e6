"""What an event may look like to be stored."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from perdure.engine.names import check_text
from perdure.errors import InvalidArgumentError, ValueTooLargeError
from perdure.protocol.limits import EVENT_BATCH, ID_LIMIT, LONGEST_DELAY, NAME_LIMIT, PAYLOAD_LIMIT
from perdure.storage.instants import from_ms, to_due_ms

if TYPE_CHECKING:
    from perdure.protocol.events import EventOptions, EventRequest

NAMED = ("name", "source", "id", "timestamp")
"""The members of an event that are checked by themselves."""

_NOT_IN_NAMES = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def delivery_time(options: EventOptions, now: datetime) -> datetime:
    """When events with these options are delivered.

    Raises:
        InvalidArgumentError: Both ways to say it are used, or the time is naive, negative or out of range.
    """
    at, after = options.deliver_at, options.deliver_after
    if at is not None and after is not None:
        raise InvalidArgumentError("deliver_at and deliver_after exclude each other; give one of them.")
    if after is not None:
        if not 0 <= after <= LONGEST_DELAY:
            raise InvalidArgumentError(
                f"deliver_after={after!r}: the delay is 0 to {LONGEST_DELAY} seconds, a year; deliver_at may be later."
            )
        return from_ms(to_due_ms(now + timedelta(seconds=after)))
    if at is None:
        return now
    _check_aware(at, "deliver_at")
    try:
        return from_ms(to_due_ms(at))
    except OverflowError as error:
        raise InvalidArgumentError(f"deliver_at={at!r} is too far ahead.") from error


def check_batch(count: int) -> None:
    """Refuse more events at once than may be sent.

    Raises:
        InvalidArgumentError: There are more than 1,000.
    """
    if count > EVENT_BATCH:
        raise InvalidArgumentError(
            f"{count:,} events were sent at once, and none is stored; send at most {EVENT_BATCH:,}."
        )


def check_event(request: EventRequest) -> None:
    """Refuse an event that cannot be stored.

    Raises:
        InvalidArgumentError: Its name, source, id or timestamp is not acceptable.
        ValueTooLargeError: Its payload or context has more than 512 KiB of UTF-8.
    """
    for member in NAMED:
        check_member(request, member)
    check_size(request.payload, "payload")
    check_size(request.context, "context")


def check_account(account_id: str | None) -> None:
    """Refuse the id of an external account that cannot be stored.

    Raises:
        InvalidArgumentError: It is empty, too long, or has control characters.
    """
    if account_id is not None:
        check_text(account_id, "The account_id", limit=ID_LIMIT)


def check_member(request: EventRequest, member: str) -> None:
    """Refuse one of the `NAMED` members of an event.

    Raises:
        InvalidArgumentError: It is not acceptable.
    """
    value = getattr(request, member)
    if isinstance(value, datetime):
        _check_aware(value, member)
    elif value is not None:
        _check_name(value, member, ID_LIMIT if member == "id" else NAME_LIMIT)


def check_size(text: str, what: str) -> None:
    """Refuse JSON text of more than 512 KiB.

    Raises:
        ValueTooLargeError: It has more.
    """
    # A character has at most four bytes, so short texts need not be encoded to be measured.
    if len(text) * 4 > PAYLOAD_LIMIT and len(text.encode()) > PAYLOAD_LIMIT:
        raise ValueTooLargeError(
            f"The {what} has {len(text.encode())} bytes of JSON; at most {PAYLOAD_LIMIT} may be sent."
        )


def _check_name(value: str, what: str, limit: int) -> None:
    if not 1 <= len(value) <= limit:
        raise InvalidArgumentError(f"An event's {what} has 1 to {limit} characters; this one has {len(value)}.")
    if not value.isascii() or not value.isprintable():
        found = _NOT_IN_NAMES.search(value)
        if found is not None:
            raise InvalidArgumentError(f"The event's {what} {value!r} contains the control character {found[0]!r}.")


def _check_aware(at: datetime, what: str) -> None:
    if at.utcoffset() is None:
        raise InvalidArgumentError(f"{what}={at!r} has no time zone; use an aware datetime.")
