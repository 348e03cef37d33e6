"""The link between the supervisor and its node's process, which ends when either of them does."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

if TYPE_CHECKING:
    from msgspec import Struct

T = TypeVar("T")

_CHUNK = 65536


class Link:
    """One end of it. Messages are JSON, one a line.

    Args:
        end: A stream socket, which blocks.
    """

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._read = b""

    @classmethod
    def pair(cls) -> tuple[Link, Link]:
        """Make both ends; a process that is started inherits one only if it is told to."""
        first, second = socket.socketpair()
        return cls(first), cls(second)

    @classmethod
    def of(cls, descriptor: int) -> Link:
        """Take the end that was inherited."""
        end = socket.socket(fileno=descriptor)
        end.set_inheritable(False)
        return cls(end)

    @property
    def descriptor(self) -> int:
        """Its file descriptor."""
        return self._end.fileno()

    def send(self, message: Struct) -> None:
        """Send a message; if the other end is gone, nobody hears it."""
        try:
            self._end.sendall(msgspec.json.encode(message) + b"\n")
        except OSError:
            return

    def receive(self, kind: Any) -> Any:
        """Wait for the next message; ``None`` when the other end is gone.

        Args:
            kind: The type of the message, or a union of types.
        """
        while b"\n" not in self._read:
            try:
                chunk = self._end.recv(_CHUNK)
            except OSError:
                return None
            if not chunk:
                return None
            self._read += chunk
        line, _, self._read = self._read.partition(b"\n")
        return msgspec.json.decode(line, type=kind)

    def close(self) -> None:
        """Close this end."""
        self._end.close()
