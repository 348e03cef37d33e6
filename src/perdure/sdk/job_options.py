"""What may be said of a job, checked where it is declared."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any, Final

from perdure.errors import InvalidArgumentError
from perdure.protocol.ids import slugify
from perdure.protocol.value_paths import type_name
from perdure.sdk.annotations import name_of
from perdure.sdk.names import check_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.sdk.records import RunNotification

LOG_LEVELS: Final = ("debug", "info", "log", "warn", "error")
"""The levels that ``log_level=`` takes; lines below the level are not stored."""

_VERSION: Final = re.compile(r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)")
_POSITIONAL: Final = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def as_slug(id: object) -> str:
    """Make a slug of a job's id (v2 protocol, section 1).

    Raises:
        InvalidArgumentError: It is no text, or nothing of it is left.
    """
    slug = slugify(id) if isinstance(id, str) else ""
    check_name(slug or id, what="A job's id")
    if not slug:
        raise InvalidArgumentError(f"A job's id has letters, digits or one of - . _ ~; {id!r} has none of them.")
    return slug


def as_version(version: object, *, job: str) -> str:
    """Check a job's version.

    Raises:
        InvalidArgumentError: It is no semantic version of three numbers.
    """
    if isinstance(version, str) and _VERSION.fullmatch(version):
        return version
    raise InvalidArgumentError(
        f'The version of job {job!r} is a semantic version "X.Y.Z", three whole numbers, not {version!r}.'
    )


def as_log_level(value: object) -> str:
    """Read a ``log_level=`` argument; ``warning`` is ``warn``.

    Raises:
        InvalidArgumentError: There is no such level.
    """
    level = "warn" if value == "warning" else value
    if isinstance(level, str) and level in LOG_LEVELS:
        return level
    raise InvalidArgumentError(f"log_level= is one of {', '.join(LOG_LEVELS)}, not {value!r}.")


def as_hook(fn: object, *, what: str) -> Callable[[RunNotification], Any] | None:
    """Check a function that is to be called with a notification.

    Raises:
        InvalidArgumentError: It is no function.
    """
    if fn is None or callable(fn):
        return fn
    raise InvalidArgumentError(f"{what} is a function that takes a RunNotification, not {fn!r:.60}.")


def is_plain(run: object) -> bool:
    """Whether a job's function is a plain one, which runs in a thread.

    Raises:
        InvalidArgumentError: It is no function, or one that makes a generator.
    """
    if not callable(run) or isinstance(run, type):
        what = f"the class {run.__qualname__}" if isinstance(run, type) else type_name(run)
        raise InvalidArgumentError(f"A job is made of a function, async or plain, not of {what}.")
    called = type(run).__call__
    if inspect.iscoroutinefunction(run) or inspect.iscoroutinefunction(called):
        return False
    if any(test(one) for one in (run, called) for test in (inspect.isgeneratorfunction, inspect.isasyncgenfunction)):
        raise InvalidArgumentError(f"{name_of(run)} makes a generator, and a job's function returns its output.")
    return True


def positional_count(run: Callable[..., Any]) -> int:
    """Count how much a job's function takes: 1, 2 or 3 arguments.

    Raises:
        InvalidArgumentError: It cannot be called with that.
    """
    name = name_of(run)
    parameters = inspect.signature(run).parameters.values()
    positional = [one for one in parameters if one.kind in _POSITIONAL]
    required = [one for one in positional if one.default is one.empty]
    most = 3 if any(one.kind is one.VAR_POSITIONAL for one in parameters) else min(len(positional), 3)
    by_keyword = any(one.kind is one.KEYWORD_ONLY and one.default is one.empty for one in parameters)
    if most == 0 or len(required) > 3 or by_keyword:
        raise InvalidArgumentError(f"{name} is to take (payload), (payload, io) or (payload, io, ctx).")
    return most
