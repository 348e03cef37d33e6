"""Web apps as the how-to pages show them, under the servers that the pages name; asked, killed and told to end."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from perdure.storage.opening import find_owner
from tests.contracts.markdown import code_blocks
from tests.contracts.tree import ROOT

BIN = Path(sys.executable).parent
PATIENCE = 90.0
"""How long anything may take, on a machine however busy."""

_PORT = re.compile(r"(?:Listening at:|running on) http://127\.0\.0\.1:(\d+)")
_NAME = re.compile(r"# (\S+\.py)\n")

_MAIL = '''
import os, pathlib, time


def send_mail(to, text):
    """Note who is at work; what is to be held goes on when somebody has opened the door."""
    with open("mails.log", "a") as log:
        print(os.getpid(), to, file=log)
    while to == "held" and not pathlib.Path("open").exists():
        time.sleep(0.01)
    return f"{text} To {to}."
'''

_WSGI = """
import os

from {app} import {name} as served


def app(environ, start_response):
    def start(status, headers, *rest):
        return start_response(status, [*headers, ("x-worker", str(os.getpid()))], *rest)

    return served(environ, start)
"""

_ASGI = """
import os

from {app} import {name} as served


async def app(scope, receive, send):
    async def tell(message):
        if message["type"] == "http.response.start":
            message = {{**message, "headers": [*message["headers"], (b"x-worker", str(os.getpid()).encode())]}}
        await send(message)

    await served(scope, receive, tell)
"""


class Answer(NamedTuple):
    """What a worker has answered.

    Attributes:
        status: The HTTP status.
        body: The body, as JSON; as text if it is none.
        worker: The process that has answered; 0 if it did not say.
    """

    status: int
    body: Any
    worker: int


def write_page(page: str, folder: Path) -> None:
    """Write every file that a how-to page shows, and the module for mails that it takes for granted."""
    for block in code_blocks(ROOT / "docs" / "how-to" / page, language="python"):
        found = _NAME.match(block.text)
        if found is not None:
            file = folder / found[1]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text, encoding="utf-8")
    (folder / "mail.py").write_text(_MAIL, encoding="utf-8")


def write_told(folder: Path, app: str, *, asgi: bool = False) -> str:
    """Write a module whose ``app`` is that of the page, but says which worker answers; what servers call it."""
    module, _, name = app.partition(":")
    text = (_ASGI if asgi else _WSGI).format(app=module, name=name or "app")
    (folder / "told.py").write_text(text, encoding="utf-8")
    return "told:app"


class Site:
    """A server at work."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path) -> None:
        self.process = process
        self.folder = folder
        self.database = folder / ".perdure" / "perdure.db"
        self.url = f"http://127.0.0.1:{self.wait(lambda: _PORT.search(self.log))[1]}"

    @property
    def log(self) -> str:
        """What the server has written."""
        return (self.folder / "server.log").read_text(encoding="utf-8", errors="replace")

    @property
    def owner(self) -> int | None:
        """The process that executes the runs."""
        return find_owner(self.database)

    @property
    def mails(self) -> list[tuple[int, str]]:
        """Which process has begun to send a mail, to whom."""
        lines = (self.folder / "mails.log").read_text().splitlines() if (self.folder / "mails.log").exists() else []
        return [(int(line.split()[0]), line.split()[1]) for line in lines]

    def ask(self, path: str, body: Any = None) -> Answer:
        """Ask over a connection of its own; a body makes it a POST."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}{path}", data=data, headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return _answer(answer.status, answer.read(), answer.headers)
        except urllib.error.HTTPError as error:
            with error:
                return _answer(error.code, error.read(), error.headers)

    def ready(self) -> None:
        """Wait until a worker answers."""

        def answers() -> bool:
            with contextlib.suppress(OSError):
                return self.ask("/").status == 404
            return False

        self.wait(answers)

    def welcome(self, to: str) -> Answer:
        """Have a user created, and so a run started."""
        answer = self.ask("/users", {"name": "Ada", "email": to})
        assert answer.status == 202, (answer, self.log)
        return answer

    def output(self, run_id: str) -> Any:
        """Wait for a run's end; what it has returned."""

        def ended() -> Any:
            # A worker that is killed answers nobody.
            with contextlib.suppress(OSError):
                body = self.ask(f"/runs/{run_id}").body
                return body if body["status"] in ("SUCCESS", "FAILURE") else None
            return None

        body = self.wait(ended)
        assert body["status"] == "SUCCESS", body
        return body["output"]

    def wait(self, look: Callable[[], Any]) -> Any:
        """Look again and again until there is something; that."""
        deadline = time.monotonic() + PATIENCE
        while not (found := look()):
            assert self.process.poll() is None, f"The server has ended. It wrote:\n{self.log}"
            assert time.monotonic() < deadline, f"It did not come. The server wrote:\n{self.log}"
            time.sleep(0.02)
        return found

    def end(self) -> int:
        """Tell it to end, as a service manager does, and wait; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)


@contextlib.contextmanager
def served(folder: Path, *command: str) -> Iterator[Site]:
    """Run a server in a folder; it is killed in the end, with its workers.

    Args:
        folder: Where the app is.
        command: The program, which is one of this environment, and its arguments.
    """
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [BIN / command[0], *command[1:]],
            cwd=folder,
            env=environ(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield Site(process, folder)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def environ() -> dict[str, str]:
    """The environment of a program, without settings of whoever runs the tests."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("PERDURE_", "TRIGGER_"))}
    return {**ours, "PYTHONUNBUFFERED": "1"}


def _answer(status: int, body: bytes, headers: Any) -> Answer:
    try:
        read: Any = json.loads(body)
    except ValueError:
        read = body.decode(errors="replace")
    return Answer(status, read, int(headers.get("x-worker", 0)))
