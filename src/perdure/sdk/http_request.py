"""What HTTP endpoints take and give: requests, responses, and what became of a verification."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct, field

from perdure.errors import JsonError
from perdure.protocol.json_text import parse
from perdure.protocol.received import ReceivedRequest, request_payload


class HttpRequest(Struct, frozen=True, rename="camel"):
    """A request from outside, as its sender sent it.

    Attributes:
        method: In upper case.
        url: The whole URL, with its query.
        headers: Names in lower case; the values of a repeated one are joined by commas.
        raw_body: The body as text; where it is no UTF-8, with replacement characters.
        raw_body_base64: The body to the byte, where it is no UTF-8.
        received_at: When it came; ``None`` in requests that no node has received.
    """

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict[str, str])
    raw_body: str = ""
    raw_body_base64: str | None = None
    received_at: datetime | None = None

    def __repr__(self) -> str:
        # Its URL and its headers may be secret.
        return f"HttpRequest({self.method!r}, ***)"

    @classmethod
    def of(cls, request: ReceivedRequest) -> HttpRequest:
        """Make it of what a node has received."""
        import msgspec

        return msgspec.json.decode(request_payload(request), type=cls)

    @property
    def body(self) -> bytes:
        """The body, to the byte."""
        return self.raw_body.encode() if self.raw_body_base64 is None else b64decode(self.raw_body_base64)

    def text(self) -> str:
        """Give the body as text.

        Raises:
            UnicodeDecodeError: It is no UTF-8.
        """
        return self.raw_body if self.raw_body_base64 is None else self.body.decode()

    def json(self) -> Any:
        """Give the body as the JSON that it is.

        It comes from outside, so it is held to the limits that all such JSON has: UTF-8, 64 arrays and objects within
        one another, 100,000 values, no ``NaN``, no key twice in an object.

        Raises:
            JsonError: It is none, or not within them; also a `RunError` and a ``ValueError``. ``reason`` says which.
        """
        try:
            return parse(self.body)
        except JsonError as error:
            raise JsonError(
                f"The body of this request is not JSON that perdure accepts: {error.message} "
                "Catch JsonError where such bodies may come; .body has the bytes.",
                code=error.reason,
            ) from error


class HttpResponse(Struct, frozen=True):
    """What ``respond_with`` answers.

    Attributes:
        status: 200 to 599.
        body: Text, bytes, or any other JSON value, which is sent as JSON; ``None``: nothing.
        headers: Further headers.
    """

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


class VerifyResult(Struct, frozen=True):
    """Whether a request is what it says it is; ``reason`` says why not."""

    success: bool
    reason: str | None = None
