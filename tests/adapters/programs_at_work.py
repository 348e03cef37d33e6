"""A server and an app as programs that are started, killed and started again."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

from tests.adapters.stripping import stripping
from tests.npm.api import KEY, PATIENCE, Api

ROOT = Path(__file__).resolve().parents[2]


class Pair:
    """A server, and an app that has registered with it.

    Attributes:
        api: The server's API.
        told: The file where the app's jobs write.
        is_native: Whether they know of each other that they are perdure's.
    """

    def __init__(
        self,
        folder: Path,
        *,
        app: str | None = None,
        is_native: bool = True,
        is_worker: bool = False,
        settings: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._settings = settings
        self.is_worker = is_worker
        self.folder = folder
        self._gunicorn_app = app
        self.is_native = is_native
        self._stack = ExitStack()
        self._app_side = ""
        self._ports = [0, 0]
        self.told = folder / "told.txt"
        self.server: subprocess.Popen[str] | None = None
        self.app: subprocess.Popen[str] | None = None
        self.api = Api("")

    def __enter__(self) -> Self:
        self.start_server()
        self._app_side = self.api.url if self.is_native else self._stack.enter_context(stripping(self.api.url))
        self.start_app()
        if self.is_worker:
            return self
        answer = self.api.ask("POST", "/api/v1/endpoints", {"id": "catalogue", "url": self.app_url})
        assert answer.status == 200, answer
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
        for process in (self.app, self.server):
            if process is not None:
                process.terminate()
                try:
                    process.wait(timeout=30)
                finally:
                    process.kill()
                    process.wait()
                assert process.stdout is not None
                process.stdout.close()

    @property
    def app_url(self) -> str:
        """Where the app is."""
        return f"http://127.0.0.1:{self._ports[1]}/api/trigger"

    @contextmanager
    def moved(self, *, is_gone: bool) -> Iterator[None]:
        """Start the app at another place; the one before is killed at the end, if it is not gone."""
        before, self._ports[1] = self.app, 0
        self.start_app()
        try:
            yield
        finally:
            if not is_gone:
                self.kill(before)

    def start_server(self) -> None:
        """Start the server, where it was before."""
        serve = [Path(sys.executable).with_name("perdure"), "serve", "--port", str(self._ports[0]), "--json"]
        self.server = self._start(serve, self.folder)
        assert self.server.stdout is not None
        self.api.url = Api.of(self.server.stdout.readline()).url
        self._ports[0] = int(self.api.url.rpartition(":")[2])

    def start_app(self) -> None:
        """Start the app, where it was before."""
        if self.is_worker:
            self.app, _ = self.start_worker()
            return
        if self._gunicorn_app is not None:
            self._start_gunicorn(self._gunicorn_app)
            return
        self.app = self._start([sys.executable, "-m", "tests.adapters.programs.serve", str(self._ports[1])], ROOT)
        assert self.app.stdout is not None
        self._ports[1] = int(self.app.stdout.readline())

    def start_worker(self) -> tuple[subprocess.Popen[str], dict[str, Any]]:
        """Start a worker of the app; with what it says when it is connected."""
        perdure = Path(sys.executable).with_name("perdure")
        target = "tests/adapters/programs/catalogue.py:client"
        worker = self._start([perdure, "worker", target, "--json"], ROOT)
        assert worker.stdout is not None
        return worker, json.loads(worker.stdout.readline())

    def _start_gunicorn(self, app: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._ports[1] = free.getsockname()[1]
        gunicorn = [Path(sys.executable).with_name("gunicorn"), "--no-control-socket", "--preload"]
        options = ["--workers", "3", "--threads", "4", "--bind", f"127.0.0.1:{self._ports[1]}"]
        self.app = self._start([*gunicorn, *options, f"tests.adapters.programs.{app}"], ROOT)
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", self._ports[1]), timeout=1).close()
                return
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.05)

    def kill(self, process: subprocess.Popen[str] | None) -> None:
        """Kill a program, and wait until it is gone."""
        assert process is not None
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()

    def lines(self, count: int, beginning: str = "") -> list[str]:
        """Wait until the app has written so many lines that begin so; all of them."""
        deadline = time.monotonic() + PATIENCE
        while True:
            written = self.told.read_text(encoding="utf-8").splitlines() if self.told.exists() else []
            found = [line for line in written if line.startswith(beginning)]
            if len(found) >= count:
                return found
            assert time.monotonic() < deadline, written
            time.sleep(0.01)

    def _start(self, command: list[str | Path], folder: Path) -> subprocess.Popen[str]:
        environ = {"PERDURE_API_KEY": KEY, "PERDURE_API_URL": self._app_side, "TOLD": str(self.told)}
        environ |= self._settings
        environ |= {} if self.is_native else {"PLAIN": "1"}
        with (self.folder / ("server.log" if folder == self.folder else "app.log")).open("a") as log:
            return subprocess.Popen(
                command, cwd=folder, env=os.environ | environ, stdout=subprocess.PIPE, stderr=log, text=True
            )
