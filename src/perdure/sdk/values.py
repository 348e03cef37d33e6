"""From the arguments of the store's calls to what is stored, and back; the same inside and outside of runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional, cast

from msgspec import UNSET

from perdure.errors import InvalidArgumentError
from perdure.protocol.limits import VALUE_LIMIT
from perdure.sdk.codec import PLAIN

if TYPE_CHECKING:
    from perdure.protocol.execution import JsonText


def value_text(value: Any, *, call: str) -> JsonText:
    """Encode a value to store; models by alias.

    Raises:
        InvalidArgumentError: No value was given.
        UnserializableOutputError: It has no JSON form.
        ValueTooLargeError: It is over 256 KiB as JSON.
    """
    if value is UNSET:
        raise InvalidArgumentError(f"{call} needs the value to store.")
    return PLAIN.encode(value, "value", limit=VALUE_LIMIT)


def found_type(as_type: Any) -> Any:
    """Give the type of what `get` finds: ``None`` may have been stored, whatever else is expected."""
    return None if as_type is None else cast("Any", Optional)[as_type]
