"""The one door for users' JSON: what comes in is checked, what is stored is text that every database keeps.

Text from outside goes through ``parse`` or ``check``; values of user code through ``dump``; text that
came out of ``check`` or ``dump`` is read with ``load``.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from functools import cache, partial
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final, NewType

import msgspec

from perdure.errors import JsonError, UnserializableOutputError
from perdure.protocol.plain_values import describe_depth, find_unserializable, to_plain

if TYPE_CHECKING:
    from collections.abc import Callable

JsonText = NewType("JsonText", str)
"""JSON text that has passed the guard, or that perdure wrote itself."""

MAX_DEPTH: Final = 64
MAX_NODES: Final = 100_000
MAX_NUMBER_LENGTH: Final = 100
MAX_DIGITS: Final = 4300
"""Digits of a number that Python, by default, writes and reads as text: all that ``dump`` makes of one."""

_PREFIX = 4096

_encode = msgspec.json.Encoder(enc_hook=to_plain).encode
_pack = msgspec.msgpack.Encoder(enc_hook=to_plain).encode
_encode_plainly = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
# msgspec encodes NaN as null and refuses lone surrogates; the standard library does the opposite.
_encode_strictly = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode

_SURROGATE = re.compile("[\ud800-\udfff]")
_BRACKET = re.compile(r"[\[\]{}]")
_EMPTY = re.compile(r"\[\s*\]|\{\s*\}")
# A 64-bit float whose exponent is all ones.
_NONFINITE = re.compile(rb"\xcb[\x7f\xff][\xf0-\xff]")
_LONG_NUMBER = re.compile(f"[0-9]{{{MAX_NUMBER_LENGTH + 1}}}")
_STEPS = {"[": 1, "{": 1, "]": -1, "}": -1}


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
    _check_shape(source, max_depth, max_nodes)
    return _parse_guarded(source, max_depth)


def _parse_guarded(source: str, max_depth: int, max_digits: int = MAX_NUMBER_LENGTH) -> Any:
    try:
        return _guarded(max_digits).decode(source)
    except json.JSONDecodeError as error:
        raise JsonError(f"Not JSON: {error.msg} at character {error.pos}.") from error
    except RecursionError as error:
        raise JsonError(f"The JSON is nested more than {max_depth} deep.", code="json_too_deep") from error


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
    _check_shape(source, max_depth, max_nodes)
    if not _is_plain(source):
        _parse_guarded(source, max_depth)
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
    _check_shape(source, MAX_DEPTH, len(source))
    if not _is_plain(source):
        _parse_guarded(source, MAX_DEPTH, MAX_DIGITS)
    return source if isinstance(text, bytes) else _escape_surrogates(source)


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
    _check_shape(part, max_depth, MAX_NODES)
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
    if text.count("[") + text.count("{") > MAX_DEPTH and _depth_exceeds(_outside_strings(text), MAX_DEPTH):
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


def _check_shape(source: str, max_depth: int, max_nodes: int) -> None:
    """Refuse what is too deep or too large before a recursive parser sees it."""
    openings = source.count("[") + source.count("{")
    if openings <= max_depth and openings + source.count(",") < max_nodes:
        return
    # Hostile text is deep from its start: refuse that without reading the rest.
    _check_depth(_outside_strings(source[:_PREFIX]), max_depth)
    outside = _outside_strings(source)
    _check_depth(outside, max_depth)
    filled = outside.count("[") + outside.count("{") - len(_EMPTY.findall(outside))
    # Each comma, and each array or object that is not empty, introduces one more value.
    if 1 + outside.count(",") + filled > max_nodes:
        raise JsonError(f"The JSON has more than {max_nodes} values.", code="json_too_large")


def _outside_strings(source: str) -> str:
    """Keep the part of a JSON text that is not inside strings; a quote stands for each string."""
    return '"'.join(source.replace("\\\\", "").replace('\\"', "").split('"')[::2])


def _check_depth(outside: str, max_depth: int) -> None:
    if _depth_exceeds(outside, max_depth):
        raise JsonError(f"The JSON is nested more than {max_depth} deep.", code="json_too_deep")


def _depth_exceeds(outside: str, max_depth: int) -> bool:
    return any(depth > max_depth for depth in accumulate(map(_STEPS.__getitem__, _BRACKET.findall(outside))))


def _read_integer(digits: str, most: int) -> int:
    if len(digits) > most:
        raise JsonError(f"A number has more than {most} characters.", code="number_out_of_range")
    return int(digits)


def _read_float(digits: str, most: int) -> float:
    value = float(digits)
    if math.isinf(value) or len(digits) > most:
        shown = digits if len(digits) <= MAX_NUMBER_LENGTH else f"{digits[:20]}…"
        raise JsonError(f"The number {shown} is out of range.", code="number_out_of_range")
    return value


def _refuse_constant(name: str) -> float:
    raise JsonError(f"Not JSON: {name} is no JSON number.")


def _read_object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(members)
    if len(value) != len(members):
        twice, _ = Counter(name for name, _ in members).most_common(1)[0]
        raise JsonError(f"An object has the key {twice[:100]!r} twice.", code="duplicate_key")
    return value


@cache
def _guarded(max_digits: int) -> json.JSONDecoder:
    return json.JSONDecoder(
        object_pairs_hook=_read_object,
        parse_int=partial(_read_integer, most=max_digits),
        parse_float=partial(_read_float, most=max_digits),
        parse_constant=_refuse_constant,
    )


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
