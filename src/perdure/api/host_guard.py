"""Refusing requests for other hosts, by which a page in a browser could otherwise reach a loopback server."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from perdure.api.answers import error_answer

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


class HostGuard:
    """Answers 421 to requests for other hosts.

    Args:
        app: What answers the rest.
        public_url: The URL under which the app is known beside its loopback ones, if there is one.
    """

    def __init__(self, app: ASGIApp, *, public_url: str | None = None) -> None:
        self._app = app
        self._hosts = LOOPBACK_HOSTS if public_url is None else LOOPBACK_HOSTS | {urlsplit(public_url).hostname or ""}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or refuse it."""
        if scope["type"] == "http" and _host(scope) not in self._hosts:
            answer = error_answer(421, "misdirected_request", "This server is not the host that the request names.")
            await answer(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _host(scope: Scope) -> str | None:
    named: list[bytes] = [value for name, value in scope["headers"] if name == b"host"]
    if len(named) != 1 or b"@" in named[0]:
        return None
    try:
        return urlsplit(f"//{named[0].decode('latin-1')}").hostname
    except ValueError:
        return None
