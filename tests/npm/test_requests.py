"""Requests from outside to HTTP endpoints of the unchanged npm package."""

from __future__ import annotations

import hmac
import json
from hashlib import sha256

import pytest

from tests.npm.api import Api, request

PING = json.dumps({"action": "ping", "text": "café"}).encode()
PUSH = json.dumps({"action": "push"}).encode()


def signature(body: bytes) -> str:
    return f"sha256={hmac.new(b'shhh', body, sha256).hexdigest()}"


def test_a_request_starts_a_run_that_gets_it_as_it_was_sent(api: Api) -> None:
    url = f"{api.url_of('signed-hook')}?a=1"
    status, _, body = request(
        "POST", url, PING, content_type="application/json", x_agent="vendor", x_signature_256=signature(PING)
    )
    assert (status, body) == (200, b"")
    run = api.ended(api.runs_of("takes-request")[0])
    assert run["output"] == {
        "method": "POST",
        "path": "/api/v1/http-endpoints/signed-hook/env",
        "search": "?a=1",
        "agent": "vendor",
        "body": {"action": "ping", "text": "café"},
    }


def test_the_filter_of_a_trigger_sees_the_body(api: Api) -> None:
    url = api.url_of("signed-hook")
    before = api.runs_of("takes-pushes")
    for body in (PING, PUSH):
        request("POST", url, body, content_type="application/json", x_signature_256=signature(body))
    started = [run for run in api.runs_of("takes-pushes") if run not in before]
    assert [api.ended(run)["output"] for run in started] == [{"pushed": "push"}]


def test_a_request_with_a_wrong_signature_fails_its_run(api: Api) -> None:
    sent = request("POST", api.url_of("signed-hook"), PING, content_type="text/plain", x_signature_256="sha256=00")
    assert sent[0] == 200
    run = api.ended(api.runs_of("takes-request")[0])
    assert run["status"] == "FAILURE"
    assert run["error"]["message"] == "Payload verification failed. Failed sha256 verification"


def test_a_delivery_that_comes_again_starts_no_other_run(api: Api) -> None:
    url, before = api.url_of("signed-hook"), api.runs_of("takes-request")
    for _ in range(3):
        request("POST", url, PING, x_github_delivery="d-1", x_signature_256=signature(PING))
    assert len(api.runs_of("takes-request")) == len(before) + 1


def test_the_app_answers_the_requests_that_it_wants_to(api: Api) -> None:
    url, before = api.url_of("answered"), api.runs_of("takes-unanswered")
    status, headers, body = request("GET", f"{url}?challenge=c123")
    assert (status, body, headers["x-answered"], headers["content-type"]) == (201, b"c123", "yes", "text/plain")
    assert request("POST", url, b"another", content_type="text/plain")[0] == 200
    started = [run for run in api.runs_of("takes-unanswered") if run not in before]
    assert [api.ended(run)["output"] for run in started] == [{"text": "another"}]


def test_a_request_that_the_app_refuses_starts_no_run(api: Api) -> None:
    url, before = api.url_of("strict"), api.runs_of("takes-strict")
    assert request("POST", url, b"bad", x_wants="an answer")[0] == 403
    assert api.runs_of("takes-strict") == before
    assert request("POST", url, b"good", x_wants="an answer")[0] == 200
    assert api.ended(api.runs_of("takes-strict")[0])["output"] == {"seen": True}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("signed-hook", "unknown"), "Could not find http endpoint"),
        (("/env/dev/", "/env/dev/0"), "Could not find environment"),
    ],
)
def test_a_url_that_leads_nowhere_is_not_found(api: Api, change: tuple[str, str], sentence: str) -> None:
    status, _, body = request("POST", api.url_of("signed-hook").replace(*change), PING)
    assert (status, json.loads(body)["message"]) == (404, sentence)
