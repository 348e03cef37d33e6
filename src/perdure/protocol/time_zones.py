"""Time zones by name, the same ones on every machine."""

from __future__ import annotations

from datetime import UTC, tzinfo
from difflib import get_close_matches
from functools import lru_cache

from perdure.errors import InvalidArgumentError
from perdure.protocol.value_paths import type_name


def find_zone(name: object) -> tzinfo:
    """Look a time zone up by its name in the IANA database, such as ``Europe/Berlin``.

    Raises:
        InvalidArgumentError: There is none of that name.
    """
    if name == "UTC":
        return UTC
    if not isinstance(name, str):
        raise InvalidArgumentError(f'timezone= is the name of a time zone such as "Europe/Berlin", not {_shown(name)}.')
    # Looked up in a list, no name can be a path, and a file system that takes `europe/berlin` makes no difference.
    if name not in _names():
        near = get_close_matches(name[:64], _names(), n=1, cutoff=0.6)
        hint = f' Did you mean "{near[0]}"?' if near else ""
        raise InvalidArgumentError(
            f'There is no time zone {name!r:.80}; timezone= is a name such as "Europe/Berlin" or "UTC".{hint}'
        )
    # Imported when a zone is needed: most apps need none.
    from zoneinfo import ZoneInfo

    return ZoneInfo(name)


@lru_cache(maxsize=1)
def _names() -> frozenset[str]:
    from importlib.resources import files

    text = files("tzdata").joinpath("zones").read_text(encoding="ascii")
    return frozenset(text.split()) - {"Factory"}


def _shown(name: object) -> str:
    return f"{name!r:.80}" if isinstance(name, (tzinfo, type(None))) else type_name(name)
