"""The same handler behind every framework: what it is asked and what it answers come through as they are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from perdure.adapters.exchange import BODY_LIMIT
from tests.adapters.frameworks import PATH, WAYS, Ask, ask_asgi, ask_wsgi
from tests.adapters.programs_at_work import Pair
from tests.adapters.test_actions import BODY, KEY
from tests.adapters.test_actions import client as probe

TEXT = {"Content-Type": "text/plain; charset=utf-8"}


@pytest.fixture(params=WAYS)
def ask(request: pytest.FixtureRequest) -> Ask:
    """Asks the probe app, through each framework."""
    return WAYS[request.param](probe)


def test_a_run_is_executed(ask: Ask) -> None:
    headers = {"x-trigger-api-key": KEY, "x-trigger-action": "EXECUTE_JOB", "content-type": "application/json"}

    status, given, body = ask("POST", headers, json.dumps(BODY).encode())

    assert (status, json.loads(body)) == (200, {"status": "SUCCESS", "output": {"n": 5, "cached": None}})
    assert given["x-trigger-run-metadata"] == '{"successSubscription":true}'
    assert given["content-type"] == "application/json"


def test_a_raw_body_and_its_headers_come_through(ask: Ask) -> None:
    headers = {
        "x-trigger-api-key": KEY, "x-trigger-action": "DELIVER_HTTP_ENDPOINT_REQUEST_FOR_RESPONSE",
        "content-type": "application/octet-stream", "x-ts-key": "echo", "x-ts-http-url": "https://a.b/c",
        "x-ts-http-method": "POST", "x-ts-http-headers": '{"x-a": "1"}',
    }  # fmt: skip

    status, _, body = ask("POST", headers, b"\x00raw\xff")

    assert (status, json.loads(body)) == (200, {"status": 201, "headers": {"x-b": "1", **TEXT}, "body": "5 bytes"})


def test_a_request_without_the_key_is_refused(ask: Ask) -> None:
    status, _, body = ask("POST", {"x-trigger-action": "PING"}, b"")

    assert (status, json.loads(body)["message"]) == (401, "Unauthorized: missing x-trigger-api-key header")


def test_other_methods_are_refused_and_head_is_answered(ask: Ask) -> None:
    assert ask("PUT", {"x-trigger-api-key": KEY}, b"")[0] == 405
    assert ask("HEAD", {}, b"")[::2] == (200, b"")


@pytest.mark.parametrize("way", ["asgi", "wsgi"])
def test_other_paths_and_large_bodies_are_refused(way: str) -> None:
    app, call = (probe.asgi(), ask_asgi) if way == "asgi" else (probe.wsgi(), ask_wsgi)

    assert call(app, "POST", "/other", {}, b"")[0] == 404
    assert call(app, "POST", PATH, {}, b" " * (BODY_LIMIT + 1))[0] == 413


def test_three_forked_workers_share_an_app(tmp_path: Path) -> None:
    with Pair(tmp_path, app="flask_app:app") as pair:
        runs = [pair.api.invoke("gathered") for _ in range(6)]
        runs += [pair.api.invoke("in-a-thread", {"n": 1}) for _ in range(6)]

        assert {pair.api.ended(run_id)["status"] for run_id in runs} == {"SUCCESS"}


def test_runs_in_threads_of_several_processes_go_on_when_their_server_is_back(tmp_path: Path) -> None:
    with Pair(tmp_path, app="flask_app:app") as pair:
        # More than there are threads: none may be kept by an execution whose server has gone.
        runs = [pair.api.invoke("long", {"name": f"run{number}", "steps": 15}) for number in range(30)]
        for lines in (60, 150):
            pair.lines(lines, "run")
            pair.kill(pair.server)
            pair.start_server()

        ended = [pair.api.ended(run_id) for run_id in runs]
        assert [(run["status"], run.get("output")) for run in ended] == [("SUCCESS", sum(range(15)))] * 30
