"""Serves the catalogue on a port, by uvicorn; says which."""

from __future__ import annotations

import os
import socket
import sys
from typing import Any

import uvicorn

from tests.adapters.programs.catalogue import app


async def plain(scope: Any, receive: Any, send: Any) -> None:
    """The app as one of v2 answers: nothing says that it is perdure's."""

    async def send_plain(message: Any) -> None:
        if "headers" in message:
            message["headers"] = [header for header in message["headers"] if not header[0].startswith(b"perdure")]
        await send(message)

    await app(scope, receive, send_plain)


listening = socket.socket()
listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listening.bind(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 0))
listening.listen(128)
sys.stdout.write(f"{listening.getsockname()[1]}\n")
sys.stdout.flush()
uvicorn.Server(uvicorn.Config(plain if os.environ.get("PLAIN") else app, log_level="warning")).run(sockets=[listening])
