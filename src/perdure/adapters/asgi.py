"""An app's jobs as an ASGI application."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from perdure.adapters.exchange import BODY_LIMIT, DEFAULT_PATH, TOO_LARGE, AppAnswer, AppRequest
from perdure.adapters.handler import AppHandler

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from perdure.sdk.client import Client

    Scope = MutableMapping[str, Any]
    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]

_NOT_FOUND = AppAnswer(404, {"content-type": "application/json"}, b'{"message":"There is nothing under this path."}')


class AsgiJobs:
    """The jobs of a client as an ASGI application: alone, or mounted in another one.

    Jobs run on the event loop that serves it.

    Args:
        client: The client.
        path: Under which path it answers if it is not mounted; ``None``: under any.
    """

    def __init__(self, client: Client, *, path: str | None = DEFAULT_PATH) -> None:
        self._handler = AppHandler(client)
        self._path = None if path is None else f"/{path.strip('/')}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or take part in the life of the server."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1000})

    async def _live(self, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await self._handler.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._is_meant(scope):
            await _send(_NOT_FOUND, send)
            return
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            if len(body) > BODY_LIMIT:
                await _send(TOO_LARGE, send)
                return
            if not message.get("more_body", False):
                break
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        request = AppRequest(scope["method"], headers, bytes(body))
        answer = await _unless_gone(self._handler.handle(request), receive)
        if answer is not None:
            await _send(answer, send)

    def _is_meant(self, scope: Scope) -> bool:
        if self._path is None:
            return True
        path: str = scope["path"]
        below = path.removeprefix(scope.get("root_path", "")).rstrip("/")
        return below in ("", self._path) or path.rstrip("/") == self._path


async def _unless_gone(answering: Any, receive: Receive) -> AppAnswer | None:
    """Wait for an answer as long as somebody waits for it; a server that has died executes its runs anew."""
    answer: asyncio.Task[AppAnswer] = asyncio.ensure_future(answering)
    gone = asyncio.ensure_future(_gone(receive))
    try:
        await asyncio.wait((answer, gone), return_when=asyncio.FIRST_COMPLETED)
        return await answer if answer.done() else None
    finally:
        for task in (answer, gone):
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue


async def _send(answer: AppAnswer, send: Send) -> None:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers.items()]
    headers.append((b"content-length", str(len(answer.body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
