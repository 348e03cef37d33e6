"""Starts a node in a thread and forks; the child tries to use it, then the parent does."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from perdure import Client
from perdure.errors import ForkedProcessError
from tests.acceptance.programs import say


def main(folder: Path) -> None:
    client = Client(id="fork", database_url=f"sqlite:///{folder}/perdure.db")
    with client.start_background():
        client.sync.send_event(id="before", name="hello")
        child = os.fork()
        if child == 0:
            try:
                client.sync.send_event(id="of the child", name="hello")
            except ForkedProcessError as error:
                say(error.code, error.message)
            os._exit(0)
        os.waitpid(child, 0)
        say(client.sync.send_event(id="after", name="hello").id)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
