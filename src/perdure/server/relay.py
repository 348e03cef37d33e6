"""Handing requests on: a process that is attached has the owner of the database answer what it is asked."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from starlette.requests import Request

from perdure.api.answers import new_request_id, refuse
from perdure.api.bodies import read_body
from perdure.api.paths import sent_path
from perdure.api.refusals import Refusal, refusal_of
from perdure.transport.node_link import PATIENCE_SECONDS, perdure_version
from perdure.transport.node_request import LostError, NodeHead, NodeRequest, NotSentError
from perdure.transport.node_session import NodeSession

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from perdure.server.embedded_node import EmbeddedNode
    from perdure.transport.node_target import Finder

BODY_LIMIT: Final = 4 * 1024 * 1024
"""How many bytes the body of a request may have that is handed on."""

_PAUSE: Final = 0.1
# They belong to one connection.
_NOT_HANDED_ON: Final = frozenset(
    {b"connection", b"content-length", b"expect", b"host", b"keep-alive", b"proxy-connection", b"te", b"trailer",
     b"transfer-encoding", b"upgrade"}
)  # fmt: skip


class Relay:
    """An ASGI application: the node of this process answers if there is one, else the owner of the database.

    Args:
        finder: Knows where the owner is.
        own: Gives the node of this process, once there is one.
    """

    def __init__(self, finder: Finder, *, own: Callable[[], EmbeddedNode | None]) -> None:
        self._finder = finder
        self._find_own = own
        self._own_app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or have it answered."""
        app = self._own()
        if app is not None:
            await app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
        elif scope["type"] == "http":
            try:
                await self._hand_on(scope, receive, send)
            except Refusal as error:
                request_id = new_request_id()
                await refuse(refusal_of(error, request_id), request_id)(scope, receive, send)

    def _own(self) -> ASGIApp | None:
        if self._own_app is None and (node := self._find_own()) is not None:
            self._own_app = node.asgi()
        return self._own_app

    async def _hand_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await read_body(Request(scope, receive), limit=BODY_LIMIT)
        query = scope["query_string"].decode("latin-1")
        request = NodeRequest(scope["method"], sent_path(scope) + (f"?{query}" if query else ""), body or None)
        session = NodeSession(perdure_version())
        try:
            answer = await self._ask(session, request, scope)
            if answer is not None:
                await _send_on(*answer, receive, send)
        finally:
            await session.close()
        own = self._own()
        if answer is None and own is not None:
            await own(scope, _replay(body, receive), send)

    async def _ask(
        self, session: NodeSession, request: NodeRequest, scope: Scope
    ) -> tuple[NodeHead, AsyncIterator[NodeHead | bytes]] | None:
        """Have the owner answer, whoever that comes to be: the head of the answer, and the rest of it.

        Returns:
            ``None`` if it is this process that has come to be the owner.

        Raises:
            Refusal: Nobody answers.
        """
        headers = [
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in scope["headers"]
            if name.lower() not in _NOT_HANDED_ON
        ]
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while self._own() is None:
                    target = self._finder.find()
                    if target is not None:
                        parts = session.relay(target, request, headers)
                        try:
                            head = await anext(parts)
                            assert isinstance(head, NodeHead)
                            return head, parts
                        except NotSentError:
                            pass
                    await asyncio.sleep(_PAUSE)
                return None
        except (LostError, TimeoutError):
            sentence = "The process that owns the database does not answer; send the request again later."
            raise Refusal(503, "not_connected", sentence, headers={"Retry-After": "1"}) from None


async def _send_on(head: NodeHead, parts: AsyncIterator[NodeHead | bytes], receive: Receive, send: Send) -> None:
    """Send an answer on as it comes, until it ends or nobody reads it any more."""
    sending = asyncio.ensure_future(_pump(head, parts, send))
    leaving = asyncio.ensure_future(_until_gone(receive))
    try:
        await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        leaving.cancel()
        sending.cancel()
        await asyncio.gather(sending, leaving, return_exceptions=True)


async def _pump(head: NodeHead, parts: AsyncIterator[NodeHead | bytes], send: Send) -> None:
    headers = [(name, value) for name, value in head.headers if name.lower() not in _NOT_HANDED_ON]
    await send({"type": "http.response.start", "status": head.status, "headers": headers})
    async for part in parts:
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _replay(body: bytes, receive: Receive) -> Receive:
    """Give a body once more that was read already."""
    left: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return left.pop() if left else await receive()

    return again
