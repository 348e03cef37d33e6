"""Errors that the platform records itself, in the form from which an SDK raises them again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from perdure.protocol.execution import ErrorInfo
from perdure.protocol.json_text import JsonText, dump

if TYPE_CHECKING:
    from perdure.errors import PerdureError


def failure_of(error: PerdureError) -> ErrorInfo:
    """Describe an error so that it comes back as its own class, with its message and those members that are JSON."""
    cls = type(error)
    members: dict[str, Any] = dict(vars(error))
    data = {"module": cls.__module__, "qualname": cls.__qualname__, "args": [error.message], "members": members}
    return ErrorInfo(cls.__name__, error.message, data=JsonText(dump(data, root="error")))
