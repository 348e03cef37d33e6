"""Which ends of runs an app behind a URL is told of: v2 tells no app of a run that was cancelled (section 6.10)."""

from __future__ import annotations

import json

import pytest

from perdure.protocol.execution import JsonText
from tests.transport.asking import REQUEST, asking
from tests.transport.server import response


@pytest.mark.parametrize(
    ("app", "told"),
    [("trigger-sdk-version", ["FAILURE"]), ("perdure-version", ["CANCELED", "FAILURE"])],
    ids=["of v2", "of perdure's"],
)
async def test_only_an_app_of_perdures_is_told_that_a_run_was_cancelled(app: str, told: list[str]) -> None:
    # What a job is told is anything that its app calls a success.
    async with asking(response(b'{"status":"SUCCESS"}', headers={app: "2.3.19"})) as (endpoint, server, _):
        await endpoint.execute(REQUEST)
        for status in ("CANCELED", "FAILURE"):
            await endpoint.notify("job", JsonText(json.dumps({"payload": {"status": "SUCCESS"}, "status": status})))

    assert [json.loads(one.body)["status"] for one in server.requests[1:]] == told
