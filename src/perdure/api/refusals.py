"""Refusals: why a request is not done, with the status and the code to answer with."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from perdure.errors import (
    AlreadyDeliveredError,
    CannotContinueError,
    DuplicateJobError,
    ExecutionError,
    JobDisabledError,
    JsonError,
    NotConnectedError,
    NotFoundError,
    PayloadValidationError,
    PerdureError,
    RunError,
    StorageError,
    StorageFullError,
    ValueTooLargeError,
)
from perdure.protocol.messages.codec import MessageShapeError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_log = logging.getLogger(__name__)

_UNFIT: Final = 422
_AGAIN: Final = {"Retry-After": "1"}
_FULL: Final = "The disk of the server is full; nothing was stored. Ask again: it goes on once there is room."
# Of a commit that failed nobody knows whether it was stored.
_NOT_NOW: Final = "The database could not do it now. Ask again, with the same ids: nothing is done twice."
_CONFLICTS: Final = (AlreadyDeliveredError, CannotContinueError, DuplicateJobError, ExecutionError, JobDisabledError)


class Refusal(Exception):
    """A request is not done.

    Args:
        status: The HTTP status.
        code: What programs look at; stable.
        sentence: What people read: what happened and what to do; no stack, path or secret.
        headers: Further headers of the answer.
        issues: What of the request does not fit, each with ``path`` and ``message``; with 422 never none.
        members: Further members of the answer.
    """

    def __init__(
        self,
        status: int,
        code: str,
        sentence: str,
        *,
        headers: Mapping[str, str] | None = None,
        issues: Sequence[Mapping[str, Any]] | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(sentence)
        if status == _UNFIT and issues is None:
            issues = [{"path": [], "message": sentence}]
        self.status = status
        self.code = code
        self.sentence = sentence
        self.headers = headers
        self.members = {**(members or {}), **({} if issues is None else {"issues": issues})}


def unfit(member: str, sentence: str) -> Refusal:
    """Refuse a member of a URL's query that does not fit."""
    return unfit_at([member], sentence)


def unfit_at(path: Sequence[str | int], sentence: str) -> Refusal:
    """Refuse a member of a body, wherever in it it stands."""
    return Refusal(422, "invalid_field", sentence, issues=[{"path": list(path), "message": sentence}])


def refusal_of(error: Exception, request_id: str) -> Refusal:
    """Say how an error is answered; one that is no fault of the caller is logged."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, (MessageShapeError, PayloadValidationError)):
        issues = [{"path": list(issue.path), "message": issue.message} for issue in error.issues]
        return Refusal(_UNFIT, error.code, error.message, issues=issues or None)
    if isinstance(error, JsonError):
        return Refusal(400, error.reason, error.message)
    if isinstance(error, NotFoundError):
        return Refusal(404, error.code, error.message)
    if isinstance(error, _CONFLICTS):
        return Refusal(409, error.code, error.message)
    if isinstance(error, ValueTooLargeError):
        return Refusal(413, error.code, error.message)
    if isinstance(error, RunError):
        return Refusal(422, error.code, error.message)
    if isinstance(error, NotConnectedError):
        return Refusal(503, error.code, error.message, headers=_AGAIN)
    if isinstance(error, StorageError):
        # Its own sentence may name a file.
        _log.warning("Request %s could not be done: %s", request_id, error)
        return Refusal(503, error.code, _FULL if isinstance(error, StorageFullError) else _NOT_NOW, headers=_AGAIN)
    _log.error("Request %s failed.", request_id, exc_info=error)
    code = error.code if isinstance(error, PerdureError) else "internal_error"
    return Refusal(500, code, "Something went wrong here; it has been logged.")
