"""Where an embedded node is reached: under the URL that the app has mounted it at, or on a loopback port of its own."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from perdure.errors import InvalidArgumentError
from perdure.server.listener import Listener
from perdure.storage import nodes

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from perdure.storage.interface import Storage

_log = logging.getLogger(__name__)


class Address:
    """A node's URL; made by `open_address`."""

    def __init__(
        self,
        storage: Storage,
        public_url: str | None,
        listener: Listener | None,
        last_port: int | None,
        *,
        is_known_to_be_local: bool = False,
    ) -> None:
        self._storage = storage
        self._public_url = public_url
        self._listener = listener
        self._last_port = last_port
        self._has_warned = is_known_to_be_local

    @property
    def url(self) -> str:
        """The URL under which the node's routes are reached, without a slash at its end."""
        if self._public_url is not None:
            return self._public_url
        assert self._listener is not None
        return self._listener.url

    @property
    def local_url(self) -> str | None:
        """The URL of the port that the node listens on itself, if there is one."""
        return None if self._listener is None else self._listener.url

    def hand_out(self) -> str:
        """Give the URL to somebody outside; the first time, warn if nobody on another machine can reach it."""
        is_local = self._public_url is None and self._listener is not None and self._listener.is_local
        if is_local and not self._has_warned:
            self._has_warned = True
            _log.warning(
                "Callback URLs begin with %s, which only this machine reaches. If others are to call back, set "
                "PERDURE_PUBLIC_URL (or public_url=) to the URL under which they reach this node: a server's own, or "
                "that of node.asgi() where an app has mounted it.",
                self.url,
            )
        return self.url

    def listen(self, make_app: Callable[[], Any]) -> None:
        """Serve what connects to the node's own port, if it has one."""
        if self._listener is not None:
            self._listener.listen(make_app)

    async def keep(self, node_no: int) -> None:
        """Let the next node on this database listen on the same port."""
        if self._listener is not None and self._listener.port != self._last_port:
            await self._storage.write(nodes.keep_port, node_no, port=self._listener.port)

    async def close(self) -> None:
        """Listen no more."""
        if self._listener is not None:
            await self._listener.close()


async def open_address(
    storage: Storage,
    public_url: str | None,
    *,
    inherited: socket.socket | None = None,
    always_listens: bool = False,
    is_known_to_be_local: bool = False,
) -> Address:
    """Check the public URL; without one, listen on the port of the node before, or on any that is free.

    Args:
        storage: The database.
        public_url: The URL, or ``None``.
        inherited: A socket that listens already, to be served whether there is a public URL or not.
        always_listens: Whether there is a port also with a public URL: for other processes of this machine.
        is_known_to_be_local: Whether nobody need be warned that a port of this machine is handed out.

    Raises:
        InvalidArgumentError: The URL is none of http or https with a host, or has a query or fragment.
    """
    if public_url is not None:
        public_url = check_public_url(public_url)
        if inherited is None and not always_listens:
            return Address(storage, public_url, None, None)
    if inherited is not None:
        listener = Listener(inherited=inherited, public_url=public_url)
        return Address(storage, public_url, listener, None, is_known_to_be_local=is_known_to_be_local)
    last_port = await storage.read(nodes.find_last_port)
    listener = Listener(port=last_port or 0, public_url=public_url)
    return Address(storage, public_url, listener, last_port, is_known_to_be_local=is_known_to_be_local)


def check_public_url(url: object) -> str:
    """Check a public URL; gives it without a slash at its end.

    Raises:
        InvalidArgumentError: It is none of http or https with a host, or has a query or fragment.
    """
    try:
        parts = urlsplit(url if isinstance(url, str) else "")
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and not (parts.query or parts.fragment)
    except ValueError:
        is_url = False
    if not is_url or not isinstance(url, str):
        raise InvalidArgumentError(
            f"public_url={url!r} is no URL to build others on; it looks like https://example.com/perdure."
        )
    return url.rstrip("/")
