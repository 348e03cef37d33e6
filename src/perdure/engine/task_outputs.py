"""What tasks have come to, as clients of the v2 protocol get it: of one that failed its error (sections 7 and 8.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from msgspec import UNSET, Raw, UnsetType

from perdure import errors
from perdure.errors import (
    FetchFailedError,
    FetchTimeoutError,
    InvalidArgumentError,
    PerdureError,
    PollTimeoutError,
    WaitTimeoutError,
)
from perdure.protocol.execution import ErrorInfo
from perdure.protocol.json_text import JsonText, dump, load
from perdure.protocol.operation_bounds import FETCH, FETCH_RESPONSE, POLL
from perdure.protocol.operations import poll_timeout, request_timeout
from perdure.protocol.statuses import TaskStatus

if TYPE_CHECKING:
    from perdure.protocol.runs import RunTaskAnswer
    from perdure.storage.remote_tasks import RemoteTask

KEPT_OUTPUT = 256 * 1024
"""Characters of JSON up to which something else than an error is kept, that an endpoint says a task failed with."""

TEXT_BODY = "has_text_body"
"""What is noted of the error of a request: the body in it is no JSON."""

_REQUESTS = (FETCH, FETCH_RESPONSE, POLL)
_NOTHING_CAME = b'"Remote callback timeout - no requests received"'
_CLOSED = ErrorInfo("Error", "Its run failed before it had come to anything.")
_NOTHING_JAVASCRIPT_KEEPS = (None, False, 0, "")


def task_output(task: RemoteTask | RunTaskAnswer, *, is_native: bool = False) -> Raw | UnsetType:
    """Write what a task came to: of one that failed its error."""
    if task.status is not TaskStatus.ERRORED:
        return UNSET if task.output is None else Raw(task.output.encode())
    error = _CLOSED if task.error is None else task.error
    if is_native:
        return Raw(_error_output(error, is_native=True))
    if error.name == WaitTimeoutError.__name__ and _has_callback(task.details):
        return Raw(_NOTHING_CAME)
    if task.operation in _REQUESTS:
        return Raw(_request_output(task.operation, task.params, error))
    return Raw(_error_output(error))


def given_error(given: object) -> ErrorInfo:
    """Read what an endpoint of the v2 protocol says that a task failed with: an error, or any other JSON.

    That it is, where a task has failed with another that the server did: its output may be anything (section 6.6).
    """
    members = _members(given)
    message, name, stack = members.get("message"), members.get("name"), members.get("stack")
    if isinstance(message, str):
        return ErrorInfo(name if isinstance(name, str) else "Error", message, stack if isinstance(stack, str) else None)
    text = dump(given)
    data = JsonText(dump({"output": given})) if len(text) <= KEPT_OUTPUT else None
    return ErrorInfo("Error", text, data=data)


def _error_output(error: ErrorInfo, *, is_native: bool = False) -> bytes:
    """Write what an ERRORED task came to: never nothing (v2 protocol, section 18, row 12)."""
    if not is_native:
        given = _data(error).get("output", UNSET)
        if given is not UNSET:
            return dump(given).encode()
    shown = {"message": error.message, "name": error.name}
    if error.stack is not None:
        shown["stack"] = error.stack
    if is_native and error.data is not None:
        shown["data"] = error.data
    return dump(shown).encode()


def _request_output(operation: str, params: JsonText | None, error: ErrorInfo) -> bytes:
    """Write what a request came to that failed: the JSON body of the answer, else what v2 says of it.

    The body stays as it is: clients tell the code the text of the whole where they find no ``message`` in it.
    """
    kind = _kind(error)
    message = error.message
    if kind is FetchFailedError:
        data = _data(error)
        status, body = (data.get("members", {}).get(name) for name in ("status", "body"))
        # What cannot be kept of an answer that is a success has a sentence of its own.
        if isinstance(status, int) and not 200 <= status < 300:
            if body not in _NOTHING_JAVASCRIPT_KEEPS and data.get("notes", {}).get(TEXT_BODY) is not True:
                return dump(body).encode()
            message = f"Fetch failed with status {status}"
    elif kind is FetchTimeoutError:
        message = f"Fetch timed out after {_number(request_timeout(operation, _object(params)) * 1000)}ms"
    elif kind is PollTimeoutError:
        message = f"Task timed out after {_number(poll_timeout(_object(params)))} seconds"
    elif kind is not None and issubclass(kind, InvalidArgumentError):
        message = f"Invalid {'poll' if operation == POLL else 'fetch'} operation: {message}"
    shown = {"message": message, "name": error.name}
    if kind is not None:
        shown["code"] = kind.code
    return dump(shown).encode()


def _kind(error: ErrorInfo) -> type[PerdureError] | None:
    kind = getattr(errors, error.name, None)
    return kind if isinstance(kind, type) and issubclass(kind, PerdureError) else None


def _data(error: ErrorInfo) -> dict[str, Any]:
    return {} if error.data is None else _members(load(error.data))


def _object(params: JsonText | None) -> dict[str, Any]:
    return {} if params is None else _members(load(params))


def _members(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _number(value: float) -> str:
    """Write a number as JavaScript does."""
    return str(int(value)) if value == int(value) else str(value)


def _has_callback(details: JsonText | None) -> bool:
    return details is not None and load(details).get("callback") is True
