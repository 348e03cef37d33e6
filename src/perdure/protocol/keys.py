"""Cache keys, and the idempotency keys derived from them (v2 protocol, section 6.6)."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from hashlib import sha256
from typing import TypeAlias, cast

from perdure.errors import InvalidArgumentError
from perdure.protocol.value_paths import child_path, type_name

CacheKey: TypeAlias = str | Sequence[object]
"""A text, or a list or tuple of JSON values."""

_quote = json.JSONEncoder(ensure_ascii=False).encode

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_ARRAY_INDEX = re.compile("0|[1-9][0-9]{0,9}")
_MAX_ARRAY_INDEX = 2**32 - 2
_MAX_KEY_DEPTH = 64


def idempotency_key(run_id: str, parent_id: str | None, key: CacheKey) -> str:
    """Derive the key under which a run's task is stored.

    Different keys may share one, such as ``["a", "b"]`` and ``"a:b"``: the separator is not escaped
    (v2 protocol, section 6.6). ``key_identity`` tells them apart.

    Args:
        run_id: The run.
        parent_id: The enclosing task, or ``None`` at the top of the run.
        key: The cache key.

    Returns:
        64 lower-case hexadecimal digits.

    Raises:
        InvalidArgumentError: The key is empty, or is neither text nor a list of JSON values.
    """
    joined = key if type(key) is str and key else ":".join(_parts(key))
    text = f"{run_id}:{'' if parent_id is None else parent_id}:{joined}"
    try:
        encoded = text.encode()
    except UnicodeEncodeError:
        # As JavaScript's UTF-8 encoder: surrogate pairs join, a lone one becomes U+FFFD.
        encoded = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()
    return sha256(encoded).hexdigest()


def display_key(key: CacheKey) -> str:
    """Give a key the form in which people see it: parts joined by ``-``.

    NUL and lone surrogates are shown as U+FFFD, so the result can be stored in any database.

    Raises:
        InvalidArgumentError: The key is empty, or is neither text nor a list of JSON values.
    """
    text = key if type(key) is str and key else "-".join(_parts(key))
    return text if text.isprintable() else _UNSTORABLE.sub("\ufffd", text)


def key_identity(key: CacheKey) -> str:
    """Tell keys apart that share an idempotency key: two keys are the same if their identities are equal.

    A list and a tuple of the same parts are the same key; ``"a"`` and ``["a"]`` are not. The identity
    is JSON text without NUL or lone surrogates, so it can be stored in any database.

    Raises:
        InvalidArgumentError: The key is empty, or is neither text nor a list of JSON values.
    """
    if type(key) is str and key:
        return _string_text(key)
    parts = _parts(key)
    if isinstance(key, str):
        return _string_text(key)
    # A text and a number look alike once they are parts; quoted, they do not.
    texts = [_string_text(part) if isinstance(value, str) else part for value, part in zip(key, parts, strict=True)]
    return f"[{','.join(texts)}]"


def _parts(key: object) -> list[str]:
    """Check a key and turn it into texts: a list contributes its elements, one level flattened."""
    if isinstance(key, str):
        parts = [str(key)]
    elif isinstance(key, (list, tuple)):
        elements = cast("Sequence[object]", key)
        parts = [
            str(element) if isinstance(element, str) else _json_text(element, f"key[{index}]", 0)
            for index, element in enumerate(elements)
        ]
    else:
        raise InvalidArgumentError(
            f"A cache key is text, or a list of JSON values; {type_name(key)} is neither. For an automatic key, "
            "leave the key out and name every argument."
        )
    if not any(parts):
        raise InvalidArgumentError("A cache key is empty; give it a name, or leave it out to get an automatic one.")
    return parts


def _json_text(value: object, path: str, depth: int) -> str:
    """Print a value as JavaScript's ``JSON.stringify`` does, after sorting the keys of every object."""
    if depth > _MAX_KEY_DEPTH:
        raise InvalidArgumentError(f"{path}: a part of a cache key is nested more than {_MAX_KEY_DEPTH} deep.")
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return _string_text(value)
        case int():
            return _integer_text(int(value), path)
        case float():
            return _float_text(value, path)
        case list() | tuple():
            elements = enumerate(cast("Sequence[object]", value))
            return f"[{','.join(_json_text(item, child_path(path, at), depth + 1) for at, item in elements)}]"
        case dict():
            return _object_text(cast("dict[object, object]", value), path, depth)
        case _:
            raise InvalidArgumentError(f"{path}: {type_name(value)} cannot be part of a cache key; use JSON values.")


def _object_text(value: dict[object, object], path: str, depth: int) -> str:
    members: dict[str, object] = {}
    for name, member in value.items():
        if not isinstance(name, str):
            raise InvalidArgumentError(f"{path}: an object in a cache key has a key that is not text: {name!r}.")
        members[name] = member
    texts = [
        f"{_string_text(name)}:{_json_text(members[name], child_path(path, name), depth + 1)}"
        for name in sorted(members, key=_member_order)
    ]
    return f"{{{','.join(texts)}}}"


def _member_order(name: str) -> tuple[int, int, bytes]:
    """Sort as JavaScript lists members added in sorted order: array indexes by number, then by UTF-16 units."""
    if _ARRAY_INDEX.fullmatch(name) and int(name) <= _MAX_ARRAY_INDEX:
        return (0, int(name), b"")
    return (1, 0, name.encode("utf-16-be", "surrogatepass"))


def _string_text(value: str) -> str:
    if value.isprintable() and '"' not in value and "\\" not in value:
        return f'"{value!s}"'
    return _SURROGATE.sub(_escape, _quote(str(value)))


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def _integer_text(value: int, path: str) -> str:
    """Print every digit: beyond 2^53 JavaScript would round, and the keys of neighbouring ids would merge."""
    try:
        return str(value)
    except ValueError as error:
        raise InvalidArgumentError(f"{path}: {error}.") from error


def _float_text(value: float, path: str) -> str:
    if not math.isfinite(value):
        raise InvalidArgumentError(f"{path}: {value!r} cannot be part of a cache key; JSON has no such number.")
    return _number_text(value)


def _number_text(value: float) -> str:
    """Print a finite float by ECMAScript's Number::toString; Python finds the same digits but places them otherwise."""
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    significant = (whole + fraction).lstrip("0")
    point = len(significant) - len(fraction) + (int(exponent) if exponent else 0)
    digits = significant.rstrip("0")
    if len(digits) <= point <= 21:
        return f"{sign}{digits}{'0' * (point - len(digits))}"
    if 0 < point <= 21:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    rest = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{rest}e{point - 1:+d}"
