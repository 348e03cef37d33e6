from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from types import ModuleType
from typing import Any

import msgspec
import pydantic
import pytest

from perdure import errors
from perdure.errors import (
    InvalidArgumentError,
    InvokedRunFailedError,
    Issue,
    PayloadValidationError,
    TaskFailedError,
    TaskTimeoutError,
)
from perdure.protocol.execution import ErrorInfo
from perdure.sdk import records
from perdure.sdk.error_forms import register_error
from perdure.sdk.failures import describe, normalize, rebuild


class PaymentDeclined(Exception):
    def __init__(self, message: str, *, code: str, response: object) -> None:
        super().__init__(message)
        self.code = code
        self.response = response


class VendorError(PaymentDeclined):
    def __init__(self) -> None:
        raise AssertionError("__init__ is not called")


@dataclass(frozen=True)
class FrozenError(Exception):
    reason: str


class SlottedError(Exception):
    __slots__ = ("reason",)


class NeedsTwo(Exception):
    def __new__(cls, first: str, second: str) -> NeedsTwo:
        return super().__new__(cls, first, second)


class BecomesAnother(Exception):
    def __new__(cls, *args: Any) -> Any:
        return ValueError(*args)


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


class PrintsMember(Exception):
    def __init__(self, response: object) -> None:
        super().__init__("lost")
        self.response = response

    def __str__(self) -> str:
        return f"status {self.response}"


class Stop(BaseException):
    pass


class Kept(Exception):
    class Inner(Exception):
        pass


class Odd(Exception):
    @property
    def __dict__(self) -> Any:  # type: ignore[override]
        raise RuntimeError("no members")


def _vendor_error() -> PaymentDeclined:
    error = PaymentDeclined.__new__(VendorError, "declined")
    error.code, error.response = "card", object()
    return error


def _with_note() -> Exception:
    error = ValueError("x")
    error.add_note("while paying")
    return error


def _cause() -> Exception:
    error = RuntimeError("late")
    error.__cause__ = ValueError("early")
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


def _local_class() -> Exception:
    class Local(Exception):
        pass

    return Local("here")


def _pydantic_error() -> Exception:
    try:
        pydantic.TypeAdapter(int).validate_python("x")
    except pydantic.ValidationError as error:
        return error
    raise AssertionError


def _shadowed() -> Exception:
    class Shadow(Exception):
        pass

    Shadow.__qualname__, Shadow.__module__ = "PaymentDeclined", __name__
    return Shadow("not the one found by that name")


@pytest.mark.parametrize(
    "make",
    [
        _local_class,
        _pydantic_error,
        _shadowed,
        lambda: ExceptionGroup("several", [ValueError("a"), KeyError("b")]),
        lambda: NeedsTwo("a", object()),  # type: ignore[arg-type]
        lambda: PrintsMember(object()),
        lambda: Unprintable("x"),
        lambda: Odd("x"),
        lambda: Stop("now"),
        lambda: KeyboardInterrupt(),
    ],
)
def test_what_cannot_be_made_again_is_a_task_failed_error_both_times(make: Callable[[], BaseException]) -> None:
    error = make()
    info, raised = normalize(error)
    again = rebuild(info)
    assert type(raised) is type(again) is TaskFailedError
    assert isinstance(raised, TaskFailedError)
    assert isinstance(again, TaskFailedError)
    assert raised.name == again.name == type(error).__name__
    assert raised.message == again.message == info.message
    assert raised.stack == again.stack == info.stack
    assert raised.__cause__ is error


def test_a_class_is_not_imported_to_be_found() -> None:
    module = ModuleType("vendor_of_this_test")
    exec("class CardError(Exception): pass", vars(module))
    sys.modules[module.__name__] = module
    try:
        info, raised = normalize(module.CardError("declined"))
        assert type(raised) is module.CardError
        assert type(rebuild(info)) is module.CardError
    finally:
        del sys.modules[module.__name__]
    again = rebuild(info)
    assert isinstance(again, TaskFailedError)
    assert (again.name, again.message) == ("CardError", "declined")


@pytest.mark.parametrize(
    "data",
    [
        '{"module": "subprocess", "qualname": "Popen", "args": ["true"], "members": {}}',
        '{"module": "builtins", "qualname": "SystemExit", "args": [], "members": {}}',
        '{"module": "builtins", "qualname": "print", "args": ["x"], "members": {}}',
        '{"module": "builtins", "qualname": "ValueError"}',
        '{"module": "os", "qualname": "path.join.x", "args": [], "members": {}}',
        '{"module": 1}',
        "[]",
        "not json",
        json.dumps({"module": __name__, "qualname": "BecomesAnother", "args": ["x"], "members": {}}),
    ],
)
def test_data_that_names_no_exception_class_makes_a_task_failed_error(data: Any) -> None:
    again = rebuild(ErrorInfo("Strange", "something", "the stack", data))
    assert isinstance(again, TaskFailedError)
    assert (again.name, again.message, again.stack) == ("Strange", "something", "the stack")


def test_an_error_of_another_language_is_a_task_failed_error() -> None:
    again = rebuild(ErrorInfo("TypeError", "x is not a function", "at main.js:1"))
    assert isinstance(again, TaskFailedError)
    assert again.name == "TypeError"


def test_a_payload_error_keeps_its_issues() -> None:
    error = PayloadValidationError("bad", issues=[Issue(("a", 0), "Field required")])
    info, raised = normalize(error)
    for one in (raised, rebuild(info)):
        assert isinstance(one, PayloadValidationError)
        assert (one.message, one.issues) == ("bad", error.issues)


