"""What a handler of a request reads of its body: foreign JSON, which passes the guard that all of it passes."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from perdure import HttpRequest
from perdure.errors import JsonError, RunError


def request(body: bytes) -> HttpRequest:
    try:
        return HttpRequest("POST", "https://shop.example/hook?token=hush", {}, body.decode())
    except UnicodeDecodeError:
        text = body.decode(errors="replace")
        return HttpRequest("POST", "https://shop.example/hook?token=hush", {}, text, b64encode(body).decode())


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a": [1, 2.5, null, true]}', {"a": [1, 2.5, None, True]}),
        (b"18446744073709551616", 2**64),
        (b' "\\u0000 \\ud800" ', "\0 \ud800"),
        (b"[" * 64 + b"]" * 64, None),
        ('"é"'.encode(), "é"),
    ],
    ids=["object", "integer", "odd text", "deep", "utf-8"],
)
def test_the_body_of_a_request_is_given_as_the_json_that_it_is(body: bytes, value: Any) -> None:
    read = request(body).json()
    assert value is None or read == value


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "invalid_json"),
        (b"a=1&b=2", "invalid_json"),
        (b'{"a": NaN}', "invalid_json"),
        (b"[-Infinity]", "invalid_json"),
        (b"\xff\xfe", "invalid_encoding"),
        (b"[" * 65 + b"]" * 65, "json_too_deep"),
        (b"[" * 100_000, "json_too_deep"),
        (b"[" + b"0," * 100_000 + b"0]", "json_too_large"),
        (b"1e400", "number_out_of_range"),
        (b"9" * 5000, "number_out_of_range"),
        (b'{"id": "a", "id": "b"}', "duplicate_key"),
    ],
    ids=lambda given: given if isinstance(given, str) else None,
)
def test_a_body_that_is_no_acceptable_json_is_an_error_of_perdures_that_says_what_to_do(
    body: bytes, reason: str
) -> None:
    with pytest.raises(JsonError) as caught:
        request(body).json()
    assert caught.value.reason == reason
    assert caught.value.message.startswith("The body of this request is not JSON that perdure accepts: ")
    assert caught.value.message.endswith(" Catch JsonError where such bodies may come; .body has the bytes.")
    assert "hush" not in caught.value.message


def test_who_catches_errors_of_the_task_library_or_of_values_catches_that_of_a_body() -> None:
    for kind in (RunError, ValueError):
        with pytest.raises(kind):
            request(b"{").json()
