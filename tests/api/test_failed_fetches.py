"""What a request comes to for apps of v2 that the server has sent and that was answered with a failure."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from perdure.protocol.json_text import load
from tests.api.executing import executing
from tests.transport.server import response, serving


async def output_of(body: bytes) -> Any:
    """Have the server send a request that is refused with that body; the output of its task."""
    async with serving(response(body, status="429 Too Many Requests")) as busy, executing() as endpoint:
        made = await endpoint.create(operation="fetch", params={"url": f"{busy.origin}/"})
        async with asyncio.timeout(10):
            while made.body["task"]["status"] != "ERRORED":
                made = await endpoint.create(operation="fetch", params={"url": f"{busy.origin}/"})
    return made.body["task"]["output"]


@pytest.mark.parametrize("body", ['["busy"]', '[{"a": 1}]', "429", "true"])
async def test_it_is_the_body_of_the_answer_though_that_is_no_object(body: str) -> None:
    assert await output_of(body.encode()) == load(body)


@pytest.mark.parametrize("body", [b"", b"busy", b"null", b"false", b"0", b'""', b'"busy"', b"[]", b"{}"])
async def test_it_is_what_happened_where_the_body_says_nothing(body: bytes) -> None:
    assert "status 429" in (await output_of(body))["message"]
