"""HTTP requests from outside, as they are received, stored and filtered (v2 protocol, sections 9, 11.1 and 12.2)."""

from __future__ import annotations

from base64 import b64decode, b64encode
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, cast

import msgspec
from msgspec import UNSET, Raw, Struct

from perdure.errors import JsonError
from perdure.protocol.json_text import JsonText, check, load
from perdure.protocol.messages.codec import MessageShapeError, decode_message, encode_message
from perdure.protocol.messages.instant import Instant
from perdure.protocol.messages.requests import RequestPayload

REQUEST: Final = "REQUEST"
"""The payload type of events that are requests."""

EVENT_PREFIX: Final = "httpendpoint."
"""What the name of such an event begins with; the id of the HTTP endpoint follows."""

DELIVERY_HEADERS: Final = (
    "webhook-id", "svix-id", "x-github-delivery", "x-shopify-webhook-id", "idempotency-key", "x-request-id",
)  # fmt: skip
"""The headers by which a sender names a delivery; the first that a request has counts."""

_LONGEST_ID: Final = 200
# They belong to one connection, or to a browser's dealings with this host.
_NOT_KEPT: Final = frozenset(
    {"connection", "cookie", "expect", "keep-alive", "proxy-authorization", "proxy-connection", "te", "trailer",
     "transfer-encoding", "upgrade"}
)  # fmt: skip


class ReceivedRequest(Struct, frozen=True, gc=False):
    """A request from outside.

    Attributes:
        method: In upper case.
        url: As its sender sees it.
        headers: Names in lower case; values of a repeated one are joined by commas.
        body: To the byte.
        received_at: When it came.
    """

    method: str
    url: str
    headers: dict[str, str]
    body: bytes
    received_at: datetime

    def __repr__(self) -> str:
        # Its URL and its headers may be secret.
        return f"ReceivedRequest({self.method!r}, ***)"


class GivenResponse(Struct, frozen=True, gc=False):
    """The response to such a request."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


def kept_headers(headers: list[tuple[str, str]]) -> dict[str, str]:
    """Join repeated headers, and leave out those that are no part of what was sent."""
    kept: dict[str, str] = {}
    for name, value in headers:
        lower = name.lower()
        if lower not in _NOT_KEPT:
            kept[lower] = f"{kept[lower]}, {value}" if lower in kept else value
    return kept


def request_payload(request: ReceivedRequest) -> JsonText:
    """Write a request as the payload of the event that it is."""
    try:
        text, encoded = request.body.decode(), None
    except UnicodeDecodeError:
        text, encoded = request.body.decode(errors="replace"), b64encode(request.body).decode()
    payload = RequestPayload(
        url=request.url,
        method=request.method,
        headers=request.headers,
        raw_body=text,
        raw_body_base64=UNSET if encoded is None else encoded,
        received_at=Instant.of(request.received_at),
    )
    return JsonText(encode_message(payload).decode())


def request_of(payload: JsonText) -> ReceivedRequest | None:
    """Read a request from the payload of the event that it is; ``None`` if it is none."""
    try:
        read = decode_message(payload.encode(), RequestPayload)
        body = (
            read.raw_body.encode() if read.raw_body_base64 is UNSET else b64decode(read.raw_body_base64, validate=True)
        )
    except (MessageShapeError, JsonError, ValueError):
        return None
    if read.received_at is UNSET:
        return None
    return ReceivedRequest(read.method, read.url, read.headers, body, read.received_at)


def request_view(request: ReceivedRequest) -> JsonText | None:
    """Write what filters of triggers see of a request; ``None`` if its body is no JSON, which no filter matches."""
    return _view(request.url, request.method, request.headers, request.body)


def view_of(payload: JsonText) -> JsonText | None:
    """Write the same of a request that its sender has written as an event's payload; ``None``, too, if it is none."""
    try:
        read = decode_message(payload.encode(), RequestPayload)
    except (MessageShapeError, JsonError):
        return None
    return _view(read.url, read.method, read.headers, read.raw_body.encode())


def json_body(request: ReceivedRequest) -> JsonText | None:
    """Give the body of a request if it is JSON, whatever its ``content-type``: vendors send that as text, too."""
    return _json(request.body)


def _view(url: str, method: str, headers: dict[str, str], body: bytes) -> JsonText | None:
    # Filters of triggers look at what says that it is JSON (v2 protocol, section 9), unlike those of requests.
    text = _json(body) if "application/json" in headers.get("content-type", "").lower() else None
    if text is None:
        return None
    seen = {"url": url, "method": method, "headers": headers, "body": Raw(text.encode())}
    return JsonText(msgspec.json.encode(seen).decode())


def _json(body: bytes) -> JsonText | None:
    try:
        return JsonText(check(body))
    except JsonError:
        return None


def delivery_id(request: ReceivedRequest, member: str | None = None) -> str | None:
    """Give what a request's sender names this delivery by; ``None`` if it does not say.

    Args:
        request: The request.
        member: The member of a JSON body that names it, for senders who say it there.
    """
    found = None if member is None else _text_member(request, member)
    if not found:
        found = next((request.headers[name] for name in DELIVERY_HEADERS if request.headers.get(name)), None)
    if found is None:
        return None
    if len(found) <= _LONGEST_ID and found.isascii() and found.isprintable():
        return found
    return sha256(found.encode(errors="surrogatepass")).hexdigest()


def _text_member(request: ReceivedRequest, name: str) -> str | None:
    body = json_body(request)
    value: Any = None if body is None else load(body)
    member = cast("dict[str, Any]", value).get(name) if isinstance(value, dict) else None
    return member if isinstance(member, str) else None
