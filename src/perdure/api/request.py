"""A request whose headers are looked up in one step each: a call reads a dozen of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.datastructures import Headers
from starlette.requests import Request

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope


class ApiHeaders(Headers):
    """The headers of a request; of several with one name the first is found, as in ``Headers``."""

    def __init__(self, scope: Scope) -> None:
        # What Starlette's own does, without looking for what else it may be made of.
        self._list = scope["headers"]
        self._first = dict(reversed(self._list))

    def __getitem__(self, key: str) -> str:
        return self._first[key.lower().encode("latin-1")].decode("latin-1")

    def __contains__(self, key: Any) -> bool:
        return key.lower().encode("latin-1") in self._first

    def get(self, key: str, default: Any = None) -> Any:
        """Give the header of that name."""
        value = self._first.get(key.lower().encode("latin-1"))
        return default if value is None else value.decode("latin-1")


class ApiRequest(Request):
    """A request to a route of the API.

    Attributes:
        whole: Its body, if that had arrived before the request was looked at, or was read by who looked at it before
            its route; ``None``: it is to be read.
        can_upgrade: Whether its connection can go on with another protocol than HTTP.
    """

    def __init__(self, scope: Scope, receive: Receive) -> None:
        super().__init__(scope, receive)
        self._looked_up = ApiHeaders(scope)
        self.whole: bytes | None = None
        self.can_upgrade = False

    @property
    def headers(self) -> ApiHeaders:
        """Its headers."""
        return self._looked_up


def whole_request(
    method: str, path: str, headers: list[tuple[bytes, bytes]], parts: dict[str, str], body: bytes
) -> ApiRequest:
    """Make a request of which everything is known.

    Args:
        method: Its method.
        path: Its path, as it was sent; there is no query.
        headers: Its headers, by lower-case names.
        parts: The parts of its path that the route names, as they were sent.
        body: Its body.
    """
    of_path = {"path": path, "path_params": parts, "query_string": b""}
    scope = {"type": "http", "method": method, "headers": headers, **of_path}
    request = ApiRequest(scope, _nothing_more)
    request.whole = body
    request.can_upgrade = True
    return request


async def _nothing_more() -> Message:
    return {"type": "http.disconnect"}
