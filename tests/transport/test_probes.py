"""For how long the platform of an app lets it work, as a probe finds out (v2 protocol, section 3.12)."""

from __future__ import annotations

import json

import pytest

from perdure.protocol.messages.execution import RunMetadata
from perdure.transport.app_link import AppLink
from perdure.transport.http_endpoint import HttpEndpoint
from tests.transport.asking import NOW
from tests.transport.sending import sending
from tests.transport.server import response, serving


@pytest.mark.parametrize(
    ("seconds", "status", "limit_ms"),
    [
        (120.004, "200 OK", 120_000),
        (45.5, "504 Gateway Timeout", 45_500),
        (3.0, "504 Gateway Timeout", 10_000),
        (300.0, "408 Request Timeout", 120_000),
        (45.5, "500 Internal Server Error", 60_000),
        (45.5, "405 Method Not Allowed", 60_000),
    ],
)
async def test_a_probe_finds_out_for_how_long_a_platform_lets_an_app_work(
    seconds: float, status: str, limit_ms: int
) -> None:
    async def listens(job_id: str, metadata: RunMetadata) -> None:
        pass

    times = [100.0, 100.0 + seconds]
    async with serving(response(b'{"ok":true}', status=status)) as server, sending() as outbound:
        link = AppLink("shop", f"{server.origin}/", api_keys=lambda: ["k"], requester=outbound)
        endpoint = HttpEndpoint(link, now=lambda: NOW, monotonic=lambda: times.pop(0), listens=listens)
        assert await endpoint.probe() is (limit_ms != 60_000)
    (received,) = server.requests
    assert received.headers["x-trigger-action"] == "PROBE_EXECUTION_TIMEOUT"
    assert json.loads(received.body) == {"timeout": 120_000}
    assert endpoint.limit.ms == limit_ms
