"""Redirects are followed as browsers do, and carry no credentials to anybody else."""

from __future__ import annotations

import pytest

from perdure.errors import BlockedAddressError, FetchFailedError
from perdure.protocol.outbound import OutboundRequest
from tests.transport.sending import fetch, sending
from tests.transport.server import Received, redirect, response, serving

CREDENTIALS = (
    ("Authorization", "Bearer secret"),
    ("Cookie", "session=secret"),
    ("X-Api-Key", "secret"),
    ("X-Auth-Token", "secret"),
    ("Client-Secret", "secret"),
    ("X-Signature", "secret"),
)
HARMLESS = (("Accept", "text/plain"), ("X-Trace", "1"))


@pytest.mark.parametrize("location", ["/end", "end", "?x", "http://127.0.0.1:{port}/end", "//127.0.0.1:{port}/end"])
async def test_a_redirect_within_an_origin_keeps_the_credentials(location: str) -> None:
    received = await _follow(location)
    assert {name: received.headers[name.lower()] for name, _ in CREDENTIALS} == dict(CREDENTIALS)


@pytest.mark.parametrize("location", ["http://localhost:{port}/end", "http://127.0.0.2:{port}/end"])
async def test_a_redirect_to_another_host_loses_the_credentials(location: str) -> None:
    _expect_no_secret(await _follow(location))


async def test_a_redirect_to_another_port_loses_the_credentials() -> None:
    async with serving(response()) as other, serving(redirect(f"{other.origin}/end")) as server, sending() as outbound:
        await outbound.request(_with_credentials(f"{server.origin}/start"))
    _expect_no_secret(other.requests[0])


async def test_credentials_that_were_lost_do_not_come_back() -> None:
    answers = {"/end": response(b"back")}
    async with serving(answers) as server, serving(redirect(f"{server.origin}/end")) as away, sending() as outbound:
        answers["/start"] = redirect(f"{away.origin}/away")
        answered = await outbound.request(_with_credentials(f"{server.origin}/start"))
    assert (answered.body, len(server.requests)) == (b"back", 2)
    _expect_no_secret(server.requests[-1])


# Method and status of the redirect, then the method that follows, and whether it has the body.
RULES = [
    ("POST", 301, "GET", False),
    ("POST", 302, "GET", False),
    ("POST", 303, "GET", False),
    ("POST", 307, "POST", True),
    ("POST", 308, "POST", True),
    ("PUT", 301, "PUT", True),
    ("PUT", 302, "PUT", True),
    ("PUT", 303, "GET", False),
    ("DELETE", 308, "DELETE", True),
    ("GET", 303, "GET", True),
    ("GET", 302, "GET", True),
    ("HEAD", 303, "HEAD", False),
]


@pytest.mark.parametrize(("method", "status", "next_method", "keeps_body"), RULES)
async def test_a_redirect_repeats_the_request_or_turns_it_into_a_get(
    method: str, status: int, next_method: str, keeps_body: bool
) -> None:
    body = None if method == "HEAD" else b"body"
    headers = (("Content-Type", "text/plain"), ("X-Trace", "1"))
    async with serving({"/a": redirect("/b", status=f"{status} Moved"), "/b": response()}) as server:
        answered = await fetch(f"{server.origin}/a", method=method, body=body, headers=headers)
    first, second = server.requests
    assert (answered.status, first.method, first.body) == (200, method, body or b"")
    assert (second.method, second.body) == (next_method, b"body" if keeps_body else b"")
    has_type = keeps_body or method == "HEAD"
    assert ("content-type" in second.headers, second.headers["x-trace"]) == (has_type, "1")


async def test_five_redirects_are_followed() -> None:
    chain = {f"/{n}": redirect(f"/{n + 1}") for n in range(5)}
    async with serving({**chain, "/5": response(b"end")}) as server:
        assert (await fetch(f"{server.origin}/0")).body == b"end"


@pytest.mark.parametrize("location", ["/0", "/1", "//127.0.0.1:{port}/0"])
async def test_the_sixth_redirect_is_too_many(location: str) -> None:
    answers: dict[str, bytes] = {}
    async with serving(answers) as server:
        answers.update({"/0": redirect("/1"), "/1": redirect(location.replace("{port}", str(server.port)))})
        with pytest.raises(FetchFailedError, match="more than 5 times") as caught:
            await fetch(f"{server.origin}/0")
    assert (caught.value.status, len(server.requests)) == (None, 6)


