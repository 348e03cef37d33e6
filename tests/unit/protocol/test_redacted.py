from __future__ import annotations

import copy
import logging
import pickle
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import SecretStr

from perdure.errors import InvalidArgumentError
from perdure.protocol.redacted import (
    RedactedString,
    is_redacted_wire,
    is_secret_header,
    mask_redacted,
    redact_paths,
    redact_string,
    redacted_from_wire,
)
from perdure.protocol.web_requests import split_request

WIRE = {"__redactedString": True, "strings": ["Bearer ", ""], "interpolations": ["hush"]}


def test_the_value_is_hidden_wherever_it_is_shown(caplog: pytest.LogCaptureFixture) -> None:
    token = redact_string("Bearer {}", "hush")
    logging.getLogger("test").warning("sent %s %r", token, [token])
    shown = [str(token), repr(token), f"{token}", f"{token!r:>40}", "{}".format(token), str([token]), caplog.text]  # noqa: UP032
    assert all("hush" not in text for text in shown)
    assert all("Bearer ***" in text for text in shown)


def test_only_reveal_and_the_wire_form_show_it() -> None:
    token = redact_string("Bearer {}", "hush")
    assert token.reveal() == "Bearer hush"
    assert token.to_wire() == WIRE
    assert redacted_from_wire(WIRE) == token


@pytest.mark.parametrize(
    ("template", "values", "revealed", "shown"),
    [
        ("{}", ("a",), "a", "***"),
        ("{}:{}@host", ("user", "pass"), "user:pass@host", "***:***@host"),
        ("n={}", (5,), "n=5", "n=***"),
        ('{{"key": "{}"}}', ("a",), '{"key": "a"}', '{"key": "***"}'),
        ("{}", ("{}",), "{}", "***"),
        ("plain", (), "plain", "plain"),
        ("", (), "", ""),
    ],
)
def test_each_hole_takes_one_value(template: str, values: tuple[object, ...], revealed: str, shown: str) -> None:
    made = redact_string(template, *values)
    assert made.reveal() == revealed
    assert str(made) == shown


def test_a_redacted_string_in_a_hole_gives_its_whole_text() -> None:
    inner = redact_string("key-{}", "hush")
    assert redact_string("Bearer {}", inner).reveal() == "Bearer key-hush"


@pytest.mark.parametrize(
    ("template", "values"),
    [
        ("{}", ()),
        ("", ("a",)),
        ("{} {}", ("a",)),
        ("{0}", ("a",)),
        ("{name}", ("a",)),
        ("{!r}", ("a",)),
        ("{:>5}", ("a",)),
        ("{", ("a",)),
        ("}", ("a",)),
    ],
)
def test_holes_and_values_must_correspond(template: str, values: tuple[object, ...]) -> None:
    with pytest.raises(InvalidArgumentError, match="redact_string"):
        redact_string(template, *values)


@pytest.mark.parametrize("value", [None, b"hush", ["hush"], SecretStr("hush")], ids=type)
def test_a_value_that_is_no_text_is_refused_in_place_of_what_it_would_be_written_as(value: object) -> None:
    with pytest.raises(InvalidArgumentError, match="value 2 is a") as caught:
        redact_string("{}:{}", "user", value)
    assert "hush" not in str(caught.value)


def test_a_template_that_is_no_text_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="template"):
        redact_string(5, "hush")  # type: ignore[arg-type]


def test_an_error_message_does_not_show_the_value() -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        redact_string("{} {}", "hush")
    assert "hush" not in str(caught.value)


def test_redacted_strings_compare_by_their_whole_text() -> None:
    assert redact_string("a{}", "b") == redact_string("a{}", "b")
    assert hash(redact_string("a{}", "b")) == hash(redact_string("a{}", "b"))
    assert redact_string("a{}", "b") != redact_string("a{}", "c")
    assert redact_string("a{}", "b") != "ab"


