"""A name that changes its addresses between one look and the next gains nothing."""

from __future__ import annotations

import asyncio
import itertools
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from perdure.errors import BlockedAddressError, FetchFailedError, FetchTimeoutError
from perdure.protocol.egress import EgressPolicy, EgressRule
from perdure.protocol.outbound import OutboundRequest
from perdure.transport.connector import GuardedConnector
from tests.transport.sending import sending
from tests.transport.server import response, serving
from tests.transport.watching import Listener, watching_connects

if TYPE_CHECKING:
    from collections.abc import Iterator

    from perdure.transport.outbound import Outbound

PUBLIC = "93.184.216.34"


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.close()


class Rebinding:
    """A resolver that answers a public address first, and loopback the second time."""

    def __init__(self, *answers: list[str]) -> None:
        self.asked = 0
        self._answers = itertools.cycle(answers)

    async def __call__(self, host: str) -> list[str]:
        self.asked += 1
        return next(self._answers)


@pytest.fixture
def no_internet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a connection to a public address fail, as on a machine without a network."""

    def make_socket(connector: GuardedConnector, info: tuple[object, ...]) -> socket.socket:
        checked = real(connector, info)  # type: ignore[arg-type]
        if info[4][0] == PUBLIC:  # type: ignore[index]
            checked.close()
            raise OSError(101, "Network is unreachable")
        return checked

    real = GuardedConnector._make_socket
    monkeypatch.setattr(GuardedConnector, "_make_socket", make_socket)


@pytest.mark.usefixtures("no_internet")
async def test_a_rebinding_name_is_refused_each_of_a_hundred_times(listener: Listener) -> None:
    refused = 0
    for _ in range(100):
        rebinding = Rebinding([PUBLIC], ["127.0.0.1"])
        async with sending(allow_loopback=True, lookup=rebinding) as outbound:
            with watching_connects() as connects:
                # The first lookup is public, and its address is the only one that this connection may use.
                with pytest.raises(FetchFailedError):
                    await outbound.request(OutboundRequest("GET", f"http://rebind.example:{listener.port}/"))
                assert rebinding.asked == 1
                with pytest.raises(BlockedAddressError):
                    await outbound.request(OutboundRequest("GET", f"http://rebind.example:{listener.port}/"))
        refused += connects == []
    assert (refused, listener.count()) == (100, 0)


def trust_lookups(outbound: Outbound, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the first gate away: the addresses of a name are not checked."""
    everything = EgressPolicy(allowed=[EgressRule("0.0.0.0/0"), EgressRule("::/0")])
    resolver = outbound._open()._session.connector._resolver  # type: ignore[union-attr]
    monkeypatch.setattr(resolver, "_policy", everything)


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["::1"], ["127.0.0.1", "::1", "10.0.0.1"]], ids=str)
async def test_an_address_that_slips_past_the_lookup_is_stopped_at_its_socket(
    addresses: list[str], listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with sending(allow_loopback=True, lookup=Rebinding(addresses)) as outbound:
        trust_lookups(outbound, monkeypatch)
        with watching_connects() as connects, pytest.raises(BlockedAddressError):
            await outbound.request(OutboundRequest("GET", f"http://rebind.example:{listener.port}/"))
    assert (connects, listener.count()) == ([], 0)


async def test_a_connection_that_ended_up_elsewhere_is_closed_before_anything_is_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def make_socket(_: GuardedConnector, info: tuple[int, int, int, str, object]) -> socket.socket:
        return socket.socket(*info[:3])

    monkeypatch.setattr(GuardedConnector, "_make_socket", make_socket)
    async with serving(response()) as server, sending(lookup=Rebinding(["127.0.0.1"])) as outbound:
        trust_lookups(outbound, monkeypatch)
        with watching_connects() as connects, pytest.raises(BlockedAddressError):
            await outbound.request(OutboundRequest("POST", f"http://rebind.example:{server.port}/", body=b"secret"))
        assert connects == [("127.0.0.1", server.port)]
    assert server.requests == []


async def test_a_lookup_that_never_ends_is_given_up_at_the_timeout() -> None:
    async def silent(host: str) -> list[str]:
        await asyncio.Event().wait()
        return []

    async with sending(lookup=silent) as outbound:
        with pytest.raises(FetchTimeoutError, match=r"http://slow\.example did not answer in full within 0\.05 s"):
            await outbound.request(OutboundRequest("GET", "http://slow.example/", timeout=0.05))


@pytest.mark.parametrize("answer", [[], OSError("no such name")], ids=["none", "error"])
async def test_a_name_without_an_address_is_no_answer(answer: list[str] | OSError) -> None:
    async def lookup(host: str) -> list[str]:
        if isinstance(answer, OSError):
            raise answer
        return answer

    async with sending(lookup=lookup) as outbound:
        with pytest.raises(FetchFailedError, match=r"'none\.example' has no address"):
            await outbound.request(OutboundRequest("GET", "http://none.example/"))


async def test_the_resolver_of_the_system_is_asked_in_threads_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []

    def getaddrinfo(host: str, *_: object, **__: object) -> list[tuple[object, ...]]:
        asked.append((host, threading.current_thread().name))
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in (PUBLIC, "10.0.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    async with sending() as outbound:
        with pytest.raises(BlockedAddressError):
            await outbound.request(OutboundRequest("GET", "http://system.example/"))
    ((host, thread),) = asked
    assert host == "system.example"
    assert thread.startswith("perdure-lookup")
