"""A call: one request to one route, and what the route may read of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote_to_bytes

from perdure.api.bodies import read_body
from perdure.api.paths import decode_segment
from perdure.api.refusals import Refusal, unfit
from perdure.protocol.api_json import decode
from perdure.protocol.json_text import MAX_DEPTH, MAX_NODES, check

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence

    from starlette.requests import Request

    from perdure.api.keys import Access, Keys
    from perdure.api.streams import Streams
    from perdure.engine.remote_desk import RemoteDesk
    from perdure.protocol.management import Desk

T = TypeVar("T")

BODY_LIMIT = 4 * 1024 * 1024
"""How many bytes a body may have."""

_UNREADABLE = "\ufffd"
"""What is read for bytes that are no UTF-8; it may have been sent, too."""

_TRUE, _FALSE = ("true", "1"), ("false", "0")
_MOST_DIGITS = 9


class Call:
    """What the function of a route is given.

    Attributes:
        access: What it may do, and where.
        desk: What its environment can be asked.
        remote: What endpoints elsewhere ask beside that.
        request: The request.
        keys: The keys of its node.
        streams: The streams that are open.
        stopping: Set when the node is about to stop.
    """

    def __init__(
        self, access: Access, request: Request, *, keys: Keys, streams: Streams, stopping: asyncio.Event
    ) -> None:
        self.access = access
        self.desk: Desk = access.environment.desk
        self.remote: RemoteDesk = access.environment.remote
        self.request = request
        self.keys = keys
        self.streams = streams
        self.stopping = stopping

    def check_again(self) -> None:
        """Let what has begun go on.

        Raises:
            Refusal: Its key opens nothing any more.
        """
        self.keys.check_again(self.access)

    # Of its URL.

    def part(self, name: str) -> str:
        """Give a part of the path that the route names, decoded."""
        return decode_segment(self.request.path_params[name])

    def check_query(self, names: Sequence[str]) -> None:
        """Refuse members of the query that the route does not know.

        Raises:
            Refusal: There is one.
        """
        for name in self.request.query_params:
            if name not in names:
                known = f"it takes {', '.join(names)}" if names else "it takes none"
                raise unfit(name[:100], f"This route knows no {name[:100]!r} in the query; {known}.")

    def text(self, name: str) -> str | None:
        """Give a member of the query.

        Raises:
            Refusal: It is there twice, or the query is no UTF-8.
        """
        given = self.texts(name)
        if len(given) > 1:
            raise unfit(name, f"{name} is there {len(given)} times; give it once.")
        return given[0] if given else None

    def texts(self, name: str) -> list[str]:
        """Give every value of a member of the query.

        Raises:
            Refusal: The query is no UTF-8.
        """
        given = self.request.query_params.getlist(name)
        if any(_UNREADABLE in value for value in given):
            try:
                unquote_to_bytes(self.request.scope["query_string"]).decode()
            except UnicodeDecodeError:
                raise Refusal(400, "invalid_encoding", "The query of the URL is not UTF-8.") from None
        return given

    def number(self, name: str, default: int) -> int:
        """Give a whole number of the query.

        Raises:
            Refusal: It is none.
        """
        given = self.text(name)
        if given is None:
            return default
        digits = given.removeprefix("-")
        if not (digits.isascii() and digits.isdecimal()) or len(digits) > _MOST_DIGITS:
            raise unfit(name, f"{name}={given[:40]!r} is no whole number.")
        return int(given)

    def flag(self, name: str) -> bool:
        """Give a yes or no of the query; ``False`` if it is not there.

        Raises:
            Refusal: It is neither.
        """
        given = self.text(name)
        if given is None or given in _FALSE:
            return False
        if given not in _TRUE:
            raise unfit(name, f"{name} is true or false, not {given[:40]!r}.")
        return True

    # Of its body.

    async def body(self, kind: type[T], *, depth: int = 1, or_nothing: bool = False) -> T:
        """Read the body.

        Args:
            kind: The struct that it holds.
            depth: How many arrays and objects of the body enclose JSON text that it holds.
            or_nothing: Whether no body at all stands for ``{}``.

        Raises:
            Refusal: It is too large, too slow or no JSON by its Content-Type.
            JsonError: It is no acceptable JSON.
            MessageShapeError: It does not have the members of the struct.
        """
        data = await self.json_text(limit=BODY_LIMIT, depth=depth, or_nothing="{}" if or_nothing else None)
        return decode(data.encode(), kind, is_strict=True)

    async def json_text(self, *, limit: int, depth: int = 0, or_nothing: str | None = None) -> str:
        """Read the body, which is any JSON.

        Raises:
            Refusal: It is too large, too slow or no JSON by its Content-Type.
            JsonError: It is no acceptable JSON.
        """
        data = await self._read_json(limit)
        if or_nothing is not None and not data.strip():
            return or_nothing
        return check(data, max_depth=MAX_DEPTH + depth)

    async def json_bytes(self, *, limit: int, depth: int = 0, max_nodes: int = MAX_NODES) -> bytes:
        """Read the body as `json_text` does, but leave it as it is."""
        data = await self._read_json(limit)
        check(data, max_depth=MAX_DEPTH + depth, max_nodes=max_nodes)
        return data

    async def _read_json(self, limit: int) -> bytes:
        given = self.request.headers.get("content-type", "application/json")
        if given != "application/json":
            kind = given.partition(";")[0].strip().lower()
            if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
                raise Refusal(415, "unsupported_media_type", "Send JSON, with Content-Type: application/json.")
        return await read_body(self.request, limit=limit, may_be_gzip=True)


def page_of(call: Call, *, take: int = 20) -> dict[str, Any]:
    """Read which page of a list is asked for."""
    return {"cursor": call.text("cursor"), "take": call.number("take", take)}
