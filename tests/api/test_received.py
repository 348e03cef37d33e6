"""Requests from outside to HTTP endpoints: stored before they are answered, and refused where they do not fit."""

from __future__ import annotations

import http.client
from asyncio import to_thread
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest

from perdure.config.settings import RateLimit, Settings
from perdure.engine.clock import SystemClock
from perdure.errors import FetchFailedError, FetchTimeoutError, InvalidFilterError
from perdure.protocol.endpoint import EventTriggerSpec, HttpEndpointSpec
from perdure.protocol.execution import ExecutionResult, JsonText, Succeeded
from perdure.protocol.json_text import load
from perdure.protocol.limits import REQUEST_BODY_LIMIT
from perdure.protocol.received import GivenResponse
from perdure.transport.deliveries import BODY_LIMIT, HEADERS_LIMIT, response_of
from tests.api.client import ApiClient, serving
from tests.engine.app import Execution, ScriptedApp

TRIGGER = EventTriggerSpec(("httpendpoint.hook",), "vendor")
ANSWERS = HttpEndpointSpec("hook", "vendor", response_filter=JsonText('{"method":["PUT"]}'), skips_runs=True)


async def sees(execution: Execution) -> ExecutionResult:
    return Succeeded(execution.request.event.payload)


class Receiving:
    """A node that takes requests, and a sender of them."""

    def __init__(self, api: ApiClient, app: ScriptedApp, url: str) -> None:
        self.api = api
        self.app = app
        self.url = url

    async def send(
        self, method: str = "POST", body: bytes = b"{}", *, query: str = "", **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        return await to_thread(self._send, method, body, query, headers)

    def _send(self, method: str, body: bytes, query: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(parts.netloc, timeout=60)
        try:
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, f"{parts.path}{query}", body, sent)
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    async def started(self) -> list[dict[str, Any]]:
        """The outputs of the runs there are, oldest first."""
        runs = (await self.api.get("/api/runs?job=hook")).body["runs"]
        return [(await self.api.get(f"/api/runs/{run['id']}/end")).body["output"] for run in reversed(runs)]


@asynccontextmanager
async def receiving(
    spec: HttpEndpointSpec | None = None,
    trigger: EventTriggerSpec = TRIGGER,
    settings: Settings | None = None,
) -> AsyncIterator[Receiving]:
    app = ScriptedApp(SystemClock()).job("hook", sees, trigger)
    app.http_endpoints = [spec or HttpEndpointSpec("hook", "vendor")]
    async with serving(app, settings=settings) as api:
        (listed,) = (await api.get("/api/http-endpoints")).body
        assert (listed["id"], listed["source"], listed["endpoint_id"]) == ("hook", "vendor", "app")
        yield Receiving(api, app, listed["url"])


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_a_request_of_any_method_is_stored_before_it_is_answered(method: str) -> None:
    async with receiving() as it:
        status, headers, body = await it.send(method, b"\xff", query="?a=1", x_forwarded_proto="https", cookie="c=1")
        assert (status, body) == (200, b"")
        assert (headers["content-security-policy"], headers["cache-control"]) == ("sandbox", "no-store")
        (event,) = (await it.api.get("/api/events?name=httpendpoint.hook")).body["events"]
        assert event["source"] == "vendor"
        (seen,) = await it.started()
        assert (seen["method"], seen["rawBodyBase64"]) == (method, "/w==")
        assert seen["url"].startswith("https://127.0.0.1:")
        assert seen["url"].endswith("?a=1")
        assert "cookie" not in seen["headers"]


async def test_a_delivery_that_comes_again_is_answered_alike_and_starts_nothing() -> None:
    async with receiving(HttpEndpointSpec("hook", "vendor", delivery_id="id")) as it:
        for text in (b'{"id":"evt_1","n":1}', b'{"id":"evt_1","n":2}', b'{"id":"evt_2","n":3}'):
            assert (await it.send(body=text, content_type="application/json"))[0] == 200
        assert [load(seen["rawBody"])["n"] for seen in await it.started()] == [1, 3]


async def test_a_trigger_with_a_filter_takes_what_is_json_and_matches() -> None:
    trigger = EventTriggerSpec(("httpendpoint.hook",), "vendor", JsonText('{"body":{"n":[{"$gt":1}]}}'))
    async with receiving(trigger=trigger) as it:
        for text, kind in ((b'{"n":2}', "text/plain"), (b'{"n":1}', "application/json"), (b"{", "application/json")):
            assert (await it.send(body=text, content_type=kind))[0] == 200
        await it.send(body=b'{"n":3}', content_type="application/json")
        assert [seen["rawBody"] for seen in await it.started()] == ['{"n":3}']


async def test_a_body_that_is_too_large_is_refused_and_nothing_is_stored() -> None:
    async with receiving() as it:
        assert (await it.send(body=b"x" * (REQUEST_BODY_LIMIT + 1)))[0] == 413
        # Each of these has six characters as JSON.
        assert (await it.send(body=b"\x00" * REQUEST_BODY_LIMIT))[0] == 413
        assert await it.started() == []
        assert (await it.send(body=b"x" * REQUEST_BODY_LIMIT))[0] == 200
        (seen,) = await it.started()
        assert len(seen["rawBody"]) == REQUEST_BODY_LIMIT


@pytest.mark.parametrize(
    ("old", "new"), [("/hook/", "/other/"), ("/hook/", "/%00/"), ("/env/dev/", "/env/dev/0"), ("/env/", "/env/x/")]
)
async def test_an_unknown_url_is_not_found_and_says_so_alike(old: str, new: str) -> None:
    async with receiving() as it:
        it.url = it.url.replace(old, new)
        assert (await it.send())[0] == 404
        assert (await it.api.get("/api/events")).body["events"] == []


async def test_whoever_knows_the_url_of_one_endpoint_does_not_know_that_of_another() -> None:
    async with receiving() as it:
        it.app.http_endpoints = [HttpEndpointSpec("hook", "vendor"), HttpEndpointSpec("other", "vendor")]
        await it.api.node.add(it.app)
        urls = {one["id"]: one["url"] for one in (await it.api.get("/api/http-endpoints")).body}
        assert urls["hook"] == it.url
        for url, status in (
            (it.url.replace("/hook/", "/other/"), 404),
            (urls["other"].replace("/other/", "/hook/"), 404),
            (urls["other"], 200),
        ):
            it.url = url
            assert (await it.send())[0] == status


async def test_what_an_app_no_longer_declares_is_not_found() -> None:
    async with receiving() as it:
        it.app.http_endpoints = []
        await it.api.node.add(it.app)
        assert (await it.send())[0] == 404
        assert (await it.api.get("/api/http-endpoints")).body == []


async def test_the_app_answers_what_it_wants_to_answer() -> None:
    async with receiving(ANSWERS) as it:
        it.app.responses["hook"] = GivenResponse(201, (("X-Mine", "yes"),), b"\x00mine")
        status, headers, body = await it.send("PUT")
        assert (status, headers["x-mine"], body) == (201, "yes", b"\x00mine")
        assert await it.started() == []
        assert (await it.send("POST"))[0] == 200
        assert len(await it.started()) == 1


@pytest.mark.parametrize("kind", ["text/plain; charset=UTF-8", "application/cloudevents+json", ""])
async def test_a_response_filter_reads_a_json_body_whatever_its_type(kind: str) -> None:
    wanted = JsonText('{"body":{"Type":["SubscriptionConfirmation"]}}')
    async with receiving(HttpEndpointSpec("hook", "vendor", response_filter=wanted, skips_runs=True)) as it:
        it.app.responses["hook"] = GivenResponse(202)
        assert (await it.send(body=b'{"Type":"SubscriptionConfirmation"}', content_type=kind))[0] == 202
        assert (await it.send(body=b'{"Type":"Notification"}', content_type=kind))[0] == 200
        assert (await it.send(body=b"Type=SubscriptionConfirmation", content_type="application/json"))[0] == 200
        assert len(await it.started()) == 2


@pytest.mark.parametrize("status", [204, 205, 304])
async def test_an_answer_that_may_have_no_body_has_none(status: int, caplog: pytest.LogCaptureFixture) -> None:
    async with receiving(ANSWERS) as it:
        it.app.responses["hook"] = GivenResponse(status, (), b"nothing to see")
        given, _, body = await it.send("PUT")
    assert (given, body) == (status, b"")
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


@pytest.mark.parametrize(
    ("error", "status"), [(FetchFailedError("no"), 500), (FetchTimeoutError("late"), 504), (ValueError("broken"), 500)]
)
async def test_an_app_that_does_not_answer_lets_the_sender_send_again(error: Exception, status: int) -> None:
    async with receiving(HttpEndpointSpec("hook", "vendor", response_filter=JsonText("{}"))) as it:
        it.app.responses["hook"] = error
        given, _, body = await it.send()
        assert given == status
        assert b"broken" not in body
        assert await it.started() == []
        it.app.responses["hook"] = GivenResponse()
        assert (await it.send())[0] == 200
        assert len(await it.started()) == 1


async def test_a_response_filter_that_cannot_be_read_is_refused_with_the_app() -> None:
    app = ScriptedApp(SystemClock()).job("hook", sees, TRIGGER)
    app.http_endpoints = [HttpEndpointSpec("hook", "vendor", response_filter=JsonText('{"method":"GET"}'))]
    with pytest.raises(InvalidFilterError, match=r"hook\.filter\.method"):
        async with serving(app):
            pass


@pytest.mark.parametrize(
    "answer", [b"", b"[]", b'{"status":"200"}', b'{"status":99}', b'{"status":1000}', b'{"status":200,"headers":[]}']
)
def test_an_answer_of_another_shape_is_none(answer: bytes) -> None:
    with pytest.raises(FetchFailedError, match="Could not parse response from client"):
        response_of(answer)


def test_headers_that_are_not_the_apps_to_give_are_left_out() -> None:
    answer = b'{"status":200,"headers":{"x-a":"1","set-cookie":"s=1","content-length":"9","x b":"1","x-c":"1\\r\\n2"}}'
    assert response_of(answer) == GivenResponse(200, (("x-a", "1"),), b"")


@pytest.mark.parametrize(("body", "expected"), [(b'"text"', b"text"), (b'{"ok":true}', b'{"ok":true}'), (b"null", b"")])
def test_a_body_is_text_or_json(body: bytes, expected: bytes) -> None:
    assert response_of(b'{"status":200,"body":' + body + b"}").body == expected


async def test_what_comes_too_often_to_a_url_is_refused_and_not_stored() -> None:
    async with receiving(settings=Settings(receiving_rate_limit=RateLimit(0.001, 2))) as it:
        answers = [await it.send(query=f"?n={number}") for number in range(3)]
        assert [status for status, _, _ in answers] == [200, 200, 429]
        assert int(answers[2][1]["retry-after"]) > 0
        assert len(await it.started()) == 2
        assert (await it.api.get("/api/node")).status == 200


@pytest.mark.parametrize(
    ("members", "is_given"),
    [
        (f'"body":"{"x" * BODY_LIMIT}"', True),
        (f'"body":"{"x" * (BODY_LIMIT + 1)}"', False),
        (f'"body":"{"€" * (BODY_LIMIT // 3 + 1)}"', False),
        (f'"headers":{{"x":"{"y" * (HEADERS_LIMIT - 5)}"}}', True),
        (f'"headers":{{"x":"{"y" * (HEADERS_LIMIT - 4)}"}}', False),
    ],
)
def test_the_response_of_an_app_elsewhere_is_as_large_as_one_of_this_process_may_be(
    members: str, is_given: bool
) -> None:
    answer = f'{{"status":200,{members}}}'.encode()
    if is_given:
        assert response_of(answer).status == 200
    else:
        with pytest.raises(FetchFailedError, match="The response from the app has"):
            response_of(answer)
