"""Answers: the one shape that errors have."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from collections.abc import Mapping


def error_answer(status: int, code: str, sentence: str, *, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Answer with an error.

    Args:
        status: The HTTP status.
        code: What programs look at; stable.
        sentence: What people read: what happened and what to do; no stack, path or secret.
        headers: Further headers.
    """
    body = {"error": sentence, "code": code, "request_id": f"req_{secrets.token_hex(8)}"}
    return JSONResponse(body, status, headers=headers)
