"""The link to a node: what it repeats, what it does not, and how long it waits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from perdure.errors import InvalidArgumentError, NotConnectedError, NotFoundError, PerdureError
from perdure.protocol.api_bodies import Deleted
from perdure.transport.event_stream import read_events
from perdure.transport.node_link import NodeLink, path_of
from perdure.transport.node_request import NodeRequest
from perdure.transport.node_target import NamedNode, Target
from tests.transport.certificates import Authority
from tests.transport.node import GoneError, Places, reply, serving
from tests.transport.server import response
from tests.transport.server import serving as secured

DONE = reply(200, b'{"deleted":true}')
STOPPING = reply(503, b'{"error":"This node stops; ask again.","code":"not_connected"}')
OVERLOADED = reply(503, b"Service Unavailable", native=False)
ASK = NodeRequest("DELETE", "/api/store/a")
ASK_ONCE = NodeRequest("POST", "/api/runs/r/rerun", repeats=False)


LinkTo = Callable[..., AbstractAsyncContextManager[NodeLink]]


@pytest.fixture(params=[False, True], ids=["session", "single calls"])
def link_to(request: pytest.FixtureRequest) -> LinkTo:
    """Make links, of both kinds."""

    @asynccontextmanager
    async def make(finder: Any, *, patience: float = 10) -> AsyncIterator[NodeLink]:
        link = NodeLink(finder, patience=patience, asks_little=request.param)
        yield link
        await link.close()

    return make


async def test_a_request_says_who_asks_and_is_answered(link_to: LinkTo) -> None:
    async with serving(DONE, api_key="secret") as node, link_to(NamedNode(node.target.url, "secret")) as link:
        assert await link.ask(NodeRequest("PUT", "/api/store/a%2Fb?x=1", b"[1]"), Deleted) == Deleted(True)
    assert node.seen == [("PUT", "/api/store/a%2Fb?x=1", b"[1]")]
    assert node.keys == ["secret"]


async def test_a_node_whose_certificate_is_not_trusted_is_told_of_as_that(link_to: LinkTo, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with (
        secured(response(), tls=authority.server("localhost")) as server,
        link_to(NamedNode(f"https://localhost:{server.port}", "secret"), patience=1) as link,
    ):
        with pytest.raises(NotConnectedError, match=r"certificate is not trusted, unable to get .*SSL_CERT_FILE"):
            await link.ask(ASK, Deleted)


@pytest.mark.parametrize("request_", [ASK, ASK_ONCE], ids=["repeats", "once"])
@pytest.mark.parametrize("answer", [STOPPING, OVERLOADED], ids=["stopping", "overloaded"])
async def test_what_a_node_has_not_taken_is_sent_again(request_: NodeRequest, answer: bytes, link_to: LinkTo) -> None:
    async with serving(answer, answer, DONE) as node, link_to(Places(node.target)) as link:
        assert await link.ask(request_, Deleted) == Deleted(True)
    assert len(node.seen) == 3


@pytest.mark.parametrize("request_", [ASK, ASK_ONCE], ids=["repeats", "once"])
async def test_what_could_not_be_sent_is_sent_to_the_next_node(request_: NodeRequest, link_to: LinkTo) -> None:
    async with serving() as gone:
        pass
    async with serving(DONE) as node, link_to(Places(None, gone.target, None, node.target)) as link:
        assert await link.ask(request_, Deleted) == Deleted(True)


async def test_an_answer_that_was_lost_is_asked_for_again_where_that_is_safe(link_to: LinkTo) -> None:
    cut = reply(200, b'{"deleted":true}')[:-5]
    async with serving(None, cut, DONE) as node, link_to(Places(node.target)) as link:
        assert await link.ask(ASK, Deleted) == Deleted(True)
    assert node.seen == [("DELETE", "/api/store/a", b"")] * 3


async def test_what_must_not_be_done_twice_is_not_asked_for_again(link_to: LinkTo) -> None:
    async with serving(None) as node, link_to(Places(node.target)) as link:
        with pytest.raises(NotConnectedError, match="Whether it has done it is not known"):
            await link.ask(ASK_ONCE, Deleted)
    assert len(node.seen) == 1


async def test_a_node_that_never_answers_is_waited_for_no_longer_than_that(link_to: LinkTo) -> None:
    async with link_to(Places(None), patience=0.05) as link:
        with pytest.raises(GoneError, match="Nothing has come back so far"):
            await link.ask(ASK, Deleted)
    async with serving() as gone:
        pass
    async with link_to(Places(gone.target), patience=0.05) as link:
        with pytest.raises(GoneError, match="no connection"):
            await link.ask(ASK_ONCE, Deleted)


async def test_an_error_is_raised_as_it_is_and_not_asked_for_again(link_to: LinkTo) -> None:
    async with (
        serving(reply(404, b'{"error":"There is none.","code":"not_found"}')) as node,
        link_to(Places(node.target)) as link,
    ):
        with pytest.raises(NotFoundError, match="There is none"):
            await link.ask(ASK, Deleted)


@pytest.mark.parametrize("answer", [reply(401), reply(200, b"{}", native=False)], ids=["other key", "other server"])
async def test_what_listens_where_a_node_was_before_is_asked_once_and_then_the_node(
    answer: bytes, link_to: LinkTo
) -> None:
    async with serving(answer) as other, serving(DONE) as node, link_to(Places(other.target, node.target)) as link:
        assert await link.ask(ASK, Deleted) == Deleted(True)


async def test_what_is_no_node_is_told_so(link_to: LinkTo) -> None:
    async with serving(reply(200, b"{}", native=False)) as other, link_to(Places(other.target)) as link:
        with pytest.raises(PerdureError, match="no node of perdure"):
            await link.ask(ASK, Deleted)


async def test_a_named_node_that_does_not_answer_is_named(link_to: LinkTo) -> None:
    async with serving() as gone:
        pass
    async with link_to(NamedNode(gone.target.url, "k"), patience=0.05) as link:
        with pytest.raises(NotConnectedError, match=rf"No node answers at {gone.target.url}.*PERDURE_API_URL"):
            await link.ask(ASK, Deleted)


async def test_a_stream_that_breaks_off_is_begun_anew(link_to: LinkTo) -> None:
    first = b': hello\n\nevent: change\ndata: {"deleted":\ndata: false}\n\nevent: change\ndata: {"del'
    second = b'event: end\ndata: {"deleted":true}\n\n'
    streams = [reply(200, body, kind="text/event-stream") for body in (first, second)]
    async with serving(STOPPING, *streams) as node, link_to(Places(node.target)) as link:
        found: list[Any] = []
        async for event in link.follow(NodeRequest("GET", "/api/runs/changes"), Deleted):
            found.append(event)
            if event[0] == "end":
                break
    assert found == [("change", Deleted(False)), ("end", Deleted(True))]


async def test_a_stream_whose_node_stops_is_begun_anew(link_to: LinkTo) -> None:
    stops = b'event: error\ndata: {"error":"It is stopping.","code":"not_connected"}\n\n'
    ends = b'event: end\ndata: {"deleted":true}\n\n'
    streams = [reply(200, body, kind="text/event-stream") for body in (stops, ends)]
    async with serving(*streams) as node, link_to(Places(node.target)) as link:
        followed = aiter(link.follow(NodeRequest("GET", "/api/runs/changes"), Deleted))
        assert await anext(followed) == ("end", Deleted(True))


async def test_a_stream_that_ends_with_an_error_raises_it(link_to: LinkTo) -> None:
    fails = b'event: error\ndata: {"error":"The run is gone.","code":"not_found"}\n\n'
    async with serving(reply(200, fails, kind="text/event-stream")) as node, link_to(Places(node.target)) as link:
        with pytest.raises(NotFoundError, match="The run is gone"):
            await anext(aiter(link.follow(NodeRequest("GET", "/api/runs/changes"), Deleted)))


async def test_a_stream_that_is_refused_raises(link_to: LinkTo) -> None:
    refused = reply(404, b'{"error":"There is none.","code":"not_found"}')
    async with serving(refused) as node, link_to(Places(node.target)) as link:
        with pytest.raises(NotFoundError):
            await anext(aiter(link.follow(NodeRequest("GET", "/api/runs/x/changes"), Deleted)))


@pytest.mark.parametrize("url", ["ftp://127.0.0.1:1", "http://", "http://a:99999", "http://é.example"])
async def test_a_url_that_leads_to_no_node_is_said_to(url: str) -> None:
    link = NodeLink(NamedNode(url, "k"), patience=0.05, asks_little=True)
    with pytest.raises(NotConnectedError, match="is no URL of a node"):
        await link.ask(ASK, Deleted)


async def test_an_answer_without_an_end_is_no_answer() -> None:
    cut = reply(200, b'{"deleted":true}')[:-5]
    async with serving(cut, cut) as node:
        link = NodeLink(Places(node.target), asks_little=True)
        with pytest.raises(NotConnectedError, match="Whether it has done it is not known"):
            await link.ask(ASK_ONCE, Deleted)


async def test_events_are_read_however_their_bytes_arrive() -> None:
    text = b"event: a\r\ndata: 1\r\n\r\n: beat\n\ndata:2\ndata: 3\n\nevent: none\n\n"

    async def parts(size: int) -> AsyncIterator[bytes]:
        for start in range(0, len(text), size):
            yield text[start : start + size]

    for size in (1, 2, 7, len(text)):
        assert [event async for event in read_events(parts(size))] == [("a", b"1"), ("message", b"2\n3")]


def test_every_segment_of_a_path_stays_one() -> None:
    assert path_of("events", "a/b?c#d %41é") == "/api/events/a%2Fb%3Fc%23d%20%2541%C3%A9"
    assert path_of("events", "..", "cancel") == "/api/events/%2E%2E/cancel"
    assert path_of("runs", query=[("job", "a&b"), ("cursor", None), ("take", 5)]) == "/api/runs?job=a%26b&take=5"


def test_a_path_that_is_longer_than_nodes_take_is_refused_before_it_is_sent() -> None:
    assert len(path_of("runs", "x" * 8182)) == 8192
    for call in (lambda: path_of("runs", "x" * 8183), lambda: path_of("runs", query=[("cursor", "é" * 2000)])):
        with pytest.raises(InvalidArgumentError, match="too long"):
            call()


def test_a_target_does_not_show_its_key() -> None:
    assert "secret" not in repr(Target("http://a", "secret"))
