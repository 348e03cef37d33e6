"""The one door for users' JSON: what comes in is checked, what is stored is text that every database keeps.

Text from outside goes through ``parse`` or ``check``; values of user code through ``dump``; text that
came out of ``check`` or ``dump`` is read with ``load``.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, NewType

import msgspec

from perdure.errors import JsonError, UnserializableOutputError
from perdure.protocol.guarded_json import MAX_NUMBER_LENGTH, parse_guarded
from perdure.protocol.json_shape import check_shape, is_deeper
from perdure.protocol.plain_values import describe_depth, find_unserializable, to_plain

if TYPE_CHECKING:
    from collections.abc import Callable

JsonText = NewType("JsonText", str)
"""JSON text that has passed the guard, or that perdure wrote itself."""

MAX_DEPTH: Final = 64
MAX_NODES: Final = 100_000
MAX_DIGITS: Final = 4300
"""Digits of a number that Python, by default, writes and reads as text: all that ``dump`` makes of one."""

_encode = msgspec.json.Encoder(enc_hook=to_plain).encode
_pack = msgspec.msgpack.Encoder(enc_hook=to_plain).encode
_encode_plainly = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
# msgspec encodes NaN as null and refuses lone surrogates; the standard library does the opposite.
_encode_strictly = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode

_SURROGATE = re.compile("[\ud800-\udfff]")
# A 64-bit float whose exponent is all ones.
_NONFINITE = re.compile(rb"\xcb[\x7f\xff][\xf0-\xff]")
_LONG_NUMBER = re.compile(f"[0-9]{{{MAX_NUMBER_LENGTH + 1}}}")


def parse(text: str | bytes, *, max_depth: int = MAX_DEPTH, max_nodes: int = MAX_NODES) -> Any:
    """Read JSON that someone else wrote.

    Args:
        text: The JSON; bytes must be UTF-8.
        max_depth: How many arrays and objects may enclose one another.
        max_nodes: How many values there may be, arrays and objects included.

    Returns:
        The value; integers of any allowed length are exact.

    Raises:
        JsonError: ``reason`` is ``invalid_encoding``, ``invalid_json``, ``json_too_deep``,
            ``json_too_large`` (in values), ``number_out_of_range`` or ``duplicate_key``.
    """
    source = _decode_utf8(text) if isinstance(text, bytes) else text
    check_shape(source, max_depth, max_nodes)
    return parse_guarded(source, max_depth)


def check(text: str | bytes, *, max_depth: int = MAX_DEPTH, max_nodes: int = MAX_NODES) -> str:
    """Check JSON that someone else wrote, and keep its text for storage.

    The text is not re-encoded: numbers, order and white space stay as they are. Only lone surrogates
    become escapes; NUL can only be there as an escape.

    Args:
        text: The JSON; bytes must be UTF-8.
        max_depth: How many arrays and objects may enclose one another.
        max_nodes: How many values there may be, arrays and objects included.

    Raises:
        JsonError: As ``parse``.
    """
    source = _decode_utf8(text) if isinstance(text, bytes) else text
    check_shape(source, max_depth, max_nodes)
    if not _is_plain(source):
        parse_guarded(source, max_depth)
    return source if isinstance(text, bytes) else _escape_surrogates(source)


def check_dumped(text: str | bytes) -> str:
    """Check JSON that ``dump`` is said to have made in another process, and keep its text for storage.

    Whatever ``dump`` makes passes, as it is stored where both are one process: of values there may be as many as the
    size that was checked allows, and of digits as many as Python writes.

    Args:
        text: The JSON; bytes must be UTF-8.

    Raises:
        JsonError: As ``parse``.
    """
    source = _decode_utf8(text) if isinstance(text, bytes) else text
    check_shape(source, MAX_DEPTH, len(source))
    if not _is_plain(source):
        parse_guarded(source, MAX_DEPTH, MAX_DIGITS)
    return source if source.isascii() or isinstance(text, bytes) else _escape_surrogates(source)


def check_part(text: bytes, *, max_depth: int = MAX_DEPTH) -> str:
    """Check JSON that is a value of a larger text that has passed the guard, and keep its text for storage.

    All that is left to find out is whether it is nested too deeply by itself.

    Args:
        text: The JSON.
        max_depth: How many arrays and objects may enclose one another.

    Raises:
        JsonError: ``json_too_deep``.
    """
    part = text.decode()
    check_shape(part, max_depth, len(part))
    return part


def dump(value: object, *, root: str = "result", default: Callable[[object], object] | None = None) -> str:
    """Encode a value of user code as JSON text for storage.

    Tuples and sets become arrays; dataclasses, ``msgspec.Struct`` and attrs classes objects; ``datetime``,
    ``UUID``, ``Decimal``, ``Path``, enums and bytes (base 64) what msgspec makes of them. NUL and lone
    surrogates are escaped, integers keep every digit.

    Args:
        value: What to store.
        root: What the value is called in an error message.
        default: Called with a value of a type not listed above, to turn it into one that is; it raises
            ``TypeError`` for one that it does not know either.

    Returns:
        Compact JSON text.

    Raises:
        UnserializableOutputError: Part of the value is NaN or infinite, nested more than 64 deep, or of a
            type that has no JSON form; the message starts with its path.
    """
    hook = to_plain if default is None else _either(default)
    encode = _encode if default is None else msgspec.json.Encoder(enc_hook=hook).encode
    try:
        text = _encode_with(encode, value, hook)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        problem = find_unserializable(value, root, hook, max_depth=MAX_DEPTH)
        raise UnserializableOutputError(problem if problem is not None else f"{root}: {error}") from error
    if text.count("[") + text.count("{") > MAX_DEPTH and is_deeper(text, MAX_DEPTH):
        raise UnserializableOutputError(describe_depth(root, MAX_DEPTH))
    return text


def load(text: str) -> Any:
    """Read text that ``check`` or ``dump`` made.

    Raises:
        JsonError: It is not JSON after all: someone else wrote it.
    """
    try:
        return _decode(text)
    except (msgspec.MsgspecError, RecursionError):
        # Escapes of lone surrogates, which msgspec refuses, are rare: no test for them up front.
        return _load_leniently(text)


def _decode_utf8(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise JsonError(f"The text is not UTF-8: byte {error.start}.", code="invalid_encoding") from error


def _is_plain(source: str) -> bool:
    """Say whether JSON is certain to pass the guard: it reads the same when it has been read and written again.

    Of an object that has a key twice a member would be missing then, a number out of range would be another; and what
    all encoders write takes a third of the time this way. White space is let be where encoders put it.
    """
    if len(source) > MAX_NUMBER_LENGTH and _LONG_NUMBER.search(source) is not None:
        return False
    try:
        again = _encode_plainly(_decode(source)).decode()
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
        return False
    return again == source or _tightened(again) == _tightened(source)


def _tightened(text: str) -> str:
    return text.replace(": ", ":").replace(", ", ",")


def _encode_with(encode: Callable[[object], bytes], value: object, hook: Callable[[object], object]) -> str:
    try:
        text = encode(value).decode()
    except UnicodeEncodeError:
        plain = msgspec.to_builtins(value, enc_hook=hook)
        return _escape_surrogates(_encode_strictly(plain))
    if "null" in text and _may_hold_nonfinite(value, hook):
        _encode_strictly(msgspec.to_builtins(value, enc_hook=hook))
    return text


def _may_hold_nonfinite(value: object, hook: Callable[[object], object]) -> bool:
    """Say whether a ``null`` may have been NaN or an infinity; ``False`` is certain, ``True`` is not.

    MessagePack, unlike msgspec's JSON, keeps those numbers, and encoding it is the fastest way to
    look at every number of a value.
    """
    encode = _pack if hook is to_plain else msgspec.msgpack.Encoder(enc_hook=hook).encode
    try:
        return _NONFINITE.search(encode(value)) is not None
    except (OverflowError, ValueError, TypeError):
        return True


def _either(default: Callable[[object], object]) -> Callable[[object], object]:
    """Ask our own hook first, then the caller's."""

    def convert(value: object) -> object:
        try:
            return to_plain(value)
        except TypeError:
            return default(value)

    return convert


def _load_leniently(text: str) -> Any:
    try:
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise JsonError("Stored text is not JSON.") from error


def _escape_surrogates(text: str) -> str:
    try:
        # Costs a tenth of the search, and nearly every text passes.
        text.encode()
    except UnicodeEncodeError:
        return _SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
    return text
