"""Proof of where packets went: a listener for every address of this machine, and every call of connect."""

from __future__ import annotations

import contextlib
import socket
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_WATCHERS: list[list[tuple[str, int]]] = []


def _note_connect(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect" and _WATCHERS and isinstance(arguments[1], tuple):
        for watcher in _WATCHERS:
            watcher.append(arguments[1][:2])


# The interpreter itself reports, so nothing that connects can be overlooked. A hook cannot be taken away again.
sys.addaudithook(_note_connect)


@contextlib.contextmanager
def watching_connects() -> Iterator[list[tuple[str, int]]]:
    """Give the list of addresses that sockets of this process are connected to in the block."""
    seen: list[tuple[str, int]] = []
    _WATCHERS.append(seen)
    try:
        yield seen
    finally:
        _WATCHERS.remove(seen)


class Listener:
    """Listens on one port of every address of this machine, and accepts nothing until it is asked."""

    def __init__(self) -> None:
        self._sockets = [socket.create_server(("0.0.0.0", 0), backlog=1000)]
        self.port: int = self._sockets[0].getsockname()[1]
        if socket.has_ipv6:
            with contextlib.suppress(OSError):
                self._sockets.append(socket.create_server(("::", self.port), family=socket.AF_INET6, backlog=1000))
        for listening in self._sockets:
            listening.setblocking(False)

    def count(self) -> int:
        """Say how many connections have come in."""
        return sum(1 for listening in self._sockets for _ in _accepted(listening))

    def close(self) -> None:
        """Stop listening."""
        for listening in self._sockets:
            listening.close()


def _accepted(listening: socket.socket) -> Iterator[None]:
    with contextlib.suppress(BlockingIOError):
        while True:
            listening.accept()[0].close()
            yield
