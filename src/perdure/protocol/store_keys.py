"""Names of stored values, and the keys they have on the wire and in the database (v2 protocol, section 4.5)."""

from __future__ import annotations

import re
from typing import Final

from perdure.errors import InvalidArgumentError
from perdure.protocol.limits import KEY_LIMIT

_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
# Clients and proxies resolve such segments of a URL's path, in which the name is one.
_DOTS: Final = re.compile(r"(?:^|/)\.{1,2}(?:/|$)")
_OWNER: Final = re.compile("(?:job|run):[^:]+:")
_OWNED: Final = ("job:", "run:")


def job_key(job_id: str, name: str) -> str:
    """Give the key of a value in a job's store."""
    return f"job:{job_id}:{name}"


def run_key(run_id: str, name: str) -> str:
    """Give the key of a value in a run's store."""
    return f"run:{run_id}:{name}"


def check_name(value: object, *, what: str = "name") -> str:
    """Check the name of a stored value, or the key of a status.

    Args:
        value: The name.
        what: What it is called in messages.

    Returns:
        The name.

    Raises:
        InvalidArgumentError: It is no text, empty, over 512 bytes, or holds control characters, lone surrogates or
            a path segment ``.`` or ``..``.
    """
    if not isinstance(value, str):
        raise InvalidArgumentError(f"{what} is a text, not {value!r:.80}.")
    if not value.isprintable() and _CONTROL.search(value):
        raise InvalidArgumentError(f"{what} is a text without control characters, not {value!r:.80}.")
    size = len(value.encode())
    if not 1 <= size <= KEY_LIMIT:
        raise InvalidArgumentError(f"{what} has 1 to {KEY_LIMIT} bytes of UTF-8; this one has {size}.")
    if _DOTS.search(value):
        raise InvalidArgumentError(f'{what} must not hold the path segment "." or "..": {value!r:.80}.')
    return value


def check_environment_name(value: object) -> str:
    """Check the name of a value in an environment's store.

    Raises:
        InvalidArgumentError: As `check_name`, or it begins like the key of a job's or a run's value.
    """
    name = check_name(value)
    if name.startswith(_OWNED):
        raise InvalidArgumentError(
            f"In the store of an environment a name must not begin with {name[:4]!r}, as {name!r:.80} does: the values "
            "of jobs and runs are kept under such names. Use the store of the job or the run, or another name."
        )
    return name


def check_key(key: str) -> str:
    """Check a key as it is stored: a name, alone or behind the job or run that owns it.

    Raises:
        InvalidArgumentError: As `check_name`.
    """
    owner = _OWNER.match(key)
    check_name(key if owner is None else key[owner.end() :], what="key")
    return key
