"""Events that are HTTP requests: what their payload is (v2 protocol, sections 9 and 11.1)."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType

from perdure.protocol.messages.instant import Instant


class RequestPayload(Struct, frozen=True, kw_only=True, rename="camel"):
    """The payload of an event ``httpendpoint.<key>``.

    Attributes:
        raw_body: The body as text; where it is no UTF-8, with replacement characters.
        raw_body_base64: The body to the byte, where it is no UTF-8; v2 clients do not know it.
        received_at: When it came; v2 clients do not know it.
    """

    url: str
    method: str
    headers: dict[str, str]
    raw_body: str
    raw_body_base64: str | UnsetType = UNSET
    received_at: Instant | UnsetType = UNSET
