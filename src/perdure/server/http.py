"""The HTTP server of a node: uvicorn with limits of its own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import uvicorn

from perdure.server.http_protocol import MOST_CONNECTIONS, DeadlineProtocol

if TYPE_CHECKING:
    import socket

_SHUTDOWN_SECONDS = 2
# From a connection that was taken until its protocol knows: it is made, begins, and is handed on.
_TURNS: Final = 3


class StoppingServer(uvicorn.Server):
    """uvicorn's server, which leaves connections open by itself that it is just taking when it stops."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections, end those that there are, and wait for what is at work."""
        loop = asyncio.get_running_loop()
        # Other event loops hand a connection on in the turn in which they take it.
        if isinstance(loop, asyncio.SelectorEventLoop):
            for listening in [one for server in self.servers for one in server.sockets]:
                loop.remove_reader(listening)
            for _ in range(_TURNS):
                await asyncio.sleep(0)
        await super().shutdown(sockets)

    async def _wait_tasks_to_complete(self) -> None:
        # uvicorn has such a deadline, too, and logs an error for what is cut off. It is none: whoever asked learns from
        # the end of the connection that it is to ask again.
        try:
            async with asyncio.timeout(_SHUTDOWN_SECONDS):
                await super()._wait_tasks_to_complete()
        except TimeoutError:
            for task in self.server_state.tasks:
                task.cancel()


def make_server(app: Any, *, keep_alive: int) -> uvicorn.Server:
    """Make a server that the caller starts on a socket of its own, on the running loop, and stops.

    Args:
        app: The ASGI application.
        keep_alive: How many seconds an idle connection stays open.
    """
    config = uvicorn.Config(
        app,
        http=DeadlineProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        # Whoever forwards requests is not believed; where a URL depends on it, its route looks for itself.
        proxy_headers=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=keep_alive,
    )
    config.load()
    server = StoppingServer(config)
    server.lifespan = config.lifespan_class(config)
    return server
