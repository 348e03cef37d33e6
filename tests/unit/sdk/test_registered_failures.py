"""Exceptions for which an app says how they are stored and made again."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from perdure.errors import InvalidArgumentError, TaskFailedError
from perdure.sdk.error_forms import register_error
from perdure.sdk.failures import normalize, rebuild
from tests.unit.sdk.exceptions import Stop


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


def test_an_error_is_stored_and_made_again_by_functions() -> None:
    for encode, decode in ((None, str), (str, 5)):
        with pytest.raises(InvalidArgumentError, match="functions"):
            register_error(LookupError, encode=encode, decode=decode)  # type: ignore[arg-type,type-var]
