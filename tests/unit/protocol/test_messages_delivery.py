from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import UNSET, Raw

from perdure.errors import JsonError
from perdure.protocol.messages.auth import ConnectionAuth
from perdure.protocol.messages.codec import MessageShapeError
from perdure.protocol.messages.delivery import (
    Delivery,
    SourceDelivery,
    WebhookDelivery,
    read_delivery_headers,
    write_delivery_headers,
)

REQUEST: dict[str, Any] = {
    "key": "k",
    "http_url": "https://example.com/a?b=c",
    "http_method": "POST",
    "http_headers": {"content-type": "application/json"},
}
HEADERS = {
    "x-ts-key": "k",
    "x-ts-http-url": "https://example.com/a?b=c",
    "x-ts-http-method": "POST",
    "x-ts-http-headers": '{"content-type":"application/json"}',
}


def test_a_delivery_for_a_response_travels_in_four_headers() -> None:
    delivery = Delivery(**REQUEST)
    assert write_delivery_headers(delivery) == HEADERS
    assert read_delivery_headers(HEADERS, Delivery) == delivery


def test_a_delivery_to_a_webhook_adds_secret_and_params() -> None:
    delivery = WebhookDelivery(**REQUEST, secret="s", params=Raw(b"{}"))
    headers = HEADERS | {"x-ts-secret": "s", "x-ts-params": "{}"}
    assert write_delivery_headers(delivery) == headers
    assert read_delivery_headers(headers, WebhookDelivery) == delivery


def test_a_delivery_to_a_source_may_carry_a_credential_and_what_was_answered_before() -> None:
    delivery = SourceDelivery(
        **REQUEST,
        secret="s",
        params=Raw(b'{"r":"Rr"}'),
        data=Raw(b"{}"),
        dynamic_id="d",
        auth=ConnectionAuth(type="oauth2", access_token="t", scopes=["a"]),
        metadata=Raw(b"null"),
    )
    headers = write_delivery_headers(delivery)
    assert headers == HEADERS | {
        "x-ts-secret": "s",
        "x-ts-params": '{"r":"Rr"}',
        "x-ts-data": "{}",
        "x-ts-dynamic-id": "d",
        "x-ts-auth": '{"type":"oauth2","accessToken":"t","scopes":["a"]}',
        "x-ts-metadata": "null",
    }
    assert read_delivery_headers(headers, SourceDelivery) == delivery


def test_headers_of_others_are_passed_over() -> None:
    assert read_delivery_headers(HEADERS | {"accept": "*/*"}, Delivery).key == "k"


def test_json_in_a_header_is_one_line_of_ascii() -> None:
    params = Raw('{\r\n "name": "Zoë 😀",\n "x": "a b"}')
    header = write_delivery_headers(WebhookDelivery(**REQUEST, secret="s", params=params))["x-ts-params"]
    assert header == r'{"name":"Zo\u00eb \ud83d\ude00","x":"a b"}'
    assert json.loads(header) == {"name": "Zoë 😀", "x": "a b"}


@pytest.mark.parametrize("missing", ["x-ts-key", "x-ts-secret", "x-ts-data", "x-ts-params", "x-ts-http-headers"])
def test_a_missing_header_is_refused(missing: str) -> None:
    headers = HEADERS | {"x-ts-secret": "s", "x-ts-params": "{}", "x-ts-data": "{}"}
    del headers[missing]
    with pytest.raises(MessageShapeError, match=missing):
        read_delivery_headers(headers, SourceDelivery)


@pytest.mark.parametrize("text", ["{", "", '{},"x-ts-secret":"forged"', "undefined"])
def test_a_header_that_does_not_hold_json_is_refused(text: str) -> None:
    headers = HEADERS | {"x-ts-secret": "s", "x-ts-params": text}
    with pytest.raises(JsonError, match="x-ts-params"):
        read_delivery_headers(headers, WebhookDelivery)


def test_a_webhook_without_a_dynamic_trigger_names_none() -> None:
    headers = HEADERS | {"x-ts-secret": "s", "x-ts-params": "[1]"}
    assert read_delivery_headers(headers, WebhookDelivery).dynamic_id is UNSET
