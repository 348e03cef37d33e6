"""Requests that are refused before anything is sent."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.errors import (
    BlockedAddressError,
    InvalidArgumentError,
    InvalidHeaderError,
    InvalidUrlError,
    ValueTooLargeError,
)
from perdure.protocol.egress import EgressPolicy
from perdure.protocol.outbound import REQUEST_BODY_LIMIT, REQUEST_HEADERS_LIMIT, OutboundRequest, check_outbound

URL = "https://example.com/"


def with_header(name: str, value: str) -> OutboundRequest:
    return OutboundRequest("GET", URL, headers=((name, value),))


def test_an_ordinary_request_is_fine() -> None:
    headers = (("Authorization", "Bearer x"), ("X-Umlaut", "ü"), ("X-Empty", ""), ("X-Tab", "a\tb"), ("x-twice", "1"))
    check_outbound(OutboundRequest("PATCH", URL, headers=(*headers, ("x-twice", "2")), body=b"x", timeout=300))


REFUSED_HEADERS = [
    ("X", "a\r\nHost: evil"),
    ("X", "a\nb"),
    ("X", "a\rb"),
    ("X", "a\x00b"),
    ("X", "\x1b[0m"),
    ("X", "\x7f"),
    ("X", "\ud800"),
    ("X\r\nY", "a"),
    ("X Y", "a"),
    ("X:", "a"),
    ("", "a"),
    ("Ü", "a"),
    ("X\x00", "a"),
    ("(X)", "a"),
    ("Host", "evil.example"),
    ("hOsT", "evil.example"),
    ("Content-Length", "0"),
    ("Transfer-Encoding", "chunked"),
    ("Connection", "keep-alive, Authorization"),
    ("Keep-Alive", "timeout=5"),
    ("Proxy-Connection", "close"),
    ("Proxy-Authorization", "Basic x"),
    ("Proxy-Authenticate", "Basic"),
    ("TE", "trailers"),
    ("Trailer", "X"),
    ("Upgrade", "h2c"),
    ("HTTP2-Settings", "x"),
    ("Expect", "100-continue"),
    ("X", "a" * REQUEST_HEADERS_LIMIT),
]


@pytest.mark.parametrize(("name", "value"), REFUSED_HEADERS, ids=lambda text: ascii(text)[:30])
def test_a_header_that_would_make_another_request_is_refused(name: str, value: str) -> None:
    with pytest.raises(InvalidHeaderError):
        check_outbound(with_header(name, value))


def test_many_headers_are_counted_together() -> None:
    with pytest.raises(InvalidHeaderError, match="32 KiB"):
        check_outbound(OutboundRequest("GET", URL, headers=(("X", "a" * 1000),) * 33))


@pytest.mark.parametrize("name", ["X", "Host", "bad name"])
def test_no_message_repeats_the_value_of_a_header(name: str) -> None:
    with pytest.raises(InvalidHeaderError) as caught:
        check_outbound(with_header(name, "hunter2\n"))
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("method", ["", "GET ", "G\r\nT", "CONNECT", "trace", "TRACK", "GÉT", "G3T", "A" * 21])
def test_a_method_that_is_none_is_refused(method: str) -> None:
    with pytest.raises(InvalidArgumentError, match="method"):
        check_outbound(OutboundRequest(method, URL))


@pytest.mark.parametrize("timeout", [0, -1, 301, math.inf, math.nan])
def test_a_timeout_that_is_none_is_refused(timeout: float) -> None:
    with pytest.raises(InvalidArgumentError, match="timeout"):
        check_outbound(OutboundRequest("GET", URL, timeout=timeout))


def test_a_body_that_is_too_large_is_refused() -> None:
    check_outbound(OutboundRequest("POST", URL, body=bytes(REQUEST_BODY_LIMIT)))
    with pytest.raises(ValueTooLargeError):
        check_outbound(OutboundRequest("POST", URL, body=bytes(REQUEST_BODY_LIMIT + 1)))


# The rows of the table of bad inputs (reliability, section 6, rows 45 and 46).
@pytest.mark.parametrize(
    "url",
    ["http://169.254.169.254/", "http://2130706433/", "http://[::ffff:7f00:1]/", "http://[64:ff9b::7f00:1]/"],
)
def test_an_address_that_is_closed_is_refused_at_once(url: str) -> None:
    with pytest.raises(BlockedAddressError):
        check_outbound(OutboundRequest("GET", url), policy=EgressPolicy(allow_loopback=True))


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "gopher://example.com/",
        "http:///x",
        "http://a\tb/",
        "http://127.0.0.1\\@evil.example/",
        "http://u:p@h/",
    ],
)
def test_what_is_no_web_url_is_refused_at_once(url: str) -> None:
    with pytest.raises(InvalidUrlError):
        check_outbound(OutboundRequest("GET", url))


def test_without_a_policy_only_the_sender_can_tell_what_is_closed() -> None:
    check_outbound(OutboundRequest("GET", "http://10.0.0.1/"))
    with pytest.raises(BlockedAddressError):
        check_outbound(OutboundRequest("GET", "http://10.0.0.1/"), policy=EgressPolicy())


@given(st.text(), st.text(), st.lists(st.tuples(st.text(), st.text()), max_size=3), st.floats())
def test_whatever_a_request_holds_it_is_fine_or_refused(
    method: str, url: str, headers: list[tuple[str, str]], timeout: float
) -> None:
    try:
        check_outbound(OutboundRequest(method, url, headers=tuple(headers), timeout=timeout), policy=EgressPolicy())
    except (InvalidArgumentError, BlockedAddressError):
        return
    assert url.lower().startswith("http")
