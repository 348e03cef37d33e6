"""The programs of the demonstration: a server, and an app in Node that runs its jobs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

from demo.npm.evidence import BODIES, DATABASE, LAST_WORDS
from tools.node import NODE

_SHOP = Path(__file__).parent / "shop.cjs"
_ANSWER_SECONDS = 30
_END_SECONDS = 30


class Server:
    """``perdure serve`` at work.

    Args:
        folder: Where its database is.
        key: The key that its apps know.
        port: Where it listens; 0: on a free port.

    Raises:
        RuntimeError: It ended at once.

    Attributes:
        url: Where it is.
        pid: Its number.
    """

    def __init__(self, folder: Path, key: str, *, port: int = 0) -> None:
        self._key = key
        command = [Path(sys.executable).with_name("perdure"), "serve", "--port", str(port), "--json"]
        where = ["--database-url", f"sqlite:///{folder.resolve() / DATABASE}"]
        self._process, word = _start([*command, *where], folder, {"PERDURE_API_KEY": key})
        self.pid = self._process.pid
        self.url: str = json.loads(word)["url"]

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rpartition(":")[2])

    def register(self, url: str) -> None:
        """Tell it where the app is."""
        self._ask("/api/v1/endpoints", {"id": "shop", "url": url})

    def place(self, order: int) -> str:
        """Send the event of an order; its id, when it is acknowledged."""
        event = {"id": f"order-{order}", "name": "order.placed", "payload": {"order": order}}
        answer = self._ask("/api/v1/events", {"event": event})
        return str(answer["id"])

    def kill(self) -> None:
        """Kill it, as a power cut would."""
        self._process.kill()
        self._process.wait()

    def end(self) -> None:
        """Ask it to end."""
        _end(self._process)

    def _ask(self, path: str, body: dict[str, Any]) -> Any:
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        try:
            with urlopen(Request(f"{self.url}{path}", json.dumps(body).encode(), headers),
                         timeout=_ANSWER_SECONDS) as answer:  # fmt: skip
                return json.loads(answer.read())
        except URLError as error:
            raise RuntimeError(f"The server did not take it: {error}") from error


class Shop:
    """The app at work.

    Args:
        folder: Where it notes what it does.
        key: The server's key.
        url: Where the server is.
        packages: Where the npm package is.

    Raises:
        RuntimeError: It ended at once.

    Attributes:
        url: Where its jobs are executed.
        pid: Its number.
    """

    def __init__(self, folder: Path, key: str, *, url: str, packages: Path) -> None:
        environ = {"TRIGGER_API_KEY": key, "TRIGGER_API_URL": url, "NODE_PATH": str(packages)}
        self._process, port = _start([NODE, _SHOP, folder / BODIES], folder, environ)
        self.pid = self._process.pid
        self.url = f"http://127.0.0.1:{port}/api/trigger"

    def end(self) -> None:
        """Ask it to end."""
        _end(self._process)


def _start(command: list[str | Path], folder: Path, given: dict[str, str]) -> tuple[subprocess.Popen[str], str]:
    """Start a program with these variables in its environment, and wait for its first line."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("PERDURE_", "TRIGGER_"))}
    with (folder / LAST_WORDS).open("a") as errors:
        process = subprocess.Popen(
            command, cwd=folder, env={**ours, **given}, stdout=subprocess.PIPE, stderr=errors, text=True
        )
    assert process.stdout is not None
    with process.stdout as said:
        word = said.readline().strip()
    if not word:
        process.wait()
        raise RuntimeError(f"{Path(command[0]).name} ended at once; its last words are in {folder / LAST_WORDS}.")
    return process, word


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
