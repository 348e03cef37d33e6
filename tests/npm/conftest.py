"""A server, and an app of the unchanged npm package that has registered with it: three real programs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.npm.api import KEY, PUBLIC_KEY, Api
from tools.node import NODE, NPM, install_packages

APP = Path(__file__).parent / "app"
COMPANIONS = Path(__file__).parent / "companions"
SERVE = [Path(sys.executable).with_name("perdure"), "serve", "--port", "0", "--json"]
INSTALL_SECONDS = 240


@contextmanager
def running(command: list[str | Path], *, cwd: Path, **environ: str) -> Iterator[str]:
    """Run a program until the block ends; gives the first line that it prints."""
    process = subprocess.Popen(command, cwd=cwd, env={**os.environ, **environ}, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait(timeout=30)
        assert process.stdout is not None
        process.stdout.close()


def install(folder: Path) -> None:
    """Install the packages of a folder, as its lock file has them."""
    done = subprocess.run(
        [NODE, NPM, "ci", "--ignore-scripts"], cwd=folder, capture_output=True, text=True, timeout=INSTALL_SECONDS
    )
    assert done.returncode == 0, done.stderr


def copied(source: Path, into: Path) -> Path:
    """Copy a folder of programs, and install its packages there."""
    folder = into / source.name
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("node_modules"))
    install(folder)
    return folder


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The app, with the packages of the demonstration: the same ones, and often installed already."""
    folder = tmp_path_factory.mktemp("npm") / APP.name
    shutil.copytree(APP, folder, ignore=shutil.ignore_patterns("node_modules"))
    (folder / "node_modules").symlink_to(install_packages())
    return folder


@pytest.fixture(scope="session")
def api(packages: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """The API of a server with which the app has registered."""
    folder = tmp_path_factory.mktemp("server")
    with running(SERVE, cwd=folder, PERDURE_API_KEY=KEY) as said:
        server = Api.of(said)
        environ = {"TRIGGER_API_KEY": KEY, "TRIGGER_API_URL": server.url}
        with running([NODE, "serve.cjs"], cwd=packages, **environ) as port:
            server.app_url = f"http://127.0.0.1:{port}"
            answer = server.ask("POST", "/api/v1/endpoints", {"id": "npm-app", "url": f"{server.app_url}/api/trigger"})
            assert answer.status == 200, answer
            yield server


@pytest.fixture(scope="session")
def companions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The companions of the npm package, with programs that use them."""
    return copied(COMPANIONS, tmp_path_factory.mktemp("npm"))


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """The API of a server with which the apps of the companions register."""
    keys = {"PERDURE_API_KEY": KEY, "PERDURE_PUBLIC_KEY": PUBLIC_KEY}
    with running(SERVE, cwd=tmp_path_factory.mktemp("platform"), **keys) as said:
        yield Api.of(said)


@pytest.fixture(scope="session")
def adapted(companions: Path, platform: Api) -> Iterator[dict[str, str]]:
    """Where the apps are that the framework adapters serve, by name."""
    environ = {"TRIGGER_API_KEY": KEY, "TRIGGER_API_URL": platform.url}
    with running([NODE, "adapters.cjs"], cwd=companions, **environ) as ports:
        yield {name: f"http://127.0.0.1:{port}/api/trigger" for name, port in json.loads(ports).items()}
