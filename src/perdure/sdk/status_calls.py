"""From the arguments of the calls on statuses to the platform's message, checked at the edge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast, get_args

from perdure.errors import InvalidArgumentError
from perdure.protocol.limits import STATUS_DATA_LIMIT
from perdure.protocol.state import PutStatus, StatusState
from perdure.protocol.store_keys import check_name as check_key
from perdure.sdk.codec import PLAIN
from perdure.sdk.names import check_name

if TYPE_CHECKING:
    from perdure.protocol.execution import JsonText

_STATES = get_args(StatusState)


def status_change(key: object, *, label: object, state: object, data: Any) -> PutStatus:
    """Make the message that creates or changes a status; what is ``None`` is left as it is.

    Raises:
        InvalidArgumentError: The key or the label is no such text, there is no such state, or the data is no object.
        UnserializableOutputError: The data has no JSON form.
        ValueTooLargeError: The data is over 64 KiB as JSON.
    """
    if state is not None and state not in _STATES:
        raise InvalidArgumentError(f"state= is one of {', '.join(map(repr, _STATES))}, not {state!r:.80}.")
    return PutStatus(
        check_key(key, what="The key of a status"),
        None if label is None else check_name(label, what="label"),
        cast("StatusState | None", state),
        None if data is None else _object_text(data),
    )


def refuse_nothing(call: str, *given: object) -> None:
    """Refuse a change that changes nothing.

    Raises:
        InvalidArgumentError: None of the arguments is given.
    """
    if all(one is None for one in given):
        raise InvalidArgumentError(f"{call} needs at least one of label=, state= and data=.")


def _object_text(data: Any) -> JsonText:
    text = PLAIN.encode(data, "data", limit=STATUS_DATA_LIMIT)
    if not text.startswith("{"):
        raise InvalidArgumentError(f"data= is an object, such as a dict with texts as keys; it was given {data!r:.60}.")
    return text
