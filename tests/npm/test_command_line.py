"""The command line of the v2 packages, unchanged, finds a server and registers an app with it."""

from __future__ import annotations

import os
import re
import selectors
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.npm.api import KEY, PATIENCE, Api
from tests.npm.conftest import NODE, SERVE, copied, running

CLI = Path(__file__).parent / "cli"
PROGRAM = "node_modules/@trigger.dev/cli/dist/index.js"
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command line with what it needs; what it would ask the internet with is left out."""
    return copied(CLI, tmp_path_factory.mktemp("npm")) / PROGRAM


class Said:
    """What a program says, as it does."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        self._descriptor = process.stdout.fileno()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._descriptor, selectors.EVENT_READ)
        self.text = ""

    def wait_for(self, text: str, *, times: int = 1) -> None:
        deadline = time.monotonic() + PATIENCE
        while self.text.count(text) < times:
            assert self._selector.select(deadline - time.monotonic()), self.text
            read = os.read(self._descriptor, 65536)
            assert read, self.text
            self.text += ESCAPES.sub("", read.decode(errors="replace"))


@contextmanager
def developing(cli: Path, project: Path, **environ: str) -> Iterator[Said]:
    arguments = ["dev", "--client-id", "npm-app", "--hostname", "localhost", "--port", environ.pop("PORT")]
    process = subprocess.Popen(
        [NODE, cli, *arguments],
        cwd=project,
        env={**os.environ, **environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        yield Said(process)
    finally:
        process.terminate()
        process.wait(timeout=30)
        assert process.stdout is not None
        process.stdout.close()


def test_dev_registers_an_app_and_has_it_asked_again_when_a_file_is_saved(
    cli: Path, packages: Path, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "package.json").write_text('{"name": "project"}')
    with running(SERVE, cwd=tmp_path, PERDURE_API_KEY=KEY) as said:
        server = Api.of(said)
        at = server.url.replace("127.0.0.1", "localhost")
        environ = {"TRIGGER_API_KEY": KEY, "TRIGGER_API_URL": at}
        with running([NODE, "serve.cjs"], cwd=packages, **environ) as port:
            with developing(cli, project, PORT=port, **environ) as told:
                told.wait_for("Refreshed")
                assert "Found your trigger endpoint" in told.text
                endpoints = server.ask("GET", "/api/endpoints").body
                assert [(one["id"], one["url"]) for one in endpoints] == [
                    ("npm-app", f"http://localhost:{port}/api/trigger")
                ]
                before = endpoints[0]["updated_at"]
                (project / "jobs.js").write_text("// saved")
                told.wait_for("Refreshed", times=2)
                assert server.ask("GET", "/api/endpoints").body[0]["updated_at"] > before
            assert server.run("returns-undefined")["status"] == "SUCCESS"


def test_dev_says_that_the_key_is_wrong(cli: Path, packages: Path, tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('{"name": "project"}')
    wrong = f"{KEY[:-1]}x"
    with running(SERVE, cwd=tmp_path, PERDURE_API_KEY=KEY) as said:
        environ = {"TRIGGER_API_KEY": wrong, "TRIGGER_API_URL": Api.of(said).url.replace("127.0.0.1", "localhost")}
        with (
            running([NODE, "serve.cjs"], cwd=packages, **environ) as port,
            developing(cli, tmp_path, PORT=port, **environ) as told,
        ):
            told.wait_for("is not authorized")
