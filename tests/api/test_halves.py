"""Halves of surrogate pairs, which JavaScript leaves where it cuts a text: no answer that has one stops anything."""

from __future__ import annotations

import asyncio
import http.client
from typing import Any
from urllib.parse import urlsplit

import pytest

from perdure.protocol.json_text import load
from perdure.transport.deliveries import response_of
from tests.api.client import ApiClient, serving
from tests.api.executing import KEY, executing
from tests.api.remote_app import job, remote_app
from tests.api.test_declared_names import SOURCE
from tests.api.test_operators import DEV, keys, nobody
from tests.transport.server import response
from tests.transport.server import serving as vendor

__all__ = ["keys"]
HALF = "\ud800"
REFUSES = b'{"message": "cut \\ud800", "cut": "\\ud800"}'


async def test_a_fetch_that_is_refused_with_half_a_pair_fails_with_the_body_of_the_answer() -> None:
    async with vendor(response(REFUSES, status="422 Unprocessable")) as refusing, executing() as endpoint:
        made = await endpoint.create(operation="fetch", params={"url": f"{refusing.origin}/"})
        async with asyncio.timeout(60):
            while made.body["task"]["status"] != "ERRORED":
                made = await endpoint.create(operation="fetch", params={"url": f"{refusing.origin}/"})
        shown = await endpoint.api.get(f"/api/v2/runs/{endpoint.run_id}?taskdetails=true")
    output = made.body["task"]["output"]
    assert (output["message"], output["cut"]) == (f"cut {HALF}", HALF)
    assert shown.body["tasks"][0]["output"] == output


async def test_a_header_that_is_named_by_half_a_pair_fails_its_task_and_not_the_call() -> None:
    async with executing() as endpoint:
        params = {"url": "http://a.example/", "requestInit": {"headers": {HALF: 1}}}
        made = await endpoint.create(KEY, operation="fetch", params=params)
    assert (made.status, made.body["task"]["output"]["code"]) == (200, "invalid_argument")


async def test_a_filter_may_look_for_half_a_pair() -> None:
    rule = {"event": "cut", "source": "trigger.dev", "payload": {"text": [HALF]}}
    looks = job("looks", trigger={"type": "static", "title": "cut", "rule": rule})
    async with remote_app(looks) as app, serving(nobody(), serves_all=True) as owner:
        api = owner.with_key(DEV)
        await app.register(api)
        for id, text in (("whole", "x"), ("half", HALF)):
            await api.post("/api/v1/events", {"event": {"name": "cut", "id": id, "payload": {"text": text}}})
        started = {id: (await api.get(f"/api/v2/events/{id}")).body["runs"] for id in ("whole", "half")}
    assert [len(started[id]) for id in ("whole", "half")] == [0, 1]


async def test_an_index_that_has_another_shape_is_refused_with_the_job_that_has_it() -> None:
    async with remote_app(job("cut", name=[HALF])) as app, serving(nobody(), serves_all=True) as owner:
        answer = await owner.with_key(DEV).post("/api/v1/endpoints", {"id": "shop", "url": f"{app.server.origin}/"})
    assert answer.status == 400
    assert 'Job "cut": Expected `str`, got `array` at "name"' in answer.body["error"]


@pytest.mark.parametrize(("body", "text"), [('"cut \\ud800"', "cut \ufffd".encode()), ('["\\ud800"]', b'["\\ud800"]')])
def test_an_app_may_answer_a_request_with_half_a_pair(body: str, text: bytes) -> None:
    assert response_of(f'{{"status": 200, "body": {body}}}'.encode()).body == text


async def test_the_requests_of_a_source_are_handed_over_though_its_params_have_half_a_pair() -> None:
    source = {**SOURCE, "params": {"repo": HALF}}
    handed = asyncio.Event()

    async def takes() -> Any:
        handed.set()
        return {"events": [], "response": {"status": 200}, "metadata": {"last": HALF}}

    async with remote_app() as app, serving(nobody(), serves_all=True) as owner:
        api = owner.with_key(DEV)
        index: Any = app.says["INDEX_ENDPOINT"]
        app.says["INDEX_ENDPOINT"] = index | {"sources": [source]}
        app.says["DELIVER_HTTP_SOURCE_REQUEST"] = takes
        await app.register(api)
        body = {"data": {"cut": HALF}, "options": {"event": ["push"]}}
        active = await api.put(f"/api/v2/shop/sources/{SOURCE['key']}", body)
        for _ in range(2):
            assert await asyncio.to_thread(_post, api, f"/api/v1/sources/http/{active.body['id']}") == 200
            async with asyncio.timeout(60):
                await handed.wait()
            handed.clear()
        heads = [one.headers for one in app.server.requests if "x-ts-data" in one.headers]
    assert [load(head["x-ts-params"]) for head in heads] == [{"repo": HALF}] * 2
    assert [load(head["x-ts-data"]) for head in heads] == [{"cut": HALF}] * 2
    assert load(heads[1]["x-ts-metadata"]) == {"last": HALF}


def _post(api: ApiClient, path: str) -> int:
    connection = http.client.HTTPConnection(urlsplit(api.node.url).netloc, timeout=60)
    try:
        connection.request("POST", path, b"{}")
        return connection.getresponse().status
    finally:
        connection.close()
