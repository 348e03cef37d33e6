"""What is given on the command line besides names: members of objects, JSON, lengths of time, instants."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from perdure.cli.text import one_line
from perdure.errors import InvalidArgumentError, JsonError
from perdure.protocol.json_text import JsonText, check, dump, parse
from perdure.protocol.limits import BATCH_PAYLOAD_LIMIT

if TYPE_CHECKING:
    from collections.abc import Sequence

_MEMBER: Final = re.compile(r"(?P<name>.*?)(?P<mark>:=|=)(?P<value>.*)", re.DOTALL)
_DURATION: Final = re.compile(r"(\d{1,10}(?:\.\d{1,6})?)(ms|s|m|h|d|)")
_UNITS: Final = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_LARGEST: Final = BATCH_PAYLOAD_LIMIT
"""How many bytes of a file are read at most; a payload has fewer, without what may stand between its values."""

_LONGEST: Final = timedelta(days=36525)
_NOTATION: Final = "Write name=text, or name:=JSON for a number, true, null, a list or an object: city=Oslo n:=3."


def parse_members(texts: Sequence[str]) -> dict[str, Any]:
    """Read the members of an object: ``name=text`` and ``name:=JSON``.

    Raises:
        InvalidArgumentError: One of them is neither, or there are two of one name.
    """
    members: dict[str, Any] = {}
    for text in texts:
        found = _MEMBER.fullmatch(text)
        if found is None or not found["name"]:
            raise InvalidArgumentError(f"{text!r:.80} is no member of an object. {_NOTATION}")
        name = found["name"]
        if name in members:
            raise InvalidArgumentError(f"{name!r:.80} is given twice.")
        members[name] = _text(found["value"], name) if found["mark"] == "=" else _json(found["value"], name)
    return members


def payload_text(members: Sequence[str], whole: str | None) -> JsonText:
    """Give a payload as JSON text.

    Args:
        members: Members of an object, as for `parse_members`.
        whole: JSON, ``@FILE`` or ``@-`` for standard input; ``None``: the members are the payload.

    Raises:
        InvalidArgumentError: Both are given, or what is given is no JSON.
    """
    if whole is None:
        return JsonText(dump(parse_members(members), root="payload"))
    if members:
        raise InvalidArgumentError(f"--payload is the whole payload; {members[0]!r:.80} cannot be added to it.")
    return json_text(whole, "--payload")


def json_text(given: str, option: str) -> JsonText:
    """Give the JSON text of an option: JSON, ``@FILE``, or ``@-`` for standard input.

    Raises:
        InvalidArgumentError: It is no JSON, or the file cannot be read.
    """
    try:
        return JsonText(check(_read(given[1:], option) if given.startswith("@") else given))
    except JsonError as error:
        raise InvalidArgumentError(f"{option} takes JSON, @FILE, or @- for standard input. {error.message}") from error


def parse_duration(text: str, option: str) -> timedelta:
    """Read a length of time: ``30d``, ``12h``, ``90m``, ``2.5s``, ``200ms``, or seconds.

    Raises:
        InvalidArgumentError: It is none, or more than a hundred years.
    """
    found = _DURATION.fullmatch(text.strip())
    length = None if found is None else float(found[1]) * _UNITS[found[2]]
    if length is None or length > _LONGEST.total_seconds():
        raise InvalidArgumentError(
            f"{option} is a time such as 30d, 12h, 90m, 2.5s or 3600 (seconds), at most a century, not {text!r:.60}."
        )
    return timedelta(seconds=length)


def parse_instant(text: str, option: str) -> datetime:
    """Read an instant in ISO-8601, with its time zone.

    Raises:
        InvalidArgumentError: It is none, or has no time zone.
    """
    try:
        read = datetime.fromisoformat(text.strip())
        instant = read.astimezone(UTC) if read.utcoffset() is not None else None
    except (ValueError, OverflowError):
        instant = None
    if instant is None:
        raise InvalidArgumentError(
            f"{option} is an instant such as 2027-01-31T09:00:00Z or 2027-01-31T09:00:00+01:00, not {text!r:.60}."
        )
    return instant


def _read(name: str, option: str) -> bytes:
    """Read a file, or standard input, which may have no end."""
    try:
        if name == "-":
            read = sys.stdin.buffer.read(_LARGEST + 1)
        else:
            with Path(name).open("rb") as file:
                read = file.read(_LARGEST + 1)
    except OSError as error:
        raise InvalidArgumentError(f"{option}: {name} cannot be read: {error.strerror}.") from error
    if len(read) > _LARGEST:
        raise InvalidArgumentError(f"{option}: {name} has more than {_LARGEST:,} bytes.")
    return read


def _text(value: str, name: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        # What the terminal sent is in no encoding that the process knows.
        raise InvalidArgumentError(f"{name!r:.80}: the text is not UTF-8.") from error
    return value


def _json(value: str, name: str) -> Any:
    try:
        return parse(value)
    except JsonError as error:
        raise InvalidArgumentError(
            f"{name!r:.80}: what follows := is JSON, not {value!r:.60}. For a text write "
            f"{one_line(f'{name:.80}={value:.60}')}. "
            f"{error.message}"
        ) from error
