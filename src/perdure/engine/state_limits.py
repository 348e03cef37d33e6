"""What stored values and statuses may look like."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from perdure.errors import InvalidArgumentError, ValueTooLargeError
from perdure.protocol.limits import NAME_LIMIT, STATUS_DATA_LIMIT, VALUE_LIMIT
from perdure.protocol.state import StatusState
from perdure.protocol.store_keys import check_key, check_name

if TYPE_CHECKING:
    from perdure.protocol.state import PutStatus, SetValue

_STATES = get_args(StatusState)


def check_value(call: SetValue) -> None:
    """Refuse a value that cannot be stored.

    Raises:
        InvalidArgumentError: Its key is none.
        ValueTooLargeError: It has more than 256 KiB of UTF-8.
    """
    check_key(call.key)
    _check_size(call.value, "value", VALUE_LIMIT)


def check_status(call: PutStatus) -> None:
    """Refuse what no status may become.

    Raises:
        InvalidArgumentError: Its key, label or state is none, or its data is no object.
        ValueTooLargeError: Its data has more than 64 KiB of UTF-8.
    """
    check_name(call.key, what="The key of a status")
    if call.label is not None and not 1 <= len(call.label) <= NAME_LIMIT:
        raise InvalidArgumentError(f"A label has 1 to {NAME_LIMIT} characters; this one has {len(call.label)}.")
    if call.state is not None and call.state not in _STATES:
        raise InvalidArgumentError(f"A state is one of {', '.join(_STATES)}, not {call.state!r:.80}.")
    if call.data is not None:
        if not call.data.lstrip().startswith("{"):
            raise InvalidArgumentError(f"The data of a status is an object, not {call.data:.80}.")
        _check_size(call.data, "data", STATUS_DATA_LIMIT)


def _check_size(text: str, what: str, limit: int) -> None:
    # A character has at most four bytes, so short texts need not be encoded to be measured.
    if len(text) * 4 > limit and len(text.encode()) > limit:
        raise ValueTooLargeError(f"The {what} has {len(text.encode())} bytes of JSON; at most {limit} may be stored.")
