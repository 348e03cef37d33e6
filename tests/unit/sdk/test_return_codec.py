from __future__ import annotations

import functools
import types
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import pytest

from perdure.errors import UnsupportedTypeError
from perdure.sdk import codec as codec_module
from perdure.sdk.codec import PLAIN, codec_for, return_codec, return_type

if TYPE_CHECKING:
    from decimal import Decimal

T = TypeVar("T")


@dataclass
class Receipt:
    paid: date


def plain_function() -> Receipt:
    return Receipt(date(2024, 1, 1))


async def async_function() -> list[Receipt]:
    return []


def awaitable_function() -> Awaitable[Receipt]:
    raise AssertionError


def coroutine_function() -> Coroutine[Any, Any, Receipt]:
    raise AssertionError


def silent_function():  # type: ignore[no-untyped-def]
    return None


def nothing_function() -> None:
    return None


def generic_function(value: T) -> T:
    return value


def imported_for_types_only() -> Decimal:
    raise AssertionError


def parameter_for_types_only(amount: Decimal) -> Receipt:
    raise AssertionError


def misspelled() -> list[Reciept]:  # type: ignore[name-defined]  # noqa: F821
    raise AssertionError


class Service:
    async def load(self) -> Receipt:
        raise AssertionError

    @staticmethod
    def count() -> dict[str, int]:
        raise AssertionError

    @classmethod
    def make(cls) -> Receipt:
        raise AssertionError

    def __call__(self) -> Receipt:
        raise AssertionError


def logged(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*arguments: Any) -> Any:
        return function(*arguments)

    return call


@pytest.mark.parametrize(
    ("function", "annotation"),
    [
        (plain_function, Receipt),
        (async_function, list[Receipt]),
        (awaitable_function, Receipt),
        (coroutine_function, Receipt),
        (nothing_function, type(None)),
        (parameter_for_types_only, Receipt),
        (Service().load, Receipt),
        (Service.count, dict[str, int]),
        (Service.make, Receipt),
        (Service(), Receipt),
        (Receipt, Receipt),
        (functools.partial(plain_function), Receipt),
        (functools.partial(functools.partial(Service().load)), Receipt),
        (logged(plain_function), Receipt),
        (logged(Service().load), Receipt),
        (functools.lru_cache(plain_function), Receipt),
    ],
)
def test_the_return_annotation_decides(function: Callable[..., Any], annotation: Any) -> None:
    assert return_type(function) == annotation
    assert return_codec(function) is codec_for(annotation)
    assert return_codec(function) is codec_for(annotation)


@pytest.mark.parametrize("function", [lambda: 1, silent_function, len, functools.partial(silent_function), dict.get])
def test_without_an_annotation_results_are_plain_json(function: Callable[..., Any]) -> None:
    assert return_type(function) is None
    assert return_codec(function) is PLAIN


def test_without_a_function_results_are_plain_json() -> None:
    assert return_codec(None) is PLAIN


def test_a_type_variable_stands_for_any_json() -> None:
    assert return_codec(generic_function).store([1, {"a": 2}])[1] == [1, {"a": 2}]


@pytest.mark.parametrize("function", [imported_for_types_only, misspelled, functools.partial(misspelled)])
def test_an_annotation_that_cannot_be_resolved_names_the_function_and_as_type(function: Callable[..., Any]) -> None:
    with pytest.raises(UnsupportedTypeError) as caught:
        return_codec(function)
    assert "as_type=" in caught.value.message
    name = "imported_for_types_only" if function is imported_for_types_only else "misspelled"
    assert caught.value.message.startswith(f"The return annotation of {name} is ")


def test_a_class_local_to_a_function_cannot_be_resolved() -> None:
    class Local:
        pass

    def body() -> Local:
        return Local()

    with pytest.raises(UnsupportedTypeError, match="Local, which cannot be resolved"):
        return_codec(body)


def test_with_as_type_the_annotation_is_not_looked_at() -> None:
    assert return_codec(misspelled, Receipt) is codec_for(Receipt)
    assert return_codec(misspelled, list[Receipt]) is codec_for(list[Receipt])


def test_bodies_made_anew_from_the_same_code_share_a_codec() -> None:
    def make() -> Callable[[], Any]:
        def body() -> list[Receipt]:
            return []

        return body

    assert return_codec(make()) is return_codec(make())


def test_bodies_of_one_code_with_different_annotations_do_not_share_a_codec() -> None:
    def make(kind: type) -> Callable[[], Any]:
        def body():  # type: ignore[no-untyped-def]
            return None

        body.__annotations__["return"] = kind
        return body

    for wrapped in (lambda kind: kind, lambda kind: list[kind]):
        assert return_codec(make(wrapped(int))) is codec_for(wrapped(int))
        assert return_codec(make(wrapped(date))) is codec_for(wrapped(date))
        assert return_codec(make(wrapped(int))) is codec_for(wrapped(int))


@pytest.mark.parametrize("annotation", ["Thing", "'Thing'", "Literal['Thing'] | Thing"])
def test_a_class_that_is_defined_anew_is_another_class(annotation: str) -> None:
    scope: dict[str, Any] = {"Literal": Literal}
    exec(f"def body() -> {annotation}: ...", scope)
    for _ in range(2):
        exec("from dataclasses import dataclass\n@dataclass\nclass Thing:\n    size: int", scope)
        codec = return_codec(scope["body"])
        assert type(codec.store(scope["Thing"](1))[1]) is scope["Thing"]


def test_a_wrapped_function_is_resolved_where_it_was_written() -> None:
    elsewhere: dict[str, Any] = {}
    exec("class Away: ...\ndef body() -> 'Away | int': ...", elsewhere)
    wrapped = logged(elsewhere["body"])
    assert isinstance(wrapped, types.FunctionType)
    assert return_type(wrapped) == (elsewhere["Away"] | int)


def test_the_annotation_of_a_partial_or_of_a_callable_object_is_resolved_once(monkeypatch: pytest.MonkeyPatch) -> None:
    resolved: list[object] = []
    resolve = codec_module.return_annotation

    def note(function: Any) -> Any:
        resolved.append(function)
        return resolve(function)

    monkeypatch.setattr(codec_module, "return_annotation", note)

    def add(one: int, other: int) -> int:
        return one + other

    class Adder:
        def __call__(self) -> int:
            return 1

    for make in (lambda: functools.partial(add, 1), Adder):
        resolved.clear()
        assert {return_codec(make()).annotation for _ in range(5)} == {int}
        assert len(resolved) == 1
