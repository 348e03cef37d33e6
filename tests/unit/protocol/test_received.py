from __future__ import annotations

import json
from base64 import b64decode
from datetime import UTC, datetime

import pytest

from perdure.protocol.received import (
    ReceivedRequest,
    delivery_id,
    kept_headers,
    request_payload,
    request_view,
)

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
JSON = {"content-type": "application/json; charset=utf-8"}


def received(
    body: bytes = b"{}", headers: dict[str, str] | None = None, url: str = "http://h/p?a=1"
) -> ReceivedRequest:
    return ReceivedRequest("POST", url, JSON if headers is None else headers, body, NOW)


def test_a_text_is_stored_as_it_is_and_anything_else_to_the_byte() -> None:
    text = json.loads(request_payload(received("é\u0000".encode())))
    assert text == {
        "url": "http://h/p?a=1",
        "method": "POST",
        "headers": JSON,
        "rawBody": "é\u0000",
        "receivedAt": "2026-01-02T03:04:05.000Z",
    }
    binary = json.loads(request_payload(received(b"\xff\x00")))
    assert (binary["rawBody"], b64decode(binary["rawBodyBase64"])) == ("\ufffd\u0000", b"\xff\x00")


@pytest.mark.parametrize(
    ("body", "headers"), [(b"{}", {}), (b"{", JSON), (b"[" * 100_000, JSON), (b"\xff", JSON), (b"", JSON)]
)
def test_a_body_that_is_no_json_is_seen_by_no_filter(body: bytes, headers: dict[str, str]) -> None:
    assert request_view(received(body, headers)) is None


def test_filters_see_the_body_in_place_of_its_text() -> None:
    view = request_view(received(b'{"a": [1]}'))
    assert view is not None
    assert json.loads(view) == {"url": "http://h/p?a=1", "method": "POST", "headers": JSON, "body": {"a": [1]}}


@pytest.mark.parametrize(
    ("headers", "member", "body", "expected"),
    [
        ({"x-request-id": "r", "x-github-delivery": "g"}, None, b"", "g"),
        ({"x-request-id": "r", "idempotency-key": "k"}, None, b"", "k"),
        ({"svix-id": ""}, None, b"", None),
        ({}, None, b"", None),
        ({**JSON, "x-request-id": "r"}, "id", b'{"id":"evt_1"}', "evt_1"),
        ({"content-type": "text/plain", "x-request-id": "r"}, "id", b'{"id":"evt_1"}', "evt_1"),
        ({**JSON, "x-request-id": "r"}, "id", b'{"id":7}', "r"),
        ({**JSON, "x-request-id": "r"}, "id", b"[]", "r"),
    ],
)
def test_a_delivery_has_the_name_that_its_sender_gives_it(
    headers: dict[str, str], member: str | None, body: bytes, expected: str | None
) -> None:
    assert delivery_id(received(body, headers), member) == expected


def test_a_name_that_no_event_could_have_is_hashed() -> None:
    for name in ("x" * 201, "\x85", "é"):
        hashed = delivery_id(received(b"", {"webhook-id": name}))
        assert hashed is not None
        assert len(hashed) == 64
        assert hashed != delivery_id(received(b"", {"webhook-id": f"{name}y"}))


def test_cookies_and_what_belongs_to_the_connection_are_not_kept() -> None:
    headers = [("Cookie", "a=b"), ("Connection", "close"), ("X-A", "1"), ("x-a", "2"), ("Authorization", "Basic x")]
    assert kept_headers(headers) == {"x-a": "1, 2", "authorization": "Basic x"}


def test_a_request_does_not_show_its_secrets() -> None:
    assert "http" not in repr(received())
