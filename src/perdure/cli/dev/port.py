"""The port: the socket that outlives every process of the node, or who has taken it."""

from __future__ import annotations

import contextlib
import errno
import socket
from pathlib import Path

from perdure.errors import InvalidArgumentError, PerdureError

DEFAULT_PORT = 3030
HOST = "127.0.0.1"
_BACKLOG = 1024
_LISTENING = "0A"
"""The state of a socket that listens, in ``/proc/net/tcp``."""


class PortTakenError(PerdureError):
    """The port cannot be listened on."""


def listen(port: int, *, host: str = HOST) -> socket.socket:
    """Listen on a port.

    Args:
        port: Its number; 0: any that is free.
        host: The address; by default that which only this machine reaches.

    Raises:
        InvalidArgumentError: There is no such port.
        PortTakenError: It cannot be listened on.
    """
    if not 0 <= port <= 65535:
        raise InvalidArgumentError(f"--port is a number from 0 to 65535, not {port}.")
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            who = find_owner(port)
            by = "" if who is None else f" by {who}"
            raise PortTakenError(
                f"Port {port} is in use{by}. End that, or choose another one: --port {_next(port)}."
            ) from error
        raise PortTakenError(f"Port {port} cannot be listened on: {error.strerror}. Choose another one.") from error
    return listening


def find_owner(port: int, *, proc: Path = Path("/proc")) -> str | None:
    """Say which process listens on a port, as far as that can be known.

    Args:
        port: Its number.
        proc: Where the kernel tells of processes.

    Returns:
        Such as ``process 4711 (python app.py)``; ``None`` if it cannot be known.
    """
    sockets = {f"socket:[{inode}]" for inode in _list_listening(port, proc)}
    if not sockets:
        return None
    for process in sorted(proc.iterdir(), key=lambda path: path.name):
        # Those of others may not be looked into, and any may end meanwhile.
        with contextlib.suppress(OSError):
            if process.name.isdecimal() and any(_target(file) in sockets for file in (process / "fd").iterdir()):
                return f"process {process.name} ({_command(process)})"
    return None


def _list_listening(port: int, proc: Path) -> list[str]:
    found: list[str] = []
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in (proc / "net" / table).read_text(encoding="ascii").splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                    found.append(fields[9])
    return found


def _target(file: Path) -> str:
    with contextlib.suppress(OSError):
        return str(file.readlink())
    return ""


def _command(process: Path) -> str:
    words = (process / "cmdline").read_text(encoding="utf-8", errors="replace").split("\0")
    shown = " ".join(word for word in [Path(words[0]).name, *words[1:]] if word.isprintable() and word)
    return shown if len(shown) <= 80 else f"{shown[:79]}…"


def _next(port: int) -> int:
    return port + 1 if port < 65535 else 3030
