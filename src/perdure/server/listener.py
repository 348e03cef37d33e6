"""The listener of an embedded node: a port for callback URLs, served from the first connection on."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger(__name__)
_BACKLOG = 1024
_KEEP_ALIVE_SECONDS = 5
_EVERYWHERE = "0.0.0.0"


class Listener:
    """Listens on a free port of 127.0.0.1, or where the socket does that it is given.

    What serves requests takes a tenth of a second to load, and most nodes hand out no URL: until somebody connects
    there is only the socket.

    Args:
        port: The port to listen on if it is free, so that URLs handed out before a restart stay right; 0: any.
        inherited: A socket that listens already; this process's copy of it is closed in the end.
        public_url: The URL under which it is known beside its loopback one, if there is one.
    """

    def __init__(self, *, port: int = 0, inherited: socket.socket | None = None, public_url: str | None = None) -> None:
        self._public_url = public_url
        self._make_app: Callable[[], Any] | None = None
        if inherited is not None:
            inherited.setblocking(False)
        self._socket = _listen(port) if inherited is None else inherited
        self._loop = asyncio.get_running_loop()
        self._server: Any = None
        self._starting: asyncio.Task[None] | None = None

    def listen(self, make_app: Callable[[], Any]) -> None:
        """Begin to serve; ``make_app`` makes the ASGI application when it is needed."""
        self._make_app = make_app
        self._loop.add_reader(self._socket.fileno(), self._begin)

    @property
    def port(self) -> int:
        """The port it listens on."""
        port: int = self._socket.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        """Its URL, as this machine reaches it, without a slash at the end."""
        return f"http://{self._host}:{self.port}"

    @property
    def is_local(self) -> bool:
        """Whether that URL is of use on this machine only."""
        return self._host.startswith("127.")

    @property
    def _host(self) -> str:
        host = str(self._socket.getsockname()[0])
        return "127.0.0.1" if host == _EVERYWHERE else host

    def _begin(self) -> None:
        self._loop.remove_reader(self._socket.fileno())
        self._starting = self._loop.create_task(self._serve())

    async def _serve(self) -> None:
        # The import blocks the loop once; a thread would block it, too, as long as it holds the import lock.
        from perdure.api.host_guard import HostGuard
        from perdure.server.http import make_server

        assert self._make_app is not None
        app = self._make_app()
        # What listens for other machines is known to them by whatever name.
        host = str(self._socket.getsockname()[0])
        if host.startswith("127."):
            app = HostGuard(app, public_url=self._public_url, address=host)
        self._server = make_server(app, keep_alive=_KEEP_ALIVE_SECONDS)
        try:
            await self._server.startup(sockets=[self._socket])
        except Exception:
            _log.exception("The listener on %s could not be started.", self.url)

    async def close(self) -> None:
        """Answer what has arrived, then close the port."""
        if self._starting is None:
            self._loop.remove_reader(self._socket.fileno())
        else:
            await self._starting
            await self._server.shutdown(sockets=[self._socket])
        self._socket.close()


def _listen(port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.setblocking(False)
    try:
        listening.bind(("127.0.0.1", port))
    except OSError:
        if not port:
            listening.close()
            raise
        listening.bind(("127.0.0.1", 0))
    listening.listen(_BACKLOG)
    return listening
