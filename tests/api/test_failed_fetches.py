"""What a request comes to for apps of v2 that the server has sent and that failed (v2 protocol, section 7)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from perdure.protocol.json_text import load
from tests.api.executing import OTHER, Endpoint, executing
from tests.transport.server import Received, response, serving


async def failed(endpoint: Endpoint, operation: str = "fetch", **params: Any) -> Any:
    """Have the server do what a task asks for, until it has failed; its output."""
    async with asyncio.timeout(20):
        while True:
            made = await endpoint.create(operation=operation, params=params)
            assert made.status == 200, made.body
            if made.body["task"]["status"] == "ERRORED":
                return made.body["task"]["output"]


async def output_of(body: bytes) -> Any:
    """Have the server send a request that is refused with that body; the output of its task."""
    async with serving(response(body, status="429 Too Many Requests")) as busy, executing() as endpoint:
        return await failed(endpoint, url=f"{busy.origin}/")


async def says_nothing(_received: Received, _writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize("body", ['["busy"]', '[{"a": 1}]', "429", "true", '"busy"', "[]", "{}", '{"error": {"n": 1}}'])
async def test_it_is_the_body_of_the_answer_as_it_came(body: str) -> None:
    assert await output_of(body.encode()) == load(body)


@pytest.mark.parametrize("body", [b"", b"busy", b"null", b"false", b"0", b'""'])
async def test_it_is_what_happened_where_the_body_says_nothing(body: bytes) -> None:
    assert await output_of(body) == {
        "message": "Fetch failed with status 429", "name": "FetchFailedError", "code": "fetch_failed",
    }  # fmt: skip


async def test_a_request_that_is_not_answered_in_time_says_so_in_the_words_of_v2() -> None:
    async with serving(says_nothing) as silent, executing() as endpoint:
        said = await failed(endpoint, url=f"{silent.origin}/", timeout={"durationInMs": 10})

    # What lies below the bound of a second is moved to it.
    assert said == {
        "message": "Fetch timed out after 1000ms", "name": "FetchTimeoutError", "code": "fetch_timeout",
    }  # fmt: skip


async def test_a_poll_that_nothing_matches_says_so_in_the_words_of_v2() -> None:
    async with serving(response(b"{}")) as other, executing() as endpoint:
        filter = {"body": {"done": [True]}}
        said = await failed(
            endpoint, "fetch-poll", url=f"{other.origin}/", interval=1, timeout=1.5, responseFilter=filter
        )

    assert said == {
        "message": "Task timed out after 1.5 seconds", "name": "PollTimeoutError", "code": "poll_timeout",
    }  # fmt: skip


async def test_a_poll_whose_request_is_not_answered_in_time_says_so_in_the_words_of_v2() -> None:
    async with serving(says_nothing) as silent, executing() as endpoint:
        said = await failed(
            endpoint, "fetch-poll", url=f"{silent.origin}/", requestTimeout={"durationInMs": 1500}, timeout=30
        )

    assert said["message"] == "Fetch timed out after 1500ms"


@pytest.mark.parametrize(
    ("operation", "params", "begin"),
    [
        ("fetch", {}, "Invalid fetch operation: "),
        ("fetch-response", {"url": 5}, "Invalid fetch operation: "),
        ("fetch", {"url": "file:///etc/passwd"}, "Invalid fetch operation: "),
        ("fetch-poll", {"url": "http://127.0.0.1:9/", "interval": 0}, "Invalid poll operation: "),
    ],
)
async def test_what_is_no_request_says_so_in_the_words_of_v2(operation: str, params: Any, begin: str) -> None:
    async with executing() as endpoint:
        assert (await failed(endpoint, operation, **params))["message"].startswith(begin)


async def test_a_task_fails_with_the_body_that_a_request_in_it_was_refused_with() -> None:
    body = {"error": {"message": "no quota", "type": "insufficient_quota"}}
    async with (
        serving(response(b'{"error": {"message": "no quota", "type": "insufficient_quota"}}', status="429 No")) as busy,
        executing() as endpoint,
    ):
        outer = (await endpoint.create(OTHER)).body["task"]["id"]
        output = await failed(endpoint, url=f"{busy.origin}/")
        told = await endpoint.fail(outer, output)
        again = await endpoint.create(OTHER)

    assert output == body
    assert (told.status, told.body["status"], told.body["output"]) == (200, "ERRORED", body)
    assert again.body["task"]["output"] == body


@pytest.mark.parametrize("error", [{}, {"message": 5}, ["no"], None])
async def test_what_is_no_error_is_none_where_no_task_has_failed(error: Any) -> None:
    async with executing() as endpoint:
        made = (await endpoint.create()).body["task"]
        refused = await endpoint.fail(made["id"], error)

    assert (refused.status, refused.code) == (422, "invalid_field")
