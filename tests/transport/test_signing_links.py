"""A server that is known to be perdure's is not shown the key any more, whatever it says later."""

from __future__ import annotations

import pytest

from perdure import Client
from perdure.adapters.runtime import Runtime
from perdure.protocol.api_bodies import Deleted
from perdure.protocol.signing import CALL_SCHEME
from perdure.transport.node_link import NodeLink
from perdure.transport.node_request import NodeRequest
from perdure.transport.node_target import NamedNode
from perdure.transport.wire_link import WireLink
from perdure.transport.wire_request import WireRequest
from tests.transport.node import reply, serving

KEY = "tr_dev_signed0signed0signed"
DONE = reply(200, b'{"deleted":true}')
OF_ANOTHER = reply(200, b'{"deleted":true}', native=False)


async def test_a_node_is_shown_the_key_once() -> None:
    async with serving(DONE, DONE, OF_ANOTHER) as node:
        link = NodeLink(NamedNode(node.target.url, KEY))
        for _ in range(2):
            assert await link.ask(NodeRequest("DELETE", "/api/store/a"), Deleted) == Deleted(True)
        await link.close()
    assert [key.split()[0] for key in node.keys] == [KEY, CALL_SCHEME]


async def test_a_platform_is_shown_the_key_until_it_is_known_to_be_perdures() -> None:
    async with serving(OF_ANOTHER, DONE, DONE, OF_ANOTHER, DONE) as node:
        link = WireLink(node.target.url, KEY)
        for _ in range(5):
            await link.ask(WireRequest("POST", "/api/v1/events", b"{}"))
        await link.close()
    assert [key.split()[0] for key in node.keys] == [KEY, KEY, CALL_SCHEME, CALL_SCHEME, CALL_SCHEME]


async def test_with_the_setting_the_key_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERDURE_REQUIRE_SIGNATURES", "1")
    async with serving(DONE) as node:
        runtime = Runtime(Client(id="shop", api_key=KEY, api_url=node.target.url))
        await runtime.platform._link.ask(WireRequest("POST", "/api/v1/events", b"{}"))
        await runtime.close()
    assert [key.split()[0] for key in node.keys] == [CALL_SCHEME]
