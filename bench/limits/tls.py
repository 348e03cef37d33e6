"""What a TLS connection takes of memory, whatever is built on it: nothing but OpenSSL as Python drives it."""

from __future__ import annotations

import gc
import select
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.certificate import write_certificate
from bench.limits.loops import read_resident_bytes
from bench.limits.rates import emit
from bench.processes import running

PORT, TLS_PORT = 8391, 8392
CONNECTIONS = 1000
REQUEST = b"GET /hold HTTP/1.1\r\n\r\n"

Connect = Callable[[], Any]


def connect_plain() -> socket.socket:
    """Send a request without TLS."""
    connection = socket.create_connection(("127.0.0.1", PORT))
    connection.sendall(REQUEST)
    return connection


def connect_socket(context: ssl.SSLContext) -> ssl.SSLSocket:
    """Send a request through a socket that OpenSSL reads and writes itself."""
    secured = context.wrap_socket(socket.create_connection(("127.0.0.1", TLS_PORT)), server_hostname="127.0.0.1")
    secured.sendall(REQUEST)
    secured.setblocking(False)
    return secured


class Piped:
    """A connection whose bytes go through OpenSSL in memory, as event loops do it."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._socket = socket.create_connection(("127.0.0.1", TLS_PORT))
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname="127.0.0.1")
        while not self._shake_hands():
            self._incoming.write(self._socket.recv(8192))
        self._tls.write(REQUEST)
        self._send()

    def fileno(self) -> int:
        """Give the socket to wait for."""
        return self._socket.fileno()

    def recv(self, size: int) -> bytes:
        """Read what came in; this raises `ssl.SSLWantReadError` if that was nothing for whoever asked."""
        self._incoming.write(self._socket.recv(8192))
        return self._tls.read(size)

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def _shake_hands(self) -> bool:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        finally:
            self._send()
        return True

    def _send(self) -> None:
        self._socket.sendall(self._outgoing.read())


def take_tickets(connection: Any) -> None:
    """Read what a server sends unasked: in TLS 1.3 the tickets of the session."""
    arrival = select.poll()
    arrival.register(connection, select.POLLIN)
    arrival.poll(1000)
    try:
        connection.recv(1)
    except ssl.SSLWantReadError:
        return
    raise AssertionError("the server has answered a request that it was to hold")


def measure_connections(connect: Connect, *, take: Callable[[Any], None] = lambda _: None) -> float:
    """Measure the resident bytes of one of a thousand connections with a request under way."""
    first = [connect() for _ in range(20)]
    for connection in first:
        take(connection)
    gc.collect()
    before = read_resident_bytes()
    connections = [connect() for _ in range(CONNECTIONS)]
    for connection in connections:
        take(connection)
    gc.collect()
    grown = read_resident_bytes() - before
    for connection in [*first, *connections]:
        connection.close()
    return grown / CONNECTIONS


def measure_way(name: str) -> None:
    """Measure one way."""
    with TemporaryDirectory() as folder:
        certificate = Path(folder) / "certificate.pem"
        write_certificate(certificate)
        context = ssl.create_default_context()
        measure = {
            "plain": partial(measure_connections, connect_plain),
            "socket": partial(measure_connections, partial(connect_socket, context), take=take_tickets),
            "memory": partial(measure_connections, partial(Piped, context), take=take_tickets),
        }[name]
        program = [sys.executable, "-m", "bench.target", str(PORT), str(TLS_PORT), str(certificate)]
        with running(program, port=PORT):
            emit(f"tls_{name}_connection", bytes=measure())


def main() -> None:
    """Measure each way in a process of its own: what comes later in one finds memory that is free again."""
    if sys.argv[1:]:
        measure_way(sys.argv[1])
        return
    for name in ("plain", "socket", "memory"):
        subprocess.run([sys.executable, "-m", "bench.limits.tls", name], check=True)


if __name__ == "__main__":
    main()
