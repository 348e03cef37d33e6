"""Deliveries: HTTP requests handed on to an app (v2 protocol, sections 3.9, 3.10 and 3.11).

The request's body travels as the body of the action; everything else travels in headers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeVar

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from perdure.errors import JsonError, ValueTooLargeError
from perdure.protocol.json_text import JsonText, check
from perdure.protocol.messages.auth import ConnectionAuth
from perdure.protocol.messages.codec import decode_message, encode_message
from perdure.protocol.messages.events import RawEvent

CARRIED_LIMIT: Final = 8 * 1024
"""How many bytes JSON may have that each delivery to a source carries in a header; Node takes 16 KiB of all headers."""


def _header_name(member: str) -> str:
    return "x-ts-" + member.replace("_", "-")


class Delivery(Struct, frozen=True, kw_only=True, rename=_header_name):
    """The headers of every delivery, and all those of DELIVER_HTTP_ENDPOINT_REQUEST_FOR_RESPONSE.

    Attributes:
        key: That of the source, webhook or HTTP endpoint.
        http_url: URL of the request that is handed on; with it go its method and its headers.
    """

    key: str
    http_url: str
    http_method: str
    http_headers: dict[str, str]


class WebhookDelivery(Delivery, frozen=True, kw_only=True, rename=_header_name):
    """The headers of DELIVER_WEBHOOK_REQUEST."""

    secret: str
    params: Raw
    dynamic_id: str | UnsetType = UNSET


class SourceDelivery(WebhookDelivery, frozen=True, kw_only=True, rename=_header_name):
    """The headers of DELIVER_HTTP_SOURCE_REQUEST.

    Attributes:
        params: ``{}`` when there are none; so is ``data``.
        dynamic_id: Slug of the dynamic trigger.
        metadata: What the app answered the last time.
    """

    data: Raw
    auth: ConnectionAuth | UnsetType = UNSET
    metadata: Raw | UnsetType = UNSET


class NormalizedResponse(Struct, frozen=True, kw_only=True, rename="camel"):
    """A response that the server is to give; the answer of DELIVER_HTTP_ENDPOINT_REQUEST_FOR_RESPONSE."""

    status: int
    headers: dict[str, str] | UnsetType = UNSET
    body: Raw | UnsetType = UNSET


class SourceDeliveryAnswer(Struct, frozen=True, kw_only=True, rename="camel"):
    """The answer of DELIVER_HTTP_SOURCE_REQUEST; ``metadata`` is kept for the next delivery."""

    events: list[RawEvent]
    response: NormalizedResponse
    metadata: Raw | UnsetType = UNSET


class WebhookDeliveryAnswer(Struct, frozen=True, kw_only=True, rename="camel"):
    """The answer of DELIVER_WEBHOOK_REQUEST; ``error`` says why the request is not ``verified``."""

    response: NormalizedResponse
    verified: bool
    error: str | UnsetType = UNSET


_D = TypeVar("_D", bound=Delivery)

_JSON_HEADERS = frozenset({"x-ts-params", "x-ts-data", "x-ts-http-headers", "x-ts-auth", "x-ts-metadata"})


def write_delivery_headers(delivery: Delivery) -> dict[str, str]:
    """Return the headers of a delivery; JSON among them is on one line and in ASCII."""
    members = decode_message(encode_message(delivery), dict[str, Raw])
    return {
        name: _one_ascii_line(text) if name in _JSON_HEADERS else msgspec.json.decode(text, type=str)
        for name, text in members.items()
    }


def check_carried(text: bytes, what: str) -> JsonText:
    """Check JSON that deliveries are to carry from now on, and keep its text for storage.

    Args:
        text: The JSON.
        what: What it is called in an error's message.

    Raises:
        JsonError: As `perdure.protocol.json_text.parse`.
        ValueTooLargeError: No delivery could be sent with it any more.
    """
    checked = JsonText(check(text))
    size = len(_one_ascii_line(Raw(checked.encode())))
    if size > CARRIED_LIMIT:
        raise ValueTooLargeError(
            f"{what} has {size:,} bytes of JSON in ASCII; at most {CARRIED_LIMIT:,} go into the header that carries it."
        )
    return checked


def read_delivery_headers(headers: Mapping[str, str], kind: type[_D]) -> _D:
    """Read the headers of a delivery, whose names are in lower case.

    Raises:
        JsonError: A header that holds JSON does not.
        MessageShapeError: A header is missing, or its JSON is of the wrong type.
    """
    members: dict[str, str | Raw] = {
        name: _checked_json(name, text) if name in _JSON_HEADERS else text
        for name, text in headers.items()
        if name.startswith("x-ts-")
    }
    return decode_message(msgspec.json.encode(members), kind)


def _checked_json(name: str, text: str) -> Raw:
    # Checked alone, or the header could close its member and add others.
    try:
        return decode_message(text.encode(), Raw)
    except JsonError as error:
        raise JsonError(f"The header {name} does not hold JSON: {error.message}", code=error.reason) from error


def _one_ascii_line(text: Raw) -> str:
    try:
        line = msgspec.json.format(bytes(text), indent=-1).decode()
    except msgspec.DecodeError:
        # It holds half of a surrogate pair. In strings there are no line breaks.
        line = bytes(text).translate(None, b"\t\n\r").decode()
    # Outside ASCII there are only characters of strings, so escaping them changes no meaning.
    return line if line.isascii() else "".join(map(_ascii, line))


def _ascii(character: str) -> str:
    if character.isascii():
        return character
    units = character.encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