def test_a_copy_is_as_good_as_the_original() -> None:
    token = redact_string("Bearer {}", "hush")
    assert copy.deepcopy(token) == token
    assert pickle.loads(pickle.dumps(token)) == token


@pytest.mark.parametrize(
    "value",
    [
        None,
        "text",
        {},
        {**WIRE, "__redactedString": "true"},
        {**WIRE, "__redactedString": False},
        {**WIRE, "strings": ["a"]},
        {**WIRE, "strings": "ab"},
        {**WIRE, "interpolations": [1]},
        {"__redactedString": True},
    ],
)
def test_other_values_are_no_redacted_strings(value: object) -> None:
    assert not is_redacted_wire(value)
    assert mask_redacted(value) == value
    with pytest.raises(InvalidArgumentError):
        redacted_from_wire(value)


def test_pieces_must_alternate() -> None:
    with pytest.raises(InvalidArgumentError):
        RedactedString(["a"], ["b"])


def test_every_redacted_string_inside_a_value_is_masked() -> None:
    params = {"headers": {"a": WIRE, "b": "x"}, "list": [WIRE, 1, None]}
    kept = copy.deepcopy(params)
    assert mask_redacted(params) == {"headers": {"a": "Bearer ***", "b": "x"}, "list": ["Bearer ***", 1, None]}
    assert params == kept


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        ([], {"user": {"email": "a", "id": 1}, "tags": [{"email": "b"}], "n": None}),
        (["user.email"], {"user": {"email": "[REDACTED]", "id": 1}, "tags": [{"email": "b"}], "n": None}),
        (["user"], {"user": "[REDACTED]", "tags": [{"email": "b"}], "n": None}),
        (["user", "user.email"], {"user": "[REDACTED]", "tags": [{"email": "b"}], "n": None}),
        (["tags", "n"], {"user": {"email": "a", "id": 1}, "tags": "[REDACTED]", "n": "[REDACTED]"}),
        (
            ["tags.0.email", "tags.email", "user.none", "none.user", "user.email.deep", "*", ""],
            {"user": {"email": "a", "id": 1}, "tags": [{"email": "b"}], "n": None},
        ),
    ],
)
def test_redacted_paths_lead_through_objects_only(paths: list[str], expected: Any) -> None:
    output = {"user": {"email": "a", "id": 1}, "tags": [{"email": "b"}], "n": None}
    kept = copy.deepcopy(output)
    assert redact_paths(output, paths) == expected
    assert output == kept


@pytest.mark.parametrize("output", [None, "text", 5, [1]])
def test_an_output_that_is_no_object_has_no_paths(output: object) -> None:
    assert redact_paths(output, ["a", "a.b"]) == output


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "proxy-authorization",
        "COOKIE",
        "Set-Cookie",
        "x-api-key",
        "X-Trigger-Api-Key",
        "x-functions-key",
        "X-Auth-Token",
        "x-csrf-token-2",
        "Client-Secret",
        "api-key",
        "ApiKey",
    ],
)
def test_a_secret_header_is_masked(name: str) -> None:
    assert is_secret_header(name)
    assert shown_headers({name: "hush"}) == {name: "***"}


@pytest.mark.parametrize("name", ["Content-Type", "Idempotency-Key", "Accept", "x-keyboard", "ETag", "Cookies-Ok"])
def test_other_headers_are_shown(name: str) -> None:
    assert not is_secret_header(name)
    assert shown_headers({name: "visible"}) == {name: "visible"}


@pytest.mark.parametrize("name", ["Authorization", "Accept"])
def test_of_a_redacted_header_the_rest_is_shown(name: str) -> None:
    assert shown_headers({name: redact_string("Bearer {}", "hush")}) == {name: "Bearer ***"}


def shown_headers(headers: Mapping[str, str | RedactedString]) -> object:
    return split_request(method="GET", url="https://example.com/", headers=headers, body=None).init["headers"]
