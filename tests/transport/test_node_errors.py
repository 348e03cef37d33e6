"""An answer that is an error becomes the exception that the node's own process raises."""

from __future__ import annotations

import inspect

import pytest

from perdure import errors
from perdure.errors import (
    InvalidArgumentError,
    Issue,
    JsonError,
    NotConnectedError,
    PayloadValidationError,
    PerdureError,
    ValueTooLargeError,
    WriteRefusedError,
)
from perdure.transport.node_errors import Refused, error_of, read_refusal
from perdure.transport.wire_refusals import raise_refused, refuse
from perdure.transport.wire_request import WireReply, WireRequest

KINDS = [
    kind
    for kind in vars(errors).values()
    if inspect.isclass(kind) and issubclass(kind, PerdureError) and kind is not JsonError
]
URL = "http://127.0.0.1:1"
DEEP = b'{"x": ' * 100_000


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_each_code_of_ours_is_the_error_that_has_it(kind: type[PerdureError]) -> None:
    error = error_of(422, Refused("What happened.", kind.code), url=URL)
    assert type(error) is kind
    assert str(error) == "What happened."


@pytest.mark.parametrize("code", ["invalid_json", "json_too_deep", "duplicate_key"])
def test_json_that_is_refused_keeps_its_reason(code: str) -> None:
    error = error_of(400, Refused("Not so.", code), url=URL)
    assert isinstance(error, JsonError)
    assert (error.reason, error.message) == (code, "Not so.")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("invalid_field", InvalidArgumentError),
        ("uri_too_long", InvalidArgumentError),
        ("payload_too_large", ValueTooLargeError),
        ("invalid_api_key", NotConnectedError),
        ("missing_api_key", NotConnectedError),
        ("timeout", TimeoutError),
        ("of_a_later_version", PerdureError),
    ],
)
def test_codes_of_the_api_alone_have_their_error_too(code: str, kind: type[Exception]) -> None:
    assert type(error_of(400, Refused("What happened.", code), url=URL)) is kind


def test_issues_of_a_payload_come_along() -> None:
    body = b'{"error":"No.","code":"payload_validation_failed","issues":[{"path":["a",0],"message":"is none"}]}'
    refused = read_refusal(body)
    error = error_of(422, refused, url=URL)
    assert isinstance(error, PayloadValidationError)
    assert error.issues == (Issue(("a", 0), "is none"),)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"error": 1}', b"\xff"])
def test_what_no_node_has_written_is_told_so(body: bytes) -> None:
    assert read_refusal(body) is None
    error = error_of(502, None, url=URL)
    assert type(error) is PerdureError
    assert URL in str(error)


@pytest.mark.parametrize("body", [DEEP, b'{"error": "No.", "code": "bad", "more": ' + DEEP], ids=["all", "a member"])
def test_an_answer_that_is_nested_without_end_is_one_that_no_node_has_written(body: bytes) -> None:
    assert read_refusal(body) is None
    with pytest.raises(InvalidArgumentError, match="400"):
        refuse(WireReply(400, body, is_native=False), URL, WireRequest("GET", "/api/v1/store/k"))


def test_json_that_a_server_refuses_is_no_fault_that_job_code_is_told_as_its_own() -> None:
    with pytest.raises(WriteRefusedError, match=r"task 'load'\. Too deep\."):
        raise_refused(JsonError("Too deep.", code="json_too_deep"), "load")


def test_an_error_of_users_below_ours_is_not_taken_for_ours() -> None:
    class OwnError(PerdureError):
        code = "not_found"

    assert type(error_of(404, Refused("None.", "not_found"), url=URL)) is errors.NotFoundError
    assert OwnError.code == "not_found"
