"""Refusing requests for other hosts, by which a page in a browser could otherwise reach a loopback server."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from perdure.api.answers import error_answer
from perdure.api.app import NodeApp

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from perdure.api.app import Direct, Headers

_MOST_PASSED = 100
"""How many ways to write an allowed host are remembered."""

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


class HostGuard:
    """Answers 421 to requests for other hosts.

    Args:
        app: What answers the rest.
        public_url: The URL under which the app is known beside its loopback ones, if there is one.
        address: The loopback address it listens on.
    """

    def __init__(self, app: ASGIApp, *, public_url: str | None = None, address: str = "127.0.0.1") -> None:
        self._app = app
        self._passed: set[bytes] = set()
        public = frozenset[str]() if public_url is None else {urlsplit(public_url).hostname or ""}
        self._hosts = LOOPBACK_HOSTS | {address} | public

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or refuse it."""
        if scope["type"] == "http" and not self._lets_pass(scope["headers"]):
            answer = error_answer(421, "misdirected_request", "This server is not the host that the request names.")
            await answer(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def find_direct(self, target: bytes, headers: Headers) -> Direct | None:
        """Find what answers a request without ASGI, as the app does."""
        if not isinstance(self._app, NodeApp) or not self._lets_pass(headers):
            return None
        return self._app.find_direct(target, headers)

    def _lets_pass(self, headers: Headers) -> bool:
        named = [value for name, value in headers if name == b"host"]
        if len(named) != 1:
            return False
        if named[0] in self._passed:
            return True
        lets_pass = _host(named[0]) in self._hosts
        if lets_pass and len(self._passed) < _MOST_PASSED:
            self._passed.add(named[0])
        return lets_pass


def _host(named: bytes) -> str | None:
    if b"@" in named:
        return None
    try:
        return urlsplit(f"//{named.decode('latin-1')}").hostname
    except ValueError:
        return None
