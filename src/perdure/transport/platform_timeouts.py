"""Telling when it was not the app that ended an execution, but the platform it runs on (v2 protocol, section 6.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from perdure.protocol.outbound import OutboundResponse


def is_platform_timeout(answer: OutboundResponse) -> bool:
    """Say whether an answer means that the execution took longer than its platform allows."""
    headers = dict(answer.headers)
    if answer.status in (408, 504) or headers.get("x-vercel-error") == "FUNCTION_INVOCATION_TIMEOUT":
        return True
    if answer.status == 502:
        return b"TIME_LIMIT" in answer.body
    return answer.status == 503 and "cf-ray" in headers and b"Worker exceeded resource limits" in answer.body
