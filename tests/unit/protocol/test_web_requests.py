"""Requests, split into what is shown and what is secret."""

from __future__ import annotations

from typing import Any

import pytest

from perdure import redact_string
from perdure.errors import InvalidArgumentError, InvalidUrlError
from perdure.protocol.json_text import JsonText, dump, load
from perdure.protocol.outbound import OutboundRequest
from perdure.protocol.web_requests import HiddenText, WebRequest, join_request, split_request

URL = "https://api.example/v1?n=1"


def split(**parts: Any) -> WebRequest:
    return split_request(**{"method": "GET", "url": URL, "headers": {}, "body": None} | parts)


def joined(request: WebRequest) -> OutboundRequest:
    """The request as the engine makes it of what is stored."""
    params = load(dump({"url": request.url, "requestInit": request.init}))
    return join_request(params, request.secrets, timeout=120)


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"method": "PATCH", "headers": {"X-N": "1"}, "body": "text"},
        {"body": b"\x00\xff"},
        {"body": ""},
        {"headers": {"Authorization": "Bearer hush", "Cookie": "hush", "X-N": redact_string("a{}b", "hush")}},
        {"url": redact_string("https://api.example/{}/x", "hush"), "body": HiddenText('{"a":"hush"}', '{"a":"***"}')},
        {"url": "https://api.example/?access_token=hush&n=1"},
    ],
    ids=[
        "plain",
        "with everything",
        "bytes",
        "an empty body",
        "secret headers",
        "secret path and body",
        "secret query",
    ],
)
def test_what_is_stored_makes_the_same_request_again_and_shows_no_secret(parts: dict[str, Any]) -> None:
    request = split(**parts)
    assert joined(request) == request.sent
    assert request.sent.is_body_secret == isinstance(parts.get("body"), HiddenText)
    assert "hush" not in dump({"url": request.url, "requestInit": request.init})
    assert "hush" not in repr(request)
    assert (request.secrets is not None) == ("hush" in str([parts, *map(_revealed, parts.values())]))


def _revealed(value: Any) -> str:
    if isinstance(value, dict):
        return "".join(map(_revealed, value.values()))
    return value.reveal() if hasattr(value, "reveal") else str(value)


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("Authorization", "Bearer hush", "***"),
        ("authorization", redact_string("Bearer {}", "hush"), "Bearer ***"),
        ("Authorization", redact_string("Bearer hush"), "***"),
        ("Cookie", "a=b", "***"),
        ("X-Api-Key", "hush", "***"),
        ("X-Auth-Token", "hush", "***"),
        ("Accept", "text/plain", "text/plain"),
        ("Accept", redact_string("text/{}", "plain"), "text/***"),
        ("X-RateLimit-Limit-Tokens", "5", "5"),
    ],
)
def test_a_header_is_shown_masked_if_its_name_or_its_caller_says_so(name: str, value: Any, shown: str) -> None:
    request = split(headers={name: value})
    assert request.init["headers"] == {name: shown}
    assert request.sent.secret_headers == (() if "***" not in shown else (name.lower(),))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://api.example/?token=hush", "https://api.example/?token=***"),
        ("https://api.example/?a=1&api_key=hush&b=2#f", "https://api.example/?a=1&api_key=***&b=2#f"),
        ("https://api.example/?key=hush&sig=hush&password=hush", "https://api.example/?key=***&sig=***&password=***"),
        ("https://api.example/?token=&keyword=a", "https://api.example/?token=&keyword=a"),
        ("https://api.example/a?b", "https://api.example/a?b"),
        (redact_string("https://api.example/{}?n={}", "hush", 7), "https://api.example/***?n=***"),
    ],
)
def test_a_url_is_shown_without_its_secrets(url: Any, shown: str) -> None:
    assert split(url=url).url == shown


@pytest.mark.parametrize(
    ("template", "value"),
    [("https://{}.example/", "hush"), ("{}/x", "https://hush.example"), ("https://api.example{}", ":8080/x")],
)
def test_the_host_of_a_url_cannot_be_redacted(template: str, value: str) -> None:
    with pytest.raises(InvalidUrlError, match="not its host"):
        split(url=redact_string(template, value))


def test_a_body_with_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="lone surrogate"):
        split(body="\ud800")


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"url": 1},
        {"url": URL, "requestInit": []},
        {"url": URL, "requestInit": {"headers": {"A": 1}}},
        {"url": URL, "requestInit": {"body": 1}},
        {"url": URL, "requestInit": {"method": 1}},
    ],
)
def test_params_that_are_no_request_are_refused(params: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgumentError):
        join_request(params, None, timeout=1)


def test_secrets_without_a_mask_to_stand_behind_are_sent_all_the_same() -> None:
    request = join_request({"url": URL}, JsonText('{"headers":{"A":"hush"},"body":"hush"}'), timeout=1)
    assert (request.headers, request.body) == ((("A", "hush"),), b"hush")
