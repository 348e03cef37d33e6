"""A server that is killed finds the apps again that had registered, and their runs go on."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from tests.npm.api import KEY, Api
from tests.npm.conftest import NODE, running


def _start(folder: Path, port: int) -> tuple[subprocess.Popen[str], Api]:
    serve = [str(Path(sys.executable).with_name("perdure")), "serve", "--port", str(port), "--json"]
    environ = {**os.environ, "PERDURE_API_KEY": KEY}
    process = subprocess.Popen(serve, cwd=folder, env=environ, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, Api.of(process.stdout.readline())


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def test_runs_go_on_after_the_server_was_killed(packages: Path, tmp_path: Path) -> None:
    port = _free_port()
    process, api = _start(tmp_path, port)
    try:
        with running([NODE, "serve.cjs"], cwd=packages, TRIGGER_API_KEY=KEY, TRIGGER_API_URL=api.url) as app_port:
            endpoint = {"id": "npm-app", "url": f"http://127.0.0.1:{app_port}/api/trigger"}
            assert api.ask("POST", "/api/v1/endpoints", endpoint).status == 200
            waiting = api.invoke("waits-for-event", {"order": "o9"})
            api.waiting(waiting)
            executing = api.invoke("many")
            process.send_signal(signal.SIGKILL)
            process.wait()
            assert process.stdout is not None
            process.stdout.close()

            process, api = _start(tmp_path, port)
            assert api.ended(executing)["output"] == 2 * sum(range(60))
            api.send("order.paid", {"id": "o9"})
            assert api.ended(waiting)["output"]["payload"] == {"id": "o9"}
    finally:
        process.terminate()
        process.wait(timeout=30)
        assert process.stdout is not None
        process.stdout.close()


def test_a_run_waits_until_its_app_is_there(packages: Path, tmp_path: Path) -> None:
    process, api = _start(tmp_path, 0)
    try:
        app_port = _free_port()
        environ = {"TRIGGER_API_KEY": KEY, "TRIGGER_API_URL": api.url, "PORT": str(app_port)}
        with running([NODE, "serve.cjs"], cwd=packages, **environ):
            endpoint = {"id": "npm-app", "url": f"http://127.0.0.1:{app_port}/api/trigger"}
            assert api.ask("POST", "/api/v1/endpoints", endpoint).status == 200
        run_id = api.invoke("yields")
        while "Connection could not be established" not in (api.ask("GET", f"/api/runs/{run_id}").body["why"] or ""):
            pass
        with running([NODE, "serve.cjs"], cwd=packages, **environ):
            assert api.ended(run_id)["status"] == "SUCCESS"
    finally:
        process.terminate()
        process.wait(timeout=30)
        assert process.stdout is not None
        process.stdout.close()
