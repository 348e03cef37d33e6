"""Halves of surrogate pairs in the texts of messages: JSON may hold them as escapes, and UTF-8 cannot.

JavaScript leaves them where it cuts a text. The library that reads and writes messages refuses them, so each is
exchanged for another character. Which of those stood for a half, and for which, shows where a message is read, or
written, twice: once with a character that names the half, once with one that is the same for all. Where the two differ,
there was one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, cast

from msgspec import Struct
from msgspec.structs import fields, replace

Path = tuple[str | int, ...]
Settle = Callable[[str, str, Path], str]
"""Gives the text that two readings of it come to; where it stands, with the names that are on the wire."""

HALF: Final = re.compile("[\ud800-\udfff]")
REPLACEMENT: Final = "\ufffd"

# An escape follows an even number of backslashes. Only halves and pairs are found: other escapes may be millions.
_ESCAPES: Final = re.compile(
    rb"(?<!\\)((?:\\\\)*)\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2}))"
)
# 2,048 characters for private use follow the 2,048 halves.
_OFFSET: Final = 0x800
_SAME: Final = "\uffff"
_NAMES: Final = re.compile(rb"\xee[\x80-\x9f][\x80-\xbf]")


def replace_escapes(data: bytes) -> bytes:
    """Write the replacement character in the place of each half that JSON holds as an escape."""
    return _ESCAPES.sub(lambda found: rb"%b\ufffd" % found[1] if found[2] else found[0], data)


def name_escapes(data: bytes) -> bytes:
    """Write what names it in the place of each half that JSON holds as an escape; the text stays as long as it is."""
    return _ESCAPES.sub(
        lambda found: rb"%b\u%04x" % (found[1], int(found[2][1:], 16) + _OFFSET) if found[2] else found[0], data
    )


def hide_escapes(data: bytes) -> bytes:
    """Write the same character in the place of each of them."""
    return _ESCAPES.sub(lambda found: rb"%b\uffff" % found[1] if found[2] else found[0], data)


def restore_halves(named: str, hidden: str) -> str:
    """Put halves back into a text that was read twice."""
    if named == hidden:
        return named
    return "".join([one if one == other else chr(ord(one) - _OFFSET) for one, other in zip(named, hidden, strict=True)])


def replace_halves(named: str, hidden: str) -> str:
    """Put the replacement character there."""
    return "".join([one if one == other else REPLACEMENT for one, other in zip(named, hidden, strict=True)])


def settle_texts(named: Any, hidden: Any, settle: Settle, path: Path = ()) -> Any:
    """Make one message of two readings of it; what is JSON of users stays as it is in the first."""
    if isinstance(named, str):
        return settle(named, cast("str", hidden), path)
    if isinstance(named, Struct):
        changed: dict[str, Any] = {}
        for field in fields(named):
            member = getattr(named, field.name)
            settled = settle_texts(member, getattr(hidden, field.name), settle, (*path, field.encode_name))
            if settled is not member:
                changed[field.name] = settled
        return replace(named, **changed) if changed else named
    if isinstance(named, (list, tuple)):
        pairs = enumerate(zip(cast("list[Any]", named), cast("list[Any]", hidden), strict=True))
        return [settle_texts(one, other, settle, (*path, place)) for place, (one, other) in pairs]
    if isinstance(named, dict):
        members, others = cast("dict[str, Any]", named), cast("dict[str, Any]", hidden)
        # Keys that differ by their halves alone were one in the second reading.
        keys = list(others) if len(others) == len(members) else [_SAME * len(name) for name in members]
        return {
            settle(name, key, path): settle_texts(member, others.get(key, member), settle, (*path, name))
            for (name, member), key in zip(members.items(), keys, strict=True)
        }
    return named


def write_halves(message: Any, encode: Callable[[Any], bytes]) -> bytes:
    """Write a message whose texts have halves, each as an escape."""
    hidden = encode(rewrite_texts(message, lambda text: HALF.sub(_SAME, text)))
    named = encode(rewrite_texts(message, lambda text: HALF.sub(lambda half: chr(ord(half[0]) + _OFFSET), text)))

    def escape(found: re.Match[bytes]) -> bytes:
        if hidden[found.start()] == named[found.start()]:
            return found[0]
        return rb"\u%04x" % (ord(found[0].decode()) - _OFFSET)

    return _NAMES.sub(escape, named)


def rewrite_texts(value: Any, change: Callable[[str], str]) -> Any:
    """Change every text of a message that is no JSON of users."""
    return settle_texts(value, value, lambda text, _, __: change(text))
