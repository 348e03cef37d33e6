"""What an app that is asked who it is may answer, and what is said of that (v2 protocol, sections 3.3 and 3.4)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from perdure.errors import FetchFailedError
from tests.transport.asking import asking
from tests.transport.server import response

NO_JSON = (
    "Could not parse response from endpoint. Make sure it points to the correct URL (you might be missing /api/trigger)"
)
ODD = [
    (None, "is no object, but nothing"),
    ([], "is no object, but an array"),
    (7, "is no object, but a number"),
    ("ok", "is no object, but text"),
    ({}, "has no ok that is true or false, but nothing"),
    ({"ok": None}, "has no ok that is true or false, but nothing"),
    ({"ok": 1}, "has no ok that is true or false, but a number"),
    ({"ok": "yes"}, "has no ok that is true or false, but text"),
    ({"ok": False}, "has ok: false without an error that is text"),
    ({"ok": False, "error": None}, "has ok: false without an error that is text"),
    ({"ok": False, "error": 5}, "has ok: false without an error that is text"),
    ({"ok": False, "error": ["no"]}, "has ok: false without an error that is text"),
    ({"ok": False, "error": "  "}, "has ok: false without an error that is text"),
]


async def refusal_of(action: str, body: bytes) -> str:
    """Have an app answer so; what is said of it."""
    async with asking(response(body)) as (endpoint, _, _):
        with pytest.raises(FetchFailedError) as caught:
            await (endpoint.ping() if action == "PING" else endpoint.validate())
        return caught.value.message.replace(f"Endpoint {endpoint.url} responded with error: ", "Error: ")


@pytest.mark.parametrize("action", ["PING", "VALIDATE"])
@pytest.mark.parametrize(("said", "sentence"), ODD)
async def test_an_answer_of_another_shape_is_said_to_be_that(action: str, said: Any, sentence: str) -> None:
    told = await refusal_of(action, json.dumps(said).encode())
    assert told.startswith(f"Error: Its answer to {action} {sentence}.")


@pytest.mark.parametrize("action", ["PING", "VALIDATE"])
@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff", b'{"ok":'])
async def test_what_is_no_json_at_all_is_said_to_be_no_app(action: str, body: bytes) -> None:
    assert await refusal_of(action, body) == NO_JSON


@pytest.mark.parametrize("action", ["PING", "VALIDATE"])
async def test_what_an_app_says_against_itself_is_handed_on(action: str) -> None:
    said = "Endpoint ID mismatch error. Expected shop, got other"
    assert await refusal_of(action, json.dumps({"ok": False, "error": said}).encode()) == f"Error: {said}"


async def test_of_what_an_app_says_without_end_the_beginning_is_handed_on() -> None:
    said = await refusal_of("PING", json.dumps({"ok": False, "error": "no " * 10_000}).encode())
    assert len(said) < 1_100


async def test_the_beginning_of_a_name_says_which_job_of_an_index_has_another_shape() -> None:
    jobs = [{"id": "j" * 100_000}]
    async with asking(response(json.dumps({"jobs": jobs}).encode())) as (endpoint, _, _):
        with pytest.raises(FetchFailedError, match=r'Job "j{80}": Object missing required field') as caught:
            await endpoint.index()
    assert all(len(line) < 300 for line in caught.value.message.split("\n"))


@pytest.mark.parametrize("rest", ["", "NaN}", '"\\ud800":1e999}', "[" * 100_000])
async def test_an_index_with_a_job_of_another_shape_that_goes_on_with_no_json_is_said_to_be_that(rest: str) -> None:
    async with asking(response(f'{{"jobs":[{{"id":"j"}}],{rest}'.encode())) as (endpoint, _, _):
        with pytest.raises(FetchFailedError, match='Job "0": Object missing required field'):
            await endpoint.index()


async def test_of_a_refusal_without_end_the_beginning_is_handed_on() -> None:
    body = json.dumps({"message": "no " * 10_000}).encode()
    async with asking(response(body, status="401 Unauthorized")) as (endpoint, _, _):
        with pytest.raises(FetchFailedError, match=r"^no no") as caught:
            await endpoint.ping()
    assert len(caught.value.message) == 1_001


@pytest.mark.parametrize("said", [None, [], 7, "ok", {}, {"jobs": None}, {"jobs": {}}, {"ok": False, "error": None}])
async def test_an_index_of_another_shape_is_said_to_be_that(said: Any) -> None:
    async with asking(response(json.dumps(said).encode())) as (endpoint, _, _):
        with pytest.raises(
            FetchFailedError, match=r"The index of http://\S+ cannot be read. The message has another shape"
        ):
            await endpoint.index()


@pytest.mark.parametrize("endpoint_id", [None, 5, ["shop"], ""])
async def test_an_id_that_is_none_is_said_to_be_none(endpoint_id: Any) -> None:
    said = await refusal_of("VALIDATE", json.dumps({"ok": True, "endpointId": endpoint_id}).encode())
    assert said.startswith("Error: Its answer to VALIDATE has no endpointId that is text")


async def test_an_app_says_its_id() -> None:
    async with asking(response(b'{"ok":true,"endpointId":"shop"}')) as (endpoint, server, _):
        assert await endpoint.validate() == "shop"
    assert [one.headers["x-trigger-action"] for one in server.requests] == ["VALIDATE"]


async def test_an_app_that_is_there_says_no_more_than_that_it_is() -> None:
    async with asking(response(b'{"ok":true,"triggerVersion":"2023-09-29","more":[1]}')) as (endpoint, _, _):
        await endpoint.ping()