async def test_a_redirect_to_a_closed_port_is_refused() -> None:
    async with (
        serving(response()) as other,
        serving(redirect(f"{other.origin}/")) as server,
        sending(ports=[server.port]) as outbound,
    ):
        with pytest.raises(BlockedAddressError, match=f"port {other.port} are blocked"):
            await outbound.request(OutboundRequest("GET", server.origin))
    assert (len(server.requests), len(other.requests)) == (1, 0)


@pytest.mark.parametrize("status", ["300 Multiple Choices", "304 Not Modified", "305 Use Proxy", "399 Odd"])
async def test_other_answers_of_that_kind_are_not_followed(status: str) -> None:
    async with serving(redirect("/elsewhere", status=status)) as server:
        assert (await fetch(server.origin)).status == int(status[:3])
    assert len(server.requests) == 1


@pytest.mark.parametrize("headers", [{}, {"Location": ""}])
async def test_a_redirect_to_nowhere_is_an_answer(headers: dict[str, str]) -> None:
    async with serving(response(b"see below", status="302 Found", headers=headers)) as server:
        answered = await fetch(server.origin)
    assert (answered.status, answered.body) == (302, b"see below")


@pytest.mark.parametrize(
    "location", ["ftp://127.0.0.1/", "http://u:hunter2@127.0.0.1/", "http://", "file:///etc/passwd"]
)
async def test_a_redirect_to_no_web_url_is_a_failure(location: str) -> None:
    async with serving(redirect(location)) as server:
        with pytest.raises(FetchFailedError, match=r"redirects to somewhere else than a URL") as caught:
            await fetch(server.origin)
    assert "hunter2" not in str(caught.value)


async def test_the_body_of_a_redirect_is_not_read() -> None:
    endless = b"HTTP/1.1 302 Found\r\nLocation: /end\r\nContent-Length: 99999999999\r\n\r\n" + b"x" * 100_000
    async with serving({"/start": endless, "/end": response(b"end")}) as server:
        assert (await fetch(f"{server.origin}/start")).body == b"end"


@pytest.mark.parametrize(("status", "is_sent_on"), [("307 Moved", False), ("308 Moved", False), ("303 Moved", True)])
async def test_a_body_with_redacted_values_is_not_sent_to_another_origin(status: str, is_sent_on: bool) -> None:
    async with (
        serving(response()) as other,
        serving(redirect(other.origin, status=status)) as server,
        sending() as outbound,
    ):
        request = OutboundRequest("POST", server.origin, body=b"secret", is_body_secret=True)
        if is_sent_on:
            await outbound.request(request)
        else:
            with pytest.raises(FetchFailedError, match="redirects to another origin") as caught:
                await outbound.request(request)
            assert "secret" not in str(caught.value)
    assert [one.body for one in other.requests] == ([b""] if is_sent_on else [])


async def test_a_body_with_redacted_values_is_sent_on_within_an_origin() -> None:
    async with serving({"/a": redirect("/b", status="307 Moved"), "/b": response()}) as server, sending() as outbound:
        await outbound.request(OutboundRequest("POST", f"{server.origin}/a", body=b"secret", is_body_secret=True))
    assert server.requests[1].body == b"secret"


async def _follow(location: str) -> Received:
    answers = {"/end": response(), "/start?x": response()}
    async with serving(answers, host="0.0.0.0") as server, sending() as outbound:
        answers["/start"] = redirect(location.replace("{port}", str(server.port)))
        await outbound.request(_with_credentials(f"{server.origin}/start"))
    assert len(server.requests) == 2
    return server.requests[-1]


def _with_credentials(url: str) -> OutboundRequest:
    return OutboundRequest("GET", url, headers=(*CREDENTIALS, *HARMLESS), secret_headers=("x-signature",))


def _expect_no_secret(received: Received) -> None:
    assert b"secret" not in received.raw.lower()
    assert (received.headers["accept"], received.headers["x-trace"]) == ("text/plain", "1")
