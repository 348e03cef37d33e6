"""Errors that the platform records itself, in the form from which an SDK raises them again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from perdure.protocol.execution import ErrorInfo
from perdure.protocol.json_text import JsonText, dump

if TYPE_CHECKING:
    from collections.abc import Mapping

    from perdure.errors import PerdureError


def failure_of(error: PerdureError, *, notes: Mapping[str, Any] | None = None) -> ErrorInfo:
    """Describe an error so that it comes back as its own class, with its message and those members that are JSON.

    Args:
        error: The error.
        notes: What else the platform is to know of it.
    """
    cls = type(error)
    members: dict[str, Any] = dict(vars(error))
    data = {"module": cls.__module__, "qualname": cls.__qualname__, "args": [error.message], "members": members}
    if notes:
        data["notes"] = dict(notes)
    return ErrorInfo(cls.__name__, error.message, data=JsonText(dump(data, root="error")))
