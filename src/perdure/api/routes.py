"""Routes: what each takes and answers, in one form for the dispatcher and for the document that describes them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

if TYPE_CHECKING:
    from starlette.responses import Response

    from perdure.api.calls import Call

Method = Literal["GET", "PUT", "POST", "DELETE"]
Handler = Callable[["Call"], Awaitable["Response"]]


class Parameter(Struct, frozen=True):
    """A member of a route's query.

    ``kind`` is the type of one value. ``is_repeated``: there may be several, any of which is meant.
    """

    name: str
    kind: Any
    description: str
    is_repeated: bool = False


class Route(Struct, frozen=True, kw_only=True):
    """A route; it is served as this says, and documented as this says.

    Attributes:
        method: GET is HEAD, too.
        path: With the names of its parts in braces.
        handler: Does it.
        summary: What it does, in a line.
        answer: The struct that it answers with, ``list`` of one, or ``None`` for any JSON.
        body: The struct that it takes; ``None``: no body; ``Any``: any JSON.
        content_type: That of both; what is not JSON has its structs' own members.
        may_be_empty: Whether no body stands for ``{}``.
        query: What it takes in the query.
        errors: The statuses of its refusals, beside 401, 421 and those of bodies.
        is_open: Whether it needs no key.
        allows_public: Whether the public key will do.
        is_for_owner: Whether only the server's own user may ask.
        has_cors: Whether pages in browsers may ask.
        is_stream: Whether it answers with server-sent events, each with the struct.
        has_v2_form: Whether members have the names of the v2 protocol.
        is_open_ended: Whether its last part may have slashes, which clients of that protocol do not encode.
        is_unlimited: Whether it is answered however often a key asks.
    """

    method: Method
    path: str
    handler: Handler
    summary: str
    answer: Any = None
    body: Any = None
    content_type: str = "application/json"
    may_be_empty: bool = False
    query: tuple[Parameter, ...] = ()
    errors: tuple[int, ...] = ()
    is_open: bool = False
    allows_public: bool = False
    is_for_owner: bool = False
    has_cors: bool = False
    is_stream: bool = False
    has_v2_form: bool = False
    is_open_ended: bool = False
    is_unlimited: bool = False


CURSOR = Parameter("cursor", str, "Where the page begins: next_cursor of the page before.")


def take(what: str, most: int = 50) -> Parameter:
    """Describe how large a page is to be."""
    return Parameter("take", int, f"How many {what} at most, 1 to {most}.")
