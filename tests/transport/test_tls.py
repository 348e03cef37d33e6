"""Over https, the certificate is that of the name in the URL, whatever address the connection goes to."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING

import pytest

from perdure.errors import FetchFailedError, FetchTimeoutError
from perdure.protocol.egress import EgressRule
from perdure.protocol.outbound import OutboundRequest
from tests.transport.certificates import Authority
from tests.transport.hostile import never
from tests.transport.sending import sending
from tests.transport.server import Server, redirect, response, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from perdure.protocol.outbound import OutboundResponse


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    return Authority(tmp_path_factory.mktemp("certificates"))


async def lookup(host: str) -> list[str]:
    return ["127.0.0.1"]


async def get(server: Server, *, host: str, tls: ssl.SSLContext | None, timeout: float = 10) -> OutboundResponse:
    rule = EgressRule(host, server.port)
    async with sending(allow_loopback=False, allowed=[rule], lookup=lookup, tls=tls) as outbound:
        return await outbound.request(OutboundRequest("GET", f"https://{host}:{server.port}/", timeout=timeout))


async def test_the_name_in_the_url_is_the_one_that_is_asked_for_and_checked(authority: Authority) -> None:
    asked: list[str | None] = []
    tls = authority.server("shop.example")
    tls.sni_callback = lambda _socket, name, _context: asked.append(name)
    async with serving(response(b"secure"), tls=tls) as server:
        answered = await get(server, host="shop.example", tls=authority.client())
    assert answered.body == b"secure"
    assert asked == ["shop.example"]
    assert server.requests[0].headers["host"] == f"shop.example:{server.port}"


async def test_an_address_in_the_url_is_checked_as_one(authority: Authority) -> None:
    async with serving(response(b"secure"), tls=authority.server("127.0.0.1")) as server:
        assert (await get(server, host="127.0.0.1", tls=authority.client())).body == b"secure"


@pytest.mark.parametrize("names", [("other.example",), ("127.0.0.1",), ("*.shop.example",)], ids=str)
async def test_a_certificate_of_another_name_is_not_trusted(names: tuple[str, ...], authority: Authority) -> None:
    async with serving(response(), tls=authority.server(*names)) as server:
        with pytest.raises(
            FetchFailedError, match=r"The certificate of https://shop\.example:\d+ is not trusted: Hostname"
        ):
            await get(server, host="shop.example", tls=authority.client())
    assert server.requests == []


async def test_a_certificate_of_an_unknown_authority_is_not_trusted(authority: Authority) -> None:
    async with serving(response(), tls=authority.server("shop.example")) as server:
        with pytest.raises(FetchFailedError, match="is not trusted: unable to get local issuer certificate"):
            await get(server, host="shop.example", tls=None)
    assert server.requests == []


async def test_a_certificate_that_has_expired_is_not_trusted(authority: Authority) -> None:
    async with serving(response(), tls=authority.server("shop.example", expired=True)) as server:
        with pytest.raises(FetchFailedError, match="is not trusted: certificate has expired"):
            await get(server, host="shop.example", tls=authority.client())


@pytest.mark.parametrize("greeting", [b"220 mail.example ESMTP ready\r\n", response(b"in the clear")])
async def test_a_server_that_speaks_no_tls_is_no_answer(authority: Authority, greeting: bytes) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        await reader.read()
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as listening:
        server = Server(listening.sockets[0].getsockname()[1])
        with pytest.raises(FetchFailedError, match="does not speak TLS"):
            await get(server, host="127.0.0.1", tls=authority.client())


async def test_a_server_that_never_shakes_hands_is_given_up_at_the_timeout(authority: Authority) -> None:
    async with serving(never) as server:
        with pytest.raises(FetchTimeoutError):
            await get(server, host="127.0.0.1", tls=authority.client(), timeout=0.1)


async def test_a_redirect_from_https_to_http_loses_the_credentials(authority: Authority) -> None:
    async with serving(response()) as plain:
        answer = redirect(f"http://127.0.0.1:{plain.port}/")
        async with serving(answer, tls=authority.server("127.0.0.1")) as server, sending(tls=authority.client()) as out:
            url = f"https://127.0.0.1:{server.port}/"
            await out.request(OutboundRequest("GET", url, headers=(("Authorization", "Bearer x"),)))
    assert "authorization" in server.requests[0].headers
    assert "authorization" not in plain.requests[0].headers
