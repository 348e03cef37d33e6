"""What comes of one attempt at a request: the task's outcome, or another attempt."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, cast

from msgspec import Raw, Struct, json

from perdure.errors import FetchFailedError, JsonError, ResponseTooLargeError, RunError
from perdure.protocol.execution import JsonText
from perdure.protocol.json_text import MAX_DEPTH, check, dump, load
from perdure.protocol.limits import OUTPUT_LIMIT
from perdure.protocol.redacted import MASK, is_secret_header
from perdure.protocol.request_filter import NOT_JSON
from perdure.storage.operations import OperationRow, PollAttempt

if TYPE_CHECKING:
    from collections.abc import Iterable

    from perdure.protocol.outbound import OutboundResponse

ERROR_BODY_LIMIT: Final = 256 * 1024
"""Characters of JSON that the ``body`` of a failed fetch may have; a larger one is not kept."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# What is no JSON at all, rather than JSON that cannot be kept.
_NO_JSON = frozenset({"invalid_json", "invalid_encoding"})
# What carries a body is stored a few levels around it.
_KEPT_DEPTH = MAX_DEPTH - 4


class Verdict(Struct, frozen=True):
    """What comes of an attempt.

    Attributes:
        output: With this the task is COMPLETED, unless there is an error.
        error: With this it is ERRORED; or, with ``again_at``, only this attempt.
        again_at: When the next attempt is due.
        failures: How many requests in a row have not been answered now.
        attempt: What is kept of the attempt as a task of its own.
        has_text_body: Whether the body in the error is no JSON.
    """

    output: JsonText | None = None
    error: RunError | None = None
    again_at: datetime | None = None
    failures: int = 0
    attempt: PollAttempt | None = None
    has_text_body: bool = False


class Body(Struct, frozen=True):
    """The body of an answer.

    Attributes:
        text: Its JSON text; ``null`` if it is not JSON.
        value: The value; ``NOT_JSON`` if it is not JSON.
        problem: Why it cannot be kept although it is JSON, or ``None``.
    """

    text: JsonText
    value: Any
    problem: str | None = None


def read_body(body: bytes) -> Body:
    """Read the body of an answer as JSON."""
    try:
        text = JsonText(check(body.removeprefix(_BYTE_ORDER_MARK)))
    except JsonError as error:
        problem = None if error.reason in _NO_JSON else error.message
        return Body(JsonText("null"), NOT_JSON, problem)
    return Body(text, load(text))


def answer_output(response: OutboundResponse, body: Body, *, whole: bool) -> JsonText:
    """Write an answer as the output of a task.

    Args:
        response: The answer.
        body: Its body.
        whole: Whether to write status, headers and body, not the body alone.

    Raises:
        FetchFailedError: The body is JSON that cannot be kept.
        ResponseTooLargeError: The output is over 3 MiB.
    """
    if body.problem is not None:
        raise FetchFailedError(f"the body of the answer cannot be kept: {body.problem}", status=response.status)
    if not whole:
        return body.text
    members = {"status": response.status, "headers": shown_headers(response), "data": Raw(body.text.encode())}
    text = json.encode(members)
    if len(text) > OUTPUT_LIMIT:
        raise ResponseTooLargeError(f"the answer, headers included, is larger than {OUTPUT_LIMIT // 1024**2} MiB.")
    return JsonText(text.decode())


def plain_headers(response: OutboundResponse) -> dict[str, str]:
    """Give the headers of an answer by name in lower case; what came several times is joined with commas."""
    headers: dict[str, str] = {}
    for name, value in response.headers:
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def shown_headers(response: OutboundResponse) -> dict[str, str]:
    """Give the headers of an answer as they may be stored: secret ones masked."""
    return {name: MASK if is_secret_header(name) else value for name, value in plain_headers(response).items()}


def status_error(response: OutboundResponse, body: Body) -> FetchFailedError:
    """Make the error for an answer that is a failure; its body is JSON, else text, as far as it can be kept."""
    value = body.value
    if value is NOT_JSON:
        value = response.body.decode(errors="replace").replace("\x00", "\ufffd") or None
    kept = value if is_kept(value, limit=ERROR_BODY_LIMIT) else None
    left_out = "" if kept is not None or value is None else f" Its body of {len(response.body):,} bytes was not kept."
    return FetchFailedError(f"the answer has status {response.status}.{left_out}", status=response.status, body=kept)


def about(row: OperationRow, error: RunError) -> RunError:
    """Make the error that the job gets: the same, saying which call it comes from."""
    described = type(error)(f"{row.operation} {row.shown!r} failed: {error.message}")
    described.__dict__.update(error.__dict__)
    return described


def is_kept(value: Any, *, limit: int) -> bool:
    """Say whether a body is small and flat enough to be stored beside something else.

    Args:
        value: The body, as JSON.
        limit: How many characters of JSON it may have.
    """
    return not _is_deeper(value, _KEPT_DEPTH) and len(dump(value)) <= limit


def _is_deeper(value: Any, limit: int) -> bool:
    """Whether arrays and objects are nested deeper than so many levels."""
    level: list[Any] = [value]
    for _ in range(limit + 1):
        level = [item for one in level for item in _items(one)]
        if not level:
            return False
    return True


def _items(value: object) -> Iterable[Any]:
    if isinstance(value, dict):
        return cast("dict[str, Any]", value).values()
    return cast("Iterable[Any]", value) if isinstance(value, list) else ()
