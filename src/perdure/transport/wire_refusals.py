"""What a platform of the v2 protocol refuses, as the exception that the same call raises in a node's own process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import msgspec

from perdure.errors import InvalidArgumentError, NotConnectedError, NotFoundError, PerdureError, ValueTooLargeError
from perdure.transport.bystanders import TOO_LARGE, too_large
from perdure.transport.node_errors import error_of, read_refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from perdure.transport.wire_request import WireReply, WireRequest


class RateLimitedError(NotConnectedError):
    """The platform was asked too often.

    Attributes:
        reset: When to go on, in Unix time in milliseconds.
    """

    def __init__(self, reset: int) -> None:
        super().__init__("The server was asked too often.")
        self.reset = reset


class KeyRefusedError(NotConnectedError):
    """The platform does not take the key that it is asked with."""


class UnreadableError(PerdureError):
    """The platform answers with something that the protocol has not."""


def check_rate(status: int, reset: str) -> None:
    """Refuse to go on where the platform was asked too often, and says until when.

    Raises:
        RateLimitedError: It was.
    """
    if status == 429 and reset.isdecimal():
        raise RateLimitedError(int(reset))


def refuse(reply: WireReply, url: str, request: WireRequest) -> WireReply:
    """Raise the error that a refusal is; that there is no such thing is an answer to HEAD."""
    if request.method == "HEAD" and reply.status == 404:
        return reply
    refused = read_refusal(reply.body)
    said = _sentence(reply.body) or f"The server at {url} answered with status {reply.status}."
    if reply.status in (401, 403):
        raise KeyRefusedError(f"The server at {url} does not take the API key of this app. {said}")
    if refused is not None:
        raise error_of(reply.status, refused, url=url)
    kinds: Mapping[int, type[PerdureError]] = {
        400: InvalidArgumentError,
        404: NotFoundError,
        413: ValueTooLargeError,
        422: InvalidArgumentError,
    }
    if reply.status == TOO_LARGE and _sentence(reply.body) is None:
        # A server says what is too large.
        raise ValueTooLargeError(too_large(url))
    raise kinds.get(reply.status, PerdureError)(said)


def _sentence(body: bytes) -> str | None:
    try:
        members: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if not isinstance(members, dict):
        return None
    given = cast("dict[str, object]", members)
    said = given.get("error") or given.get("message")
    return said if isinstance(said, str) else None
