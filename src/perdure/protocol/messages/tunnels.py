"""Tunnels: requests for an app without a public URL, over a web socket (v2 protocol, section 4.11)."""

from __future__ import annotations

from typing import cast

from msgspec import Struct

from perdure.protocol.messages.codec import decode_message


class TunnelAnswer(Struct, frozen=True, kw_only=True, rename="camel"):
    """The answer of ``POST /api/v1/tunnels``: host and path of the tunnel, without a scheme."""

    url: str


class TunnelRequest(Struct, frozen=True, kw_only=True, rename="camel", tag_field="type", tag="request"):
    """A request on its way to the app; ``url`` is path and query, ``body`` is text."""

    id: str
    headers: dict[str, str]
    method: str
    url: str
    body: str


class TunnelResponse(Struct, frozen=True, kw_only=True, rename="camel", tag_field="type", tag="response"):
    """The app's answer to the request with the same ``id``."""

    id: str
    status: int
    headers: dict[str, str]
    body: str


TunnelFrame = TunnelRequest | TunnelResponse


def decode_tunnel_frame(data: bytes) -> TunnelFrame:
    """Read a frame of a tunnel.

    Raises:
        JsonError: The text is not JSON.
        MessageShapeError: It is neither a request nor a response.
    """
    return cast("TunnelFrame", decode_message(data, TunnelFrame))
