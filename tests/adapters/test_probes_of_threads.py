"""Probes of apps that have a thread for each request: one at a time, and none in the way of a run."""

from __future__ import annotations

import io
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask

from perdure.adapters import blocking
from perdure.adapters import flask as flask_adapter
from perdure.adapters.blocking import BlockingHandler
from perdure.adapters.exchange import AppAnswer, AppRequest
from tests.adapters.test_actions import BODY, KEY, client


def request(action: str, body: dict[str, Any]) -> AppRequest:
    headers = {"x-trigger-api-key": KEY, "x-trigger-action": action, "content-type": "application/json"}
    return AppRequest("POST", headers, json.dumps(body).encode())


def probe(ms: float) -> AppRequest:
    return request("PROBE_EXECUTION_TIMEOUT", {"timeout": ms})


def first_of(handler: BlockingHandler, pool: ThreadPoolExecutor) -> Any:
    """Begin a probe that takes two minutes; it is there when a second one is refused."""
    first = pool.submit(handler.handle, probe(120_000))
    while handler.handle(probe(0)).status == 200:
        if first.done():
            # One of these was there before it.
            first = pool.submit(handler.handle, probe(120_000))
    return first


def test_a_second_probe_takes_no_further_thread_and_a_run_takes_that_of_the_first() -> None:
    handler = BlockingHandler(client)
    with ThreadPoolExecutor() as pool:
        first = first_of(handler, pool)
        assert handler.handle(probe(0)).status == 503
        assert handler.handle(request("EXECUTE_JOB", BODY)).status == 200
        ended: AppAnswer = first.result(timeout=10)
    assert (ended.status, json.loads(ended.body)) == (503, {"message": "The app has no thread to spare for a probe."})
    assert handler.handle(probe(0)).status == 200


def test_a_probe_that_shows_no_key_holds_nothing() -> None:
    handler = BlockingHandler(client)
    strange = AppRequest("POST", {"x-trigger-action": "PROBE_EXECUTION_TIMEOUT"}, b'{"timeout":120000}')
    assert handler.handle(strange).status == 401
    assert handler.handle(probe(0)).status == 200


@pytest.mark.parametrize("way", ["wsgi", "flask"])
@pytest.mark.parametrize(
    ("multithread", "multiprocess", "ms", "status"),
    [(False, False, 120_000, 503), (False, False, 0, 200), (True, False, 20, 200), (False, True, 20, 200)],
)
def test_the_only_thread_of_an_app_is_held_for_a_short_probe_alone(
    monkeypatch: pytest.MonkeyPatch, way: str, multithread: bool, multiprocess: bool, ms: int, status: int
) -> None:
    monkeypatch.setattr(blocking, "ONLY_THREAD_SECONDS", 0.01 if ms else 10.0)
    app: Any = client.wsgi() if way == "wsgi" else Flask(__name__)
    if way == "flask":
        app.register_blueprint(flask_adapter.blueprint(client))
    asked = probe(ms)
    said: list[str] = []
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "POST", "PATH_INFO": "/api/trigger", "SCRIPT_NAME": "", "QUERY_STRING": "",
        "SERVER_NAME": "localhost", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_LENGTH": str(len(asked.body)), "CONTENT_TYPE": "application/json",
        "HTTP_X_TRIGGER_API_KEY": KEY, "HTTP_X_TRIGGER_ACTION": asked.headers["x-trigger-action"],
        "wsgi.version": (1, 0), "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(asked.body),
        "wsgi.errors": sys.stderr, "wsgi.multithread": multithread, "wsgi.multiprocess": multiprocess,
        "wsgi.run_once": False,
    }  # fmt: skip
    b"".join(app(environ, lambda given, *_: said.append(given)))
    assert int(said[0][:3]) == status
