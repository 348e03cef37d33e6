"""No packet goes to an address that is closed, however the URL spells it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from perdure.errors import BlockedAddressError, FetchFailedError, FetchTimeoutError, InvalidUrlError
from perdure.protocol.egress import EgressRule
from perdure.protocol.outbound import OutboundRequest
from tests.transport import forbidden
from tests.transport.sending import sending
from tests.transport.server import redirect, response, serving
from tests.transport.watching import Listener, watching_connects

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from perdure.transport.outbound import Outbound


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.close()


async def refusal(outbound: Outbound, url: str) -> str:
    try:
        await outbound.request(OutboundRequest("GET", url, timeout=5))
    except (BlockedAddressError, InvalidUrlError) as error:
        return error.code
    except (FetchFailedError, FetchTimeoutError) as error:
        return f"requested: {error}"
    return "answered"


def test_the_table_is_large_enough_to_mean_something() -> None:
    assert len(set(forbidden.closed_everywhere(1))) >= 160


@pytest.mark.parametrize("allow_loopback", [False, True], ids=["production", "development"])
async def test_nothing_is_sent_to_a_closed_address(allow_loopback: bool, listener: Listener) -> None:
    urls = forbidden.closed_everywhere(listener.port)
    if not allow_loopback:
        urls += forbidden.urls(forbidden.LOOPBACK, listener.port)
    async with sending(allow_loopback=allow_loopback, lookup=forbidden.lookup) as outbound:
        with watching_connects() as connects:
            outcomes = {url: await refusal(outbound, url) for url in urls}
    assert {url: code for url, code in outcomes.items() if code not in {"blocked_address", "invalid_url"}} == {}
    assert (connects, listener.count()) == ([], 0)


async def test_what_is_malformed_is_told_from_what_is_closed() -> None:
    async with sending(allow_loopback=False, lookup=forbidden.lookup) as outbound:
        for url in forbidden.closed_everywhere(80):
            malformed = url in {text.replace("{port}", "80") for text in forbidden.MALFORMED}
            assert await refusal(outbound, url) == ("invalid_url" if malformed else "blocked_address"), url


async def test_the_listener_and_the_watch_would_see_a_packet(listener: Listener) -> None:
    everything = [EgressRule("0.0.0.0/0"), EgressRule("::/0")]
    async with sending(allow_loopback=True, allowed=everything, lookup=forbidden.lookup) as outbound:
        with watching_connects() as connects:
            for host in ("127.0.0.1", "localhost.", "localtest.example", "[::ffff:127.0.0.1]"):
                with contextlib.suppress(FetchFailedError, FetchTimeoutError):
                    await outbound.request(OutboundRequest("GET", f"http://{host}:{listener.port}/", timeout=0.05))
    assert len(connects) == listener.count() == 4


async def test_no_redirect_leads_to_a_closed_address(listener: Listener) -> None:
    places = [*forbidden.closed_everywhere(listener.port), *forbidden.urls(forbidden.LOOPBACK, listener.port)]
    # These cannot stand in a header, or are a path and lead nowhere else.
    places = [url for url in places if url and "\t" not in url and "://" in url and url == url.strip()]
    answers = {f"/{index}": redirect(url) for index, url in enumerate(places)}
    async with serving(answers) as server:
        rule = EgressRule("127.0.0.1", server.port)
        async with sending(allow_loopback=False, allowed=[rule], lookup=forbidden.lookup) as outbound:
            with watching_connects() as connects:
                outcomes = {answers[path]: await refusal(outbound, server.origin + path) for path in answers}
    allowed = ("blocked_address", f"requested: {server.origin} redirects to somewhere else than a URL.")
    assert {place: code for place, code in outcomes.items() if not code.startswith(allowed)} == {}
    assert len(server.requests) == len(places) >= 150
    assert set(connects) == {("127.0.0.1", server.port)}
    assert listener.count() == 0


async def test_a_chain_of_redirects_is_checked_to_its_end(listener: Listener) -> None:
    chain = {f"/{n}": redirect(f"/{n + 1}") for n in range(4)}
    async with serving({**chain, "/4": redirect(f"http://127.0.0.2:{listener.port}/")}) as server:
        rule = EgressRule("127.0.0.1", server.port)
        async with sending(allow_loopback=False, allowed=[rule]) as outbound:
            assert await refusal(outbound, f"{server.origin}/0") == "blocked_address"
    assert (len(server.requests), listener.count()) == (5, 0)


async def test_proxies_and_passwords_of_the_environment_are_ignored(
    listener: Listener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "ws_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{listener.port}")
    netrc = tmp_path / "netrc"
    netrc.write_text("default login me password hunter2\n", encoding="utf-8")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    async with serving(response()) as server, sending() as outbound:
        await outbound.request(OutboundRequest("GET", server.origin))
    assert (len(server.requests), listener.count()) == (1, 0)
    assert "authorization" not in server.requests[0].headers


async def test_what_is_open_in_development_is_reached() -> None:
    async with serving(response(b"here")) as server, sending(allow_loopback=True) as outbound:
        for host in ("127.0.0.1", "localhost", "LOCALHOST"):
            answered = await outbound.request(OutboundRequest("GET", f"http://{host}:{server.port}/"))
            assert answered.body == b"here"


async def test_localhost_is_loopback_whatever_a_resolver_says() -> None:
    async def lookup(host: str) -> list[str]:
        return ["93.184.216.34"]

    async with serving(response(b"here")) as server, sending(lookup=lookup) as outbound:
        with watching_connects() as connects:
            await outbound.request(OutboundRequest("GET", f"http://localhost:{server.port}/"))
    assert set(connects) <= {("127.0.0.1", server.port), ("::1", server.port)}


async def test_a_name_that_was_opened_is_reached_wherever_it_leads() -> None:
    async with serving(response(b"here")) as server:
        rule = EgressRule("localtest.example", server.port)
        async with sending(allow_loopback=False, allowed=[rule], lookup=forbidden.lookup) as outbound:
            answered = await outbound.request(OutboundRequest("GET", f"http://localtest.example:{server.port}/"))
    assert answered.body == b"here"
    assert server.requests[0].headers["host"] == f"localtest.example:{server.port}"


async def test_many_requests_at_once_do_not_open_addresses_to_each_other(listener: Listener) -> None:
    async with serving(response()) as server:
        opened = EgressRule("localtest.example", server.port)
        urls = [f"http://localtest.example:{server.port}/", f"http://localhost.:{listener.port}/"] * 50
        async with sending(allow_loopback=False, allowed=[opened], lookup=forbidden.lookup) as outbound:
            outcomes = await asyncio.gather(*(refusal(outbound, url) for url in urls))
    assert outcomes == ["answered", "blocked_address"] * 50
    assert listener.count() == 0
