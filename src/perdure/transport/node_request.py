"""What a node is asked and what it answers; and of what failed, whether the node may have done it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from perdure.transport.signer import Signer

if TYPE_CHECKING:
    from perdure.transport.node_target import Target

ANSWER_LIMIT: Final = 256 * 1024 * 1024
"""How many bytes of one answer are read."""

CONNECT_SECONDS: Final = 5.0
"""How long a node may take to accept a connection."""


class NodeRequest(Struct, frozen=True):
    """What a node is asked.

    Attributes:
        method: The HTTP method.
        target: Path and query, percent-encoded.
        body: JSON text, or ``None``.
        repeats: Whether it may be sent again if nobody knows what became of it.
        headers: Those that say in whose name it is asked.
    """

    method: str
    target: str
    body: bytes | None = None
    repeats: bool = True
    headers: tuple[tuple[str, str], ...] = ()


class NodeReply(Struct, frozen=True):
    """What a node answered. ``is_native``: whether the answer names a version of perdure."""

    status: int
    body: bytes
    is_native: bool


class NodeHead(Struct, frozen=True):
    """The beginning of an answer that is handed on as it is."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]


class NotSentError(Exception):
    """The request has not reached a node."""


class LostError(Exception):
    """There was no answer; whether the node has done what was asked is not known."""


def headers_of(target: Target, request: NodeRequest, signer: Signer | None = None) -> dict[str, str]:
    """Give the headers that say who asks, where, and what the body is.

    Args:
        target: Who is asked.
        request: What.
        signer: Says who asks; ``None``: the key does.
    """
    headers = dict(request.headers)
    if target.environment is not None:
        headers["Perdure-Environment"] = target.environment
    if request.body is not None:
        headers["Content-Type"] = "application/json"
    said = Signer(target.api_key) if signer is None else signer
    return {**headers, **said.headers(request.method, request.target, body=request.body, headers=headers.items())}