@pytest.mark.parametrize("cause", [None, records.ErrorInfo("ValueError", "bad", "the stack")])
def test_an_invoked_run_error_keeps_its_run(cause: object) -> None:
    error = InvokedRunFailedError("failed", run_id="run_1", status="FAILURE", error=cause)
    info, raised = normalize(error)
    for one in (raised, rebuild(info)):
        assert isinstance(one, InvokedRunFailedError)
        assert (one.message, one.run_id, one.status, one.error) == ("failed", "run_1", "FAILURE", cause)


class Amount(Exception):
    def __init__(self, amount: Decimal) -> None:
        super().__init__(f"{amount} is too much")
        self.amount = amount


class Careless(Exception):
    pass


def test_a_registered_class_is_stored_and_made_as_it_says() -> None:
    register_error(Amount, encode=lambda error: str(error.amount), decode=lambda text: Amount(Decimal(text)))
    info, raised = normalize(Amount(Decimal("1.50")))
    for one in (raised, rebuild(info)):
        assert isinstance(one, Amount)
        assert (str(one), one.amount) == ("1.50 is too much", Decimal("1.50"))


def test_a_registered_class_may_be_local() -> None:
    class Local(Exception):
        pass

    register_error(Local, encode=lambda error: list(error.args), decode=lambda args: Local(*args))
    info, raised = normalize(Local("a", 1))
    assert type(raised) is type(rebuild(info)) is Local
    assert raised.args == ("a", 1)


@pytest.mark.parametrize(
    ("encode", "decode"),
    [
        (lambda error: object(), lambda value: Careless()),
        (lambda error: 1 / 0, lambda value: Careless()),
        (lambda error: 1, lambda value: 1 / 0),
        (lambda error: 1, lambda value: ValueError("another")),
        (lambda error: "x" * 300_000, lambda value: Careless()),
    ],
)
def test_a_registration_that_does_not_work_makes_a_task_failed_error(encode: Any, decode: Any) -> None:
    register_error(Careless, encode=encode, decode=decode)
    info, raised = normalize(Careless("x"))
    assert type(raised) is type(rebuild(info)) is TaskFailedError


@pytest.mark.parametrize("cls", [Stop, BaseException, "ValueError", ValueError("x"), int])
def test_only_subclasses_of_exception_are_registered(cls: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="register_error takes a subclass of Exception"):
        register_error(cls, encode=str, decode=ValueError)


def _charge() -> None:
    raise PaymentDeclined("declined", code="card", response=None)


def _raised(body: Callable[[], None]) -> Exception:
    try:
        body()
    except Exception as error:
        return error
    raise AssertionError


def test_what_is_raised_goes_on_with_the_traceback_of_what_the_body_raised() -> None:
    error = _raised(_charge)
    _, raised = normalize(error)
    assert raised.__traceback__ is error.__traceback__


def test_the_record_shows_the_name_the_message_and_the_line_of_the_body() -> None:
    info = describe(_raised(_charge))
    assert (info.name, info.message) == ("PaymentDeclined", "declined")
    assert info.stack is not None
    assert info.stack.startswith("Traceback (most recent call last):")
    assert 'raise PaymentDeclined("declined", code="card", response=None)' in info.stack
    assert info.stack.endswith("PaymentDeclined: declined")


def test_frames_of_perdure_are_left_out() -> None:
    from perdure.sdk.durations import seconds_of

    info = describe(_raised(lambda: _use(seconds_of(-1, what="timeout"))))
    assert info.stack is not None
    assert "seconds_of(-1" in info.stack
    assert "durations.py" not in info.stack


def test_causes_and_members_of_groups_are_in_the_stack() -> None:
    assert "ValueError: early" in (describe(_cause()).stack or "")
    group = ExceptionGroup("several", [ValueError("a"), KeyError("b")])
    assert "ValueError: a" in (describe(group).stack or "")


def test_the_failure_of_a_task_keeps_its_name_and_stack_in_the_run_that_it_fails() -> None:
    info, raised = normalize(_raised(lambda: _raise(_local_class())))
    replayed = rebuild(info)
    for one in (raised, replayed):
        again = describe(one)
        assert (again.name, again.message) == ("Local", "here")
        assert "_local_class()" in (again.stack or "")


def _use(value: object) -> None: ...


def _raise(error: BaseException) -> None:
    raise error


def test_a_message_that_cannot_be_made_or_stored_does_no_harm() -> None:
    assert describe(Unprintable()).message == (
        "<str() of this tests.unit.sdk.test_failures.Unprintable failed: RuntimeError>"
    )
    assert describe(ValueError("a\x00b\ud800")).message == "a\ufffdb\ufffd"
    assert len(describe(ValueError("x" * 100_000)).message) == 16_385


def test_a_stack_of_any_depth_is_stored_in_part() -> None:
    def recurse(depth: int) -> None:
        if depth == 0:
            raise ValueError("x" * 100_000)
        recurse(depth - 1)

    stack = describe(_raised(lambda: recurse(50))).stack or ""
    assert len(stack) < 40_000
    assert "characters left out" in stack


def test_an_error_is_stored_and_made_again_by_functions() -> None:
    for encode, decode in ((None, str), (str, 5)):
        with pytest.raises(InvalidArgumentError, match="functions"):
            register_error(LookupError, encode=encode, decode=decode)  # type: ignore[arg-type,type-var]
