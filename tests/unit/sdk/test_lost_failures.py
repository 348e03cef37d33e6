"""Exceptions that cannot be made again from what is stored, and those of perdure's own and of other languages."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pydantic
import pytest

from perdure.errors import InvokedRunFailedError, Issue, PayloadValidationError, TaskFailedError
from perdure.protocol.execution import ErrorInfo
from perdure.sdk import records
from perdure.sdk.failures import normalize, rebuild
from tests.unit.sdk.exceptions import NeedsTwo, Stop, Unprintable, local_class


class BecomesAnother(Exception):
    def __new__(cls, *args: Any) -> Any:
        return ValueError(*args)


class PrintsMember(Exception):
    def __init__(self, response: object) -> None:
        super().__init__("lost")
        self.response = response

    def __str__(self) -> str:
        return f"status {self.response}"


class Odd(Exception):
    @property
    def __dict__(self) -> Any:  # type: ignore[override]
        raise RuntimeError("no members")


def _pydantic_error() -> Exception:
    try:
        pydantic.TypeAdapter(int).validate_python("x")
    except pydantic.ValidationError as error:
        return error
    raise AssertionError


def _shadowed() -> Exception:
    class Shadow(Exception):
        pass

    Shadow.__qualname__, Shadow.__module__ = "BecomesAnother", __name__
    return Shadow("not the one found by that name")


@pytest.mark.parametrize(
    "make",
    [
        local_class,
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
