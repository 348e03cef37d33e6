"""The door through which every message becomes JSON and back."""

from __future__ import annotations

from collections.abc import Container, Sequence
from functools import lru_cache
from types import UnionType
from typing import Any, TypeVar, overload

import msgspec
from msgspec import Raw, Struct

from perdure.errors import Issue, JsonError, PerdureError
from perdure.protocol.messages.halves import (
    Path,
    hide_escapes,
    name_escapes,
    replace_escapes,
    replace_halves,
    restore_halves,
    settle_texts,
    write_halves,
)
from perdure.protocol.messages.instant import Instant
from perdure.protocol.misfits import find_issues, issue_of

_T = TypeVar("_T")

JSON_NULL = Raw(b"null")
"""The null of a member that holds users' JSON."""


class MessageShapeError(PerdureError):
    """A message does not have the shape that the protocol gives it.

    Attributes:
        issues: Where it deviates; the path names members as they are on the wire.
    """

    code = "invalid_field"

    def __init__(self, message: str | None = None, *, issues: Sequence[Issue] = ()) -> None:
        super().__init__(message)
        self.issues = tuple(issues)


def encode_message(message: Struct | Sequence[Struct]) -> bytes:
    """Write a message, or a list of them, as JSON.

    Users' JSON is copied as it is, so it must be valid. Half of a surrogate pair in a text is written as an escape.
    """
    try:
        return _ENCODER.encode(message)
    except UnicodeEncodeError:
        return write_halves(message, _ENCODER.encode)


@overload
def decode_message(data: bytes, kind: type[_T]) -> _T: ...
@overload
def decode_message(data: bytes, kind: UnionType) -> Any: ...
def decode_message(data: bytes, kind: Any) -> Any:
    """Read a message of somebody who is not to be refused, such as an answer, and check its shape.

    Half of a surrogate pair, which JavaScript may leave when it cuts a string, stays as it is in users' JSON; in a
    member that is a string it becomes U+FFFD.

    Args:
        data: The JSON text.
        kind: A message type, ``list[...]`` of one, or a union of tagged ones.

    Raises:
        JsonError: The text is not JSON, is not UTF-8, or is nested too deeply to be read.
        MessageShapeError: A member is missing or of the wrong type.
    """
    try:
        return _decoder(kind).decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        masked = replace_escapes(data)
        if masked != data:
            return _decode_masked(masked, data, kind)
        raise _translate(error, data, kind) from error


def decode_request(
    data: bytes, kind: Any, *, keeps: Container[str | int] = (), replaces: Container[str | int] = ()
) -> Any:
    """Read a message of somebody who can be refused, and check its shape.

    Users' JSON stays as it is. No text changes without a word: one with half of a surrogate pair is refused.

    Args:
        data: The JSON text.
        kind: As for `decode_message`.
        keeps: Members of the message, by their names on the wire, whose texts keep such halves, as users' JSON does.
        replaces: Members in whose texts they become U+FFFD.

    Raises:
        JsonError: As `decode_message`.
        MessageShapeError: As there; or a text has half of a surrogate pair.
    """
    try:
        return _decoder(kind).decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        masked = name_escapes(data)
        if masked == data:
            raise _translate(error, data, kind) from error
        once, again = (_decode_masked(one, data, kind) for one in (masked, hide_escapes(data)))

    def settle(named: str, hidden: str, path: Path) -> str:
        if named == hidden:
            return named
        if path[:1] and path[0] in keeps:
            return restore_halves(named, hidden)
        if path[:1] and path[0] in replaces:
            return replace_halves(named, hidden)
        issue = Issue(path, "Half of a surrogate pair is no character")
        place = ".".join(map(str, path)) or "the top"
        raise MessageShapeError(f"A text has half of a surrogate pair, at {place}.", issues=[issue])

    return settle_texts(once, again, settle)


def _decode_masked(masked: bytes, data: bytes, kind: Any) -> Any:
    # msgspec refuses lone surrogates, also where it decodes nothing. A Raw is a view of the buffer it was read
    # from: once the rest has been decoded, the original text is put back under it.
    buffer = bytearray(masked)
    try:
        message = _decoder(kind).decode(buffer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _translate(error, replace_escapes(data), kind) from error
    memoryview(buffer)[:] = data
    return message


def _translate(error: Exception, data: bytes, kind: Any) -> PerdureError:
    if isinstance(error, RecursionError):
        return JsonError("The JSON text is nested too deeply.", code="json_too_deep")
    if isinstance(error, msgspec.ValidationError):
        issues = _issues(error, data, kind)
        place = ".".join(map(str, issues[0].path)) or "the top"
        others = "" if len(issues) == 1 else f" (and {len(issues) - 1} more)"
        return MessageShapeError(
            f"The message has another shape: {issues[0].message}, at {place}{others}.", issues=issues
        )
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as encoding:
        return JsonError(f"The JSON text is not UTF-8: {encoding.reason}.", code="invalid_encoding")
    return JsonError(f"The text is not JSON: {error}.")


def _issues(error: msgspec.ValidationError, data: bytes, kind: Any) -> list[Issue]:
    try:
        return find_issues(msgspec.json.decode(data), kind, convert=_convert) or [issue_of(error)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # What comes after the first place is no JSON.
        return [issue_of(error)]


def _convert(value: object, kind: Any) -> object:
    return msgspec.convert(value, kind, dec_hook=_decode_instant, str_keys=True)


def _encode_instant(value: object) -> str:
    if isinstance(value, Instant):
        return value.wire_text()
    raise TypeError(f"A message cannot hold a {type(value).__name__}")


def _decode_instant(kind: type, value: object) -> object:
    if kind is Instant and isinstance(value, str):
        return Instant.parse(value)
    raise TypeError(f"Expected `str`, got `{type(value).__name__}`")


@lru_cache(maxsize=512)
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind, dec_hook=_decode_instant)


_ENCODER = msgspec.json.Encoder(enc_hook=_encode_instant)
