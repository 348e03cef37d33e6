"""Exceptions as they are stored: one that can be made again is the same at once and on every replay."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from perdure import errors
from perdure.errors import TaskFailedError, TaskTimeoutError
from perdure.protocol.execution import ErrorInfo
from perdure.sdk.failures import normalize, rebuild
from tests.unit.sdk.exceptions import NeedsTwo, PaymentDeclined


class VendorError(PaymentDeclined):
    def __init__(self) -> None:
        raise AssertionError("__init__ is not called")


@dataclass(frozen=True)
class FrozenError(Exception):
    reason: str


class Kept(Exception):
    class Inner(Exception):
        pass


def _vendor_error() -> PaymentDeclined:
    error = PaymentDeclined.__new__(VendorError, "declined")
    error.code, error.response = "card", object()
    return error


def _with_note() -> Exception:
    error = ValueError("x")
    error.add_note("while paying")
    return error


FAITHFUL: list[Exception] = [
    ValueError("bad"),
    ValueError(),
    KeyError("name"),
    ZeroDivisionError("division by zero"),
    FileNotFoundError(2, "No such file"),
    FileNotFoundError(2, "No such file", "/orders/7.pdf"),
    PermissionError(13, "Permission denied", "a", None, "b"),
    ConnectionError("no"),
    TimeoutError("late"),
    PaymentDeclined("declined", code="card", response=None),
    FrozenError("x"),
    NeedsTwo("a", "b"),
    Kept.Inner(1, 2.5, None, True, "x"),
    _with_note(),
    TaskTimeoutError("An attempt took longer than 1 s."),
    TaskFailedError("inner", name="CardError", stack="Traceback …"),
    errors.DuplicateCacheKeyError("key ⏰"),
    errors.JsonError("deep", code="json_too_deep"),
    json.JSONDecodeError("Expecting value", "x", 0),
]


@pytest.mark.parametrize("error", FAITHFUL, ids=repr)
def test_an_exception_is_the_same_at_once_and_on_every_replay(error: Exception) -> None:
    info, raised = normalize(error)
    for one in (raised, rebuild(info), rebuild(msgspec.json.decode(msgspec.json.encode(info), type=ErrorInfo))):
        assert type(one) is type(error)
        assert one.args == error.args
        assert vars(one) == vars(error)
        assert str(one) == str(error)


@pytest.mark.parametrize(
    ("work", "kept"),
    [
        (lambda: b"caf\xe9 au lait".decode(), b"\0\0\0\xe9"),
        (lambda: "caf\xe9 au lait".encode("ascii"), "   \xe9"),
        (lambda: b"\x80".decode("ascii"), b"\x80"),
    ],
    ids=["decoding", "encoding", "at the start"],
)
def test_text_that_cannot_be_read_or_written_says_so_on_every_replay(work: Callable[[], Any], kept: Any) -> None:
    with pytest.raises(UnicodeError) as caught:
        work()
    info, raised = normalize(caught.value)
    for one in (raised, rebuild(info)):
        assert type(one) is type(caught.value)
        assert str(one) == str(caught.value)
        assert one.object == kept  # type: ignore[attr-defined]


def test_arguments_and_members_that_are_no_json_are_left_out_both_times() -> None:
    error = PaymentDeclined("declined", code="card", response=object())
    error.args = ("declined", object(), 7)
    info, raised = normalize(error)
    for one in (raised, rebuild(info)):
        assert type(one) is PaymentDeclined
        assert one.args == ("declined", 7)
        assert vars(one) == {"code": "card"}


def test_the_constructor_is_not_called() -> None:
    info, raised = normalize(_vendor_error())
    for one in (raised, rebuild(info)):
        assert type(one) is VendorError
        assert (one.args, vars(one)) == (("declined",), {"code": "card"})


@pytest.mark.parametrize(
    ("member", "kept"),
    [
        ((1, 2), [1, 2]),
        ({"a": [1, {"b": None}]}, {"a": [1, {"b": None}]}),
        ("a\x00\ud800", "a\x00\ud800"),
        (2**70, 2**70),
    ],
)
def test_members_survive_as_their_json(member: object, kept: object) -> None:
    error = ValueError("x")
    error.member = member  # type: ignore[attr-defined]
    info, raised = normalize(error)
    assert vars(raised) == vars(rebuild(info)) == {"member": kept}


@pytest.mark.parametrize(
    "member", [Decimal(1), float("nan"), b"x", {1, 2}, {1: 2}, [object()], "x" * 300_000, ValueError]
)
def test_members_that_would_come_back_as_something_else_are_left_out(member: object) -> None:
    error = ValueError("x")
    error.member = member  # type: ignore[attr-defined]
    error.other = 1  # type: ignore[attr-defined]
    info, raised = normalize(error)
    assert vars(raised) == vars(rebuild(info)) == {"other": 1}


def test_a_member_that_holds_itself_is_left_out() -> None:
    error = ValueError("x")
    circle: list[object] = []
    circle.append(circle)
    error.member = circle  # type: ignore[attr-defined]
    assert vars(normalize(error)[1]) == {}
