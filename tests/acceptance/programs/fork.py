"""Starts a node in a thread and forks; the child tries to use it, starts one itself, then the parent goes on.

The child prints what each way to the node's calls says, then how its own start went; the parent what it has sent.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from perdure import Client
from perdure.errors import ForkedProcessError
from perdure.sdk.node import Node
from tests.acceptance.programs import say


def try_all(client: Client, node: Node) -> None:
    """Call a node of the parent in every way."""
    ways: list[Callable[[], Any]] = [
        lambda: client.sync.send_event(id="of the child", name="hello"),
        lambda: client.sync.store.env.get("name"),
        lambda: asyncio.run(client.send_event(id="of the child", name="hello")),
        lambda: asyncio.run(node.call(lambda platform: platform.get_event("before"))),
        node.asgi,
    ]
    for way in ways:
        try:
            say("not refused", way())
        except ForkedProcessError as error:
            say(error.code, error.message)


def main(folder: Path) -> None:
    client = Client(id="fork", database_url=f"sqlite:///{folder}/perdure.db")
    with client.start_background() as node:
        client.sync.send_event(id="before", name="hello")
        child = os.fork()
        if child == 0:
            try_all(client, node)
            with client.start_background() as own:
                sent = client.sync.send_event(id="of the child itself", name="hello")
                say("attached" if own.is_attached else "owner", sent.id)
            # As a server's worker does, through everything that ends with an interpreter.
            sys.exit(0)
        assert os.waitpid(child, 0)[1] == 0
        say(client.sync.send_event(id="after", name="hello").id)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
