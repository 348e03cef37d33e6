"""A server on loopback, an app beside it, and what a driver asks the server."""

from __future__ import annotations

import json
import os
import socket
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

from bench.measures import measure_cpu
from bench.processes import running, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.settings import Settings

KEY = "tr_dev_bench0bench0bench0ben"
APP_ID = "bench"

_SECONDS = 120
_PERDURE = Path(sys.executable).with_name("perdure")
_UVICORN = [sys.executable, "-m", "uvicorn", "bench.remote.app:app", "--log-level", "error", "--no-access-log"]


class Platform:
    """A server and its app.

    Attributes:
        port: Where the server is.
        server: Its process.
        app: The app's process; ``None``: there is none.
    """

    def __init__(self, port: int, server: int) -> None:
        self.port = port
        self.server = server
        self.app: int | None = None

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the server; its answer."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
        request = Request(f"http://127.0.0.1:{self.port}{path}", data, headers, method=method)
        with urlopen(request, timeout=_SECONDS) as answer:
            return json.loads(answer.read() or b"null")

    def send(self, name: str, payloads: list[Any]) -> None:
        """Send events, by one request."""
        self.ask("POST", "/api/v1/events/bulk", {"events": [{"name": name, "payload": one} for one in payloads]})

    def measure_cpu(self) -> tuple[float, float]:
        """Measure the processor time of the server and of the app, in seconds."""
        return measure_cpu(self.server), 0.0 if self.app is None else measure_cpu(self.app)


@contextmanager
def serving(path: Path) -> Iterator[Platform]:
    """Keep a server running on a database, with no app.

    Args:
        path: The database; made if it is not there.

    Yields:
        The server.
    """
    port = find_free_port()
    command = [_PERDURE, "serve", "--port", str(port), "--database-url", f"sqlite:///{path.resolve()}"]
    environment = {"PERDURE_API_KEY": KEY}
    with running(command, port=port, environment=environment, output=path.parent / "server") as process:
        yield Platform(port, process.pid)


@contextmanager
def with_app(platform: Platform, folder: Path, *, command: list[str | Path] | None = None) -> Iterator[Platform]:
    """Keep an app running, and register it.

    Args:
        platform: The server.
        folder: Where its output goes.
        command: How it is started, to which ``--port`` and a port are added; ``None``: the jobs in Python.

    Yields:
        The server with its app.
    """
    port = find_free_port()
    url = f"http://127.0.0.1:{platform.port}"
    environment = {"PERDURE_API_KEY": KEY, "PERDURE_API_URL": url, "TRIGGER_API_KEY": KEY, "TRIGGER_API_URL": url}
    words = [*(_UVICORN if command is None else command), "--port", str(port)]
    with running(words, port=port, environment={**environment, **_paths()}, output=folder / "app") as process:
        platform.app = process.pid
        platform.ask("POST", "/api/v1/endpoints", {"id": APP_ID, "url": f"http://127.0.0.1:{port}/api/trigger"})
        yield platform


@contextmanager
def with_jobs(platform: Platform, folder: Path, settings: Settings) -> Iterator[Platform]:
    """Keep running what executes the jobs in Python: an app that is registered, or a worker.

    Args:
        platform: The server.
        folder: Where its output goes.
        settings: Which of them.

    Yields:
        The server with it.
    """
    with with_worker(platform, folder) if settings.transport == "worker" else with_app(platform, folder) as whole:
        yield whole


@contextmanager
def with_worker(platform: Platform, folder: Path) -> Iterator[Platform]:
    """Keep a worker running, that has dialled the server.

    Args:
        platform: The server.
        folder: Where its output goes.

    Yields:
        The server with its worker.
    """
    environment = {"PERDURE_API_KEY": KEY, "PERDURE_API_URL": f"http://127.0.0.1:{platform.port}", **_paths()}
    output = folder / "worker"
    with running([_PERDURE, "worker", "bench.remote.app:client"], environment=environment, output=output) as process:
        wait_until(
            lambda: "jobs" in output.read_text(), timeout=_SECONDS, every=0.05, what="the worker to be connected"
        )
        platform.app = process.pid
        yield platform


def find_free_port() -> int:
    """Find a port of loopback that nothing listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _paths() -> dict[str, str]:
    root = str(Path(__file__).resolve().parents[2])
    return {"PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))}
