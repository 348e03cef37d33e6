"""Answers: JSON, and the one shape that errors have."""

from __future__ import annotations

import random
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.responses import Response

from perdure.protocol.api_json import encode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from perdure.api.refusals import Refusal


class JsonAnswer(Response):
    """An answer whose body is JSON text already."""

    media_type = "application/json"

    def __init__(self, content: bytes, status_code: int = 200, headers: Mapping[str, str] | None = None) -> None:
        # Nothing is looked at twice: this is a tenth of what Starlette's own takes.
        self.status_code = status_code
        self.body = content
        self.background = None
        given = {b"content-length": b"%d" % len(content), b"content-type": b"application/json"}
        if headers is not None:
            for name, value in headers.items():
                given[name.lower().encode("latin-1")] = value.encode("latin-1")
        self.raw_headers = list(given.items())


@cache
def perdure_version() -> str:
    """Give the version that every answer names."""
    return version("perdure")


def new_request_id() -> str:
    """Make the id that an answer and the log name a request by."""
    # It is no secret, and asking the system for random bytes takes longer than all that is done to the headers.
    return f"req_{random.getrandbits(64):016x}"


def complete(response: Response, request_id: str, fixed: Mapping[bytes, bytes], counted: Mapping[str, str]) -> None:
    """Give an answer headers in place of its own; nobody keeps it, unless it says otherwise.

    Args:
        response: The answer.
        request_id: The id of the request.
        fixed: What answers of this kind always have, by lower-case names.
        counted: What this one has, likewise.
    """
    given = {b"cache-control": b"no-store", **dict(response.raw_headers), **fixed}
    given[b"x-request-id"] = request_id.encode("ascii")
    for name, value in counted.items():
        given[name.encode("ascii")] = value.encode("ascii")
    response.raw_headers = list(given.items())


def answer(value: Any, *, status: int = 200) -> Response:
    """Answer with a struct of the API, or a list of them."""
    return JsonAnswer(encode(value), status)


def error_answer(
    status: int,
    code: str,
    sentence: str,
    *,
    headers: Mapping[str, str] | None = None,
    request_id: str | None = None,
    members: Mapping[str, Any] | None = None,
) -> Response:
    """Answer with an error.

    Args:
        status: The HTTP status.
        code: What programs look at; stable.
        sentence: What people read: what happened and what to do; no stack, path or secret.
        headers: Further headers.
        request_id: The id of the request; ``None``: a new one.
        members: Further members of the body.
    """
    name = new_request_id() if request_id is None else request_id
    # A path that is no UTF-8 may be part of a sentence.
    body = {"error": sentence.encode(errors="replace").decode(), "code": code, "request_id": name, **(members or {})}
    return JsonAnswer(msgspec.json.encode(body), status, headers={**(headers or {}), "X-Request-Id": name})


def refuse(refusal: Refusal, request_id: str) -> Response:
    """Answer with a refusal."""
    return error_answer(
        refusal.status,
        refusal.code,
        refusal.sentence,
        headers=refusal.headers,
        request_id=request_id,
        members=refusal.members,
    )
