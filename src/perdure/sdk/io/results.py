"""What a stored result is to the code that asks for it: the value it stands for, or the error that it is raised as."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from perdure.errors import PayloadValidationError
from perdure.protocol.execution import JsonText
from perdure.protocol.json_text import dump, load
from perdure.protocol.keys import display_key
from perdure.sdk.failures import rebuild
from perdure.sdk.io.raised import note_failure

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.sdk.ask import Ask
    from perdure.sdk.codec import Codec
    from perdure.sdk.scope import Scope


def stored_result(scope: Scope, ask: Ask, codec: Codec, parse_output: Callable[[Any], Any] | None = None) -> Any:
    """Return, or raise, what the memo holds for a key."""
    if ask.error is not None:
        raise note_failure(scope, rebuild(ask.error))
    try:
        return decode_result(ask.output, codec, parse_output)
    except PayloadValidationError as error:
        raise misfit_of(scope, ask, error) from error.__cause__


def decode_result(output: JsonText | None, codec: Codec, parse_output: Callable[[Any], Any] | None) -> Any:
    """Turn stored JSON into the value job code gets."""
    if output is None:
        return None
    if parse_output is None:
        return codec.decode(output)
    parsed = parse_output(load(output))
    return parsed if codec.is_plain else codec.decode(JsonText(dump(parsed)))


def misfit_of(scope: Scope, ask: Ask, error: PayloadValidationError) -> BaseException:
    """Say of which call the result does not fit; the body that asked for it is not tried again, nor would it help."""
    place = f"{ask.operation} {display_key(ask.key)!r}"
    told = f"{place}: {error.message} Catch this error, or ask for the type that comes."
    return note_failure(scope, PayloadValidationError(told, issues=error.issues))
