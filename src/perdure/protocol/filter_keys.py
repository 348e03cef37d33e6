"""One value that an event filter asks for, so that those who wait can be found by it instead of one after the other."""

from __future__ import annotations

import re
from typing import Any, Final, cast

from perdure.protocol.json_text import dump, load

NO_KEY = ("", "")
"""The key of a filter that asks for no single value."""

_HALF: Final = re.compile("[\ud800-\udfff]")


def filter_key(filter: Any) -> tuple[str, str]:
    """Give a place and a value, both as text, without which the filter cannot hold; or `NO_KEY`.

    Args:
        filter: An event filter (v2 protocol, section 12.1) that compiles.
    """
    found = _find(filter, ())
    return NO_KEY if found is None else (dump(found[0]), found[1])


def values_at(path: str, payload: Any) -> list[str]:
    """List the values that stand at a place, in the form that `filter_key` gives them, each once."""
    found: list[str] = []
    _collect(load(path), 0, payload, found)
    return list(dict.fromkeys(found))


def _find(filter: Any, path: tuple[str, ...]) -> tuple[tuple[str, ...], str] | None:
    for name, member in cast("dict[str, Any]", filter).items():
        if isinstance(member, dict):
            found = _find(member, (*path, name))
            if found is not None:
                return found
        elif len(member) == 1:
            value = _text_of(member[0])
            if value is not None:
                return (*path, name), value
    return None


def _collect(path: list[str], depth: int, value: object, found: list[str]) -> None:
    if isinstance(value, list):
        for item in cast("list[object]", value):
            _collect(path, depth, item, found)
    elif depth == len(path):
        text = _text_of(value)
        if text is not None:
            found.append(text)
    elif isinstance(value, dict):
        members = cast("dict[str, object]", value)
        if path[depth] in members:
            _collect(path, depth + 1, members[path[depth]], found)


def _text_of(value: Any) -> str | None:
    """Text and whole numbers only: of them it is plain which are equal. 1 and 1.0 are; 1 and true are not."""
    if isinstance(value, str):
        # No database holds half of a surrogate pair.
        return f"s{value}" if value.isascii() or not _HALF.search(value) else f"j{dump(value)}"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return f"n{value}" if isinstance(value, int) and not isinstance(value, bool) else None
